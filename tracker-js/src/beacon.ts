import type { Page } from './page.js';

/** Hands the body to the browser, which sends it after the page is gone. False = it would not take it. */
export function beacon({ navigator }: Pick<Page, 'navigator'>, url: string, body: string): boolean {
  // A string goes out as text/plain;charset=UTF-8, which needs no preflight.
  return Boolean(navigator.sendBeacon?.(url, body));
}
