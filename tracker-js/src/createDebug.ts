import { COOKIE } from './contract.js';
import type { CookieJar } from './createCookieJar.js';

export type Debug = (message: string, detail?: unknown) => void;

/** Speaks on the console of those who asked for it by cookie, and of nobody else. */
export function createDebug(jar: CookieJar): Debug {
  return (message, detail) => {
    if (jar.read(COOKIE.debug).includes('1')) console.warn(`footfall: ${message}`, detail ?? '');
  };
}
