import { COOKIE } from './contract.js';
import type { CookieJar } from './createCookieJar.js';
import { landingCookies } from './landingCookies.js';

/** Writes where this visit came from, by the rules of `landingCookies`. */
export function rememberLanding(page: { href: string; referrer: string }, jar: CookieJar): void {
  const { referrer, landing } = landingCookies(page, {
    referrer: jar.read(COOKIE.referrer)[0],
    landing: jar.read(COOKIE.landing)[0],
  });
  if (referrer !== undefined) jar.write(COOKIE.referrer, referrer);
  if (landing !== undefined) jar.write(COOKIE.landing, landing);
}
