import type { Answer } from './post.js';

const MOST_TRIES = 6;
const FIRST_MS = 1000;
const LONGEST_MS = 3_600_000;

/**
 * How long to wait before sending the same events again, in ms; undefined = never again. No answer, 429 and 5xx pass.
 * What the receiver refused it would refuse again, unless it names a time itself: a site's settings may still be on
 * their way to it (401 with Retry-After).
 */
export function retryDelay(
  { status, retryAfter }: Answer,
  tries: number,
  clock: { now(): number; random(): number },
): number | undefined {
  const passing = status === 0 || status === 429 || status >= 500 || (status === 401 && retryAfter);
  if (!passing || tries >= MOST_TRIES) return undefined;
  const asked = retryAfter ? askedDelay(retryAfter, clock.now()) : 0;
  // Half of it is left to chance, so that all pages of a site do not come back in one moment.
  const backoff = FIRST_MS * 2 ** (tries - 1) * (0.5 + clock.random() / 2);
  return Math.min(Math.max(asked, backoff), LONGEST_MS);
}

/** Retry-After is a number of seconds or a date. */
function askedDelay(retryAfter: string, now: number): number {
  const seconds = Number(retryAfter);
  return (Number.isNaN(seconds) ? Date.parse(retryAfter) - now : seconds * 1000) || 0;
}
