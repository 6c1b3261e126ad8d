/** What the sender needs of a browser; `createTransport` makes it of a real one. */

import type { Answer } from './post.js';
import type { WireEvent } from './wire.js';

export interface Transport {
  /** False = consent was withdrawn: what still waits is not sent any more. */
  allowed(): boolean;
  /** A request around the events, stamped with the time of sending. */
  body(events: readonly WireEvent[]): string;
  /** True = the request outlives the page. */
  post(body: string, done: (answer: Answer) => void): boolean;
  /** False = not taken. */
  beacon(body: string): boolean;
  later(run: () => void, ms: number): () => void;
  clock: { now(): number; random(): number };
  /** Told every answer after which its events are not sent again. */
  answered(answer: Answer, events: readonly WireEvent[]): void;
  /** Told what is not sent at all. */
  lost(reason: string, events: readonly WireEvent[]): void;
}
