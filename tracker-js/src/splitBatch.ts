/** The longest head of the batch that stays within `limit` bytes of JSON (at least one event), and the rest. */
export function splitBatch<T>(events: readonly T[], limit: number): [head: T[], rest: T[]] {
  let size = 0;
  const tooBig = events.findIndex((event, index) => {
    size += byteLength(JSON.stringify(event)) + 1;
    return index > 0 && size > limit;
  });
  const end = tooBig < 0 ? events.length : tooBig;
  return [events.slice(0, end), events.slice(end)];
}

/** UTF-8 bytes: each escape of encodeURIComponent stands for one byte. */
function byteLength(text: string): number {
  return encodeURIComponent(text).replace(/%../g, '_').length;
}
