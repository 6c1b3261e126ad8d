/** All values of one name in `document.cookie`: a host and its parent domain may both hold one. */
export function cookieValues(cookies: string, name: string): string[] {
  return cookies
    .split(/;\s*/)
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
}
