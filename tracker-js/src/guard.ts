import type { Debug } from './createDebug.js';

/** The engine's one outer wall: whatever goes wrong in here must not be the page's problem. */
export function guard<A extends unknown[]>(
  run: (...args: A) => void,
  debug: Debug,
): (...args: A) => void {
  return (...args) => {
    try {
      run(...args);
    } catch (error) {
      debug('an error inside the engine', error);
    }
  };
}
