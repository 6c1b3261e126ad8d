import type { CookieJar } from './createCookieJar.js';
import { firstGuid } from './firstGuid.js';

/** A person's id as a mail link or the site gave it: URL parameter first, then cookie. */
export function personId(name: string, search: string, jar: CookieJar): string | undefined {
  return firstGuid([...new URLSearchParams(search).getAll(name), ...jar.read(name)]);
}
