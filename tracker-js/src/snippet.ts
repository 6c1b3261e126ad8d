/**
 * The loader that a site owner pastes into every page, below its <title>. The build wraps it into a <script> element;
 * who hands it out fills in the three places (JSON-escaped, `<` as \u003c).
 */
import { COOKIE, ENGINE_PATH } from './contract.js';
import { cookieValues } from './cookieValues.js';
import type { LoadedTracking } from './page.js';

const tracking = (window.creatioTracking ?? {}) as LoadedTracking;
window.creatioTracking = tracking;

// Pasted twice, it acts once.
if (!tracking.t) {
  tracking.t = Date.now();
  // A site may have stated the consent above the snippet.
  tracking.v = Object.assign(tracking.v ?? {}, { hst: '{{hst}}', tnt: '{{tnt}}', res: '{{res}}' });
  tracking.q = [];
  // `tracking.q`, read at each call: the engine puts its own there.
  tracking.registerEvent = (type, detail) => {
    tracking.q?.push([type, detail, Date.now()]);
  };

  let debug = false;
  try {
    debug = cookieValues(document.cookie, COOKIE.debug).includes('1');
  } catch {
    // a page without cookies
  }
  const script = document.createElement('script');
  script.async = true;
  script.src = `${tracking.v.hst}${ENGINE_PATH}${debug ? '' : '.min'}.js`;
  document.head.appendChild(script);
}
