import type { Debug } from './createDebug.js';
import type { Sender } from './createSender.js';
import type { Tracker } from './createTracker.js';
import { guard } from './guard.js';
import type { Page } from './page.js';

/** Sends before the page goes, and counts its return. */
export function watchPage(page: Page, tracker: Tracker, sender: Sender, debug: Debug): void {
  // On phones a hidden page is often never heard of again. It may come back, too: so send, rather than hand over.
  const hidden = () => page.document.visibilityState === 'hidden' && sender.flush();
  // From the back/forward cache a page returns without a load; to its visitor that is a page view like any other.
  const shown = (event: PageTransitionEvent) => event.persisted && tracker.pageView(Date.now());

  page.document.addEventListener('visibilitychange', guard(hidden, debug));
  page.addEventListener('pagehide', guard(sender.leave, debug));
  page.addEventListener('pageshow', guard(shown, debug));
}
