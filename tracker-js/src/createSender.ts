import { BATCH_BYTES } from './contract.js';
import { handOver } from './handOver.js';
import type { Answer } from './post.js';
import { retryDelay } from './retryDelay.js';
import { splitBatch } from './splitBatch.js';
import type { Transport } from './transport.js';
import type { WireEvent } from './wire.js';

export interface Sender {
  add(event: WireEvent): void;
  /** Sends now what waits, without regard to a pause. */
  flush(): void;
  /** The page may be going: gives the browser all that has not been sent. */
  leave(): void;
}

/** A page that was open all through an outage must not grow without end. */
const MOST_WAITING = 500;

/** Sends events in their order, one request at a time, in memory only: a lasting queue would take this one's place. */
export function createSender(transport: Transport): Sender {
  let waiting: WireEvent[] = [];
  let flying: WireEvent[] = [];
  /** Whether the flying request outlives the page, and whether the page has begun to go since. */
  let outlives = false;
  let leaving = false;
  let tries = 0;
  let cancel: (() => void) | undefined;

  function flushIn(ms: number): void {
    cancel?.();
    cancel = transport.later(flush, ms);
  }

  function flush(): void {
    cancel?.();
    cancel = undefined;
    forgetUnlessAllowed();
    if (flying.length > 0 || waiting.length === 0) return;
    [flying, waiting] = splitBatch(waiting, BATCH_BYTES);
    tries += 1;
    leaving = false;
    outlives = transport.post(transport.body(flying), settle);
  }

  function forgetUnlessAllowed(): void {
    if (transport.allowed()) return;
    transport.lost('consent withdrawn', waiting);
    waiting = [];
  }

  function settle(answer: Answer): void {
    const batch = flying;
    flying = [];
    const delay = retryDelay(answer, tries, transport.clock);
    // A page that goes hears nothing of a request that the browser goes on with.
    if (leaving && outlives && answer.status === 0) sendNext();
    else if (delay === undefined) {
      transport.answered(answer, batch);
      sendNext();
    } else {
      waiting = [...batch, ...waiting];
      flushIn(delay);
    }
  }

  function sendNext(): void {
    tries = 0;
    if (waiting.length > 0) flushIn(0);
  }

  function add(event: WireEvent): void {
    if (waiting.length >= MOST_WAITING) {
      transport.lost('too many events are waiting', [event]);
      return;
    }
    waiting.push(event);
    // Not at once: what a page registers in one go travels in one request.
    if (!cancel && flying.length === 0) flushIn(0);
  }

  function leave(): void {
    leaving = true;
    forgetUnlessAllowed();
    // The receiver knows the ids: what was on its way after all counts once.
    const dying = outlives || !transport.allowed() ? [] : flying;
    waiting = handOver([...dying, ...waiting], transport).filter((left) => !flying.includes(left));
  }

  return { add, flush, leave };
}
