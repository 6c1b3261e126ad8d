import type { EventDetail } from '../types/index.js';
import { wellFormed } from './wellFormed.js';
import type { WireCall } from './wire.js';

/** The arguments of `registerEvent` as the wire wants them, whatever the page passed; undefined without a type. */
export function describeCall(
  type: unknown,
  detail: EventDetail | null | undefined,
): WireCall | undefined {
  const named = wellFormed(type).trim();
  if (!named) return undefined;
  const { name, value, cost } = detail ?? {};
  return { type: named, name: wellFormed(name), value: wellFormed(value), cost: amount(cost) };
}

/** Shops often hold a price as text; one that is no number must not cost us the event. */
function amount(cost: unknown): number | null {
  const given = typeof cost === 'string' ? cost.trim() : cost;
  const number = given === '' || given === null ? Number.NaN : Number(given);
  return Number.isFinite(number) ? number : null;
}
