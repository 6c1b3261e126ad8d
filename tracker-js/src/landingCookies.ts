import { bareHost } from './bareHost.js';
import { landingUrl } from './landingUrl.js';

export interface Landing {
  referrer?: string;
  landing?: string;
}

/** Which of the two landing cookies to write on this page, given what they hold now (undefined = absent). */
export function landingCookies(
  page: { href: string; referrer: string },
  stored: { referrer: string | undefined; landing: string | undefined },
): Landing {
  const from = bareHost(page.referrer);
  if (from === bareHost(page.href)) return {};

  const here = landingUrl(page.href);
  const campaign = /^[^?#]*\?([^#]*&)?utm_/.test(page.href);
  if (from || campaign) return { referrer: from, landing: here };

  const direct: Landing = {};
  if (stored.referrer === undefined) direct.referrer = '';
  if (stored.landing === undefined || !stored.referrer) direct.landing = here;
  return direct;
}
