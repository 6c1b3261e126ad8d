/** Browsers drop a cookie of more than 4,096 bytes silently; this leaves room for its name and attributes. */
const LONGEST = 3800;

/**
 * A URL as a cookie value: as it is, since landing forms hand it on unread, but for what ends a cookie. One that is
 * too long loses whole parameters from its end.
 */
export function landingUrl(href: string): string {
  const value = href.replace(/;/g, '%3B');
  return value.length > LONGEST ? value.slice(0, LONGEST).replace(/[?&#][^?&#]*$/, '') : value;
}
