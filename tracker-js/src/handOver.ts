import { BATCH_BYTES } from './contract.js';
import { splitBatch } from './splitBatch.js';
import type { Transport } from './transport.js';
import type { WireEvent } from './wire.js';

/** Gives events to the browser to be sent after the page is gone; returns those that it would not take. */
export function handOver(
  events: readonly WireEvent[],
  transport: Pick<Transport, 'body' | 'beacon'>,
): readonly WireEvent[] {
  const [head, rest] = splitBatch(events, BATCH_BYTES);
  if (head.length === 0 || !transport.beacon(transport.body(head))) return events;
  return handOver(rest, transport);
}
