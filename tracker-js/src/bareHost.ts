/** The host of a URL without `www.`; empty for no URL. */
export function bareHost(url: string): string {
  try {
    return new URL(url).hostname.replace(/^www\./, '');
  } catch {
    return '';
  }
}
