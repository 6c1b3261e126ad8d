/** Every name that is fixed by Creatio's public contract or by the receiver, each in this one place. */

export const COOKIE = {
  /** Long-lived browser id. */
  visitor: 'bpmTrackingId',
  /** What version 1 called it; its value moves over. */
  formerVisitor: 'bpmSessionId',
  /** Referrer host of the landing, empty for a direct visit. */
  referrer: 'bpmRef',
  /** URL of the landing, with its UTM marks. */
  landing: 'bpmHref',
  /** `=1` loads the unminified engine and lets it speak on the console. */
  debug: 'CRTTRKG_DBG',
} as const;

/** Set by a bulk-mail link as URL parameters, or by the site as cookies: the same name in both. */
export const PERSON = { contact: 'ContactId', recipient: 'BulkEmailRecipientId' } as const;

/** 180 days, in seconds; a plain number, so that the loader does not carry it. */
export const COOKIE_MAX_AGE = 15_552_000;

export const PAGE_LOAD = 'page-load';

/** Below the receiver; `.min.js` or `.js` follows. */
export const ENGINE_PATH = '/JS/creatio-tracking-engine';

export const EVENTS_PATH = '/api/events';

export const ENVELOPE_VERSION = 1;

export const SDK_NAME = 'footfall-tracker';

/** Browsers allow 64 KiB to all requests together that outlive the page. */
export const BATCH_BYTES = 50_000;
