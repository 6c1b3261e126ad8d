/** `a.b.example` gives `b.example`, `a.b.example`: shortest first. Nothing for an address or a single word. */
export function parentDomains(hostname: string): string[] {
  if (/^[\d.]+$|:/.test(hostname)) return [];
  const labels = hostname.split('.');
  return labels.slice(1).map((_, index) => labels.slice(-2 - index).join('.'));
}
