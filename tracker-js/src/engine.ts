import { guard } from './guard.js';
import { start } from './start.js';

/** Set by the build, from package.json. */
declare const VERSION: string;

const run = guard(
  () => start(window, VERSION),
  () => {
    // No page at all (a server that renders), or one where not even the means to complain could be made.
  },
);
run();
