import { consentOf } from './consentOf.js';
import { createCookieJar } from './createCookieJar.js';
import { createDebug } from './createDebug.js';
import { createIdentity } from './createIdentity.js';
import { createSender } from './createSender.js';
import { createTracker } from './createTracker.js';
import { createTransport } from './createTransport.js';
import { guard } from './guard.js';
import { newGuid } from './newGuid.js';
import type { LoadedTracking, Page } from './page.js';
import { readSettings } from './readSettings.js';
import { takeOver } from './takeOver.js';
import { watchPage } from './watchPage.js';

/** Starts the engine on a page, once: a second snippet in the same page changes nothing. */
export function start(page: Page, version: string): void {
  const jar = createCookieJar(page);
  const debug = createDebug(jar);
  const tracking: LoadedTracking | undefined = page.creatioTracking;
  const address = readSettings(tracking);
  if (!tracking || typeof address === 'string') {
    debug('not started', address);
    return;
  }
  tracking.engine = version;

  const guid = () => newGuid(page);
  // Asked anew each time: visitors change their mind, and scripts the settings object.
  const consent = () => consentOf(tracking.v);
  const transport = createTransport(page, address, version, debug);
  const sender = createSender({ ...transport, allowed: () => consent() !== 'denied' });
  const identity = createIdentity(page, jar, guid);
  const tracker = createTracker({ page, consent, identity, sender, newGuid: guid, debug });

  const run = () => {
    guard(tracker.pageView, debug)(tracking.t ?? Date.now());
    takeOver(tracking, tracker, debug);
    watchPage(page, tracker, sender, debug);
  };
  whenSeen(page.document, guard(run, debug));
}

/** A prerendered page is no page view until somebody looks at it. */
function whenSeen(document: Document & { prerendering?: boolean }, run: () => void): void {
  if (document.prerendering) document.addEventListener('prerenderingchange', run, { once: true });
  else run();
}
