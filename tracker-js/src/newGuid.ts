/** A random GUID (version 4). `randomUUID` exists in secure contexts only, and sites on plain http are sites too. */
export function newGuid(page: Pick<Window, 'crypto'>): string {
  const crypto: Partial<Crypto> | undefined = page.crypto;
  if (crypto?.randomUUID) return crypto.randomUUID();
  return '10000000-1000-4000-8000-100000000000'.replace(/[018]/g, (digit) => {
    const random = crypto?.getRandomValues
      ? (crypto.getRandomValues(new Uint8Array(1))[0] as number)
      : Math.random() * 256;
    // 0 and 1 take any hex digit; 8 is the variant and takes 8 to b.
    return (digit === '8' ? 8 + (random & 3) : random & 15).toString(16);
  });
}
