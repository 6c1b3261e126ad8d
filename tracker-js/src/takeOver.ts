import type { Debug } from './createDebug.js';
import type { Tracker } from './createTracker.js';
import { guard } from './guard.js';
import type { EarlyCall, LoadedTracking } from './page.js';

/** Puts the engine in the stub's place, and does first what was asked of the stub, in its order and with its times. */
export function takeOver(tracking: LoadedTracking, tracker: Tracker, debug: Debug): void {
  const register = guard(tracker.registerEvent, debug);
  const early = tracking.q;
  // A script may have kept a reference to the stub, which goes on pushing.
  tracking.q = { push: (call: EarlyCall) => register(...call) };
  tracking.registerEvent = (type, detail) => register(type, detail, Date.now());
  if (Array.isArray(early)) for (const call of early as EarlyCall[]) register(...call);
}
