/** What the loader leaves on the page for the engine, beside the public part. */

import type { CreatioTracking, EventDetail, EventType } from '../types/index.js';

/** A call made before the engine was there: arguments, and when (ms since 1970). */
export type EarlyCall = [type: EventType, detail: EventDetail | undefined, at: number];

export interface LoadedTracking extends CreatioTracking {
  /** Early calls. The engine puts its own `push` here, for pages that keep a reference to the stub. */
  q?: EarlyCall[] | { push(call: EarlyCall): void };
  /** When the loader ran: the time of the page view. */
  t?: number;
  /** Version of the engine that is running; a second one keeps away. */
  engine?: string;
}

export type Page = Window & typeof globalThis;
