import { COOKIE } from './contract.js';
import type { CookieJar } from './createCookieJar.js';
import { firstGuid } from './firstGuid.js';

/** This browser's id: the one present, else the former name's value, else a new one. null where cookies are not kept. */
export function visitorId(jar: CookieJar, newGuid: () => string): string | null {
  const former = jar.read(COOKIE.formerVisitor);
  if (!firstGuid(jar.read(COOKIE.visitor))) {
    jar.write(COOKIE.visitor, firstGuid(former) ?? newGuid());
  }
  // Read back: an id that the browser did not keep would make a new visitor of every page.
  const kept = firstGuid(jar.read(COOKIE.visitor));
  if (kept && former.length > 0) jar.remove(COOKIE.formerVisitor);
  return kept ?? null;
}
