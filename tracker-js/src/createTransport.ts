import { beacon } from './beacon.js';
import { ENVELOPE_VERSION, EVENTS_PATH, SDK_NAME } from './contract.js';
import type { Debug } from './createDebug.js';
import { guard } from './guard.js';
import type { Page } from './page.js';
import { post } from './post.js';
import type { Address } from './readSettings.js';
import { rejections } from './rejections.js';
import type { Transport } from './transport.js';
import type { WireEvent, WireRequest } from './wire.js';

/** The browser's ways to the receiver. */
export function createTransport(
  page: Page,
  address: Address,
  version: string,
  debug: Debug,
): Omit<Transport, 'allowed'> {
  const url = address.receiver + EVENTS_PATH;

  function body(events: readonly WireEvent[]): string {
    const request: WireRequest = {
      v: ENVELOPE_VERSION,
      tenant: address.tenant,
      resource: address.resource,
      sent: new Date().toISOString(),
      sdk: { name: SDK_NAME, version },
      events,
    };
    return JSON.stringify(request);
  }

  return {
    body,
    post: (text, done) => post(page, url, text, guard(done, debug)),
    beacon: (text) => beacon(page, url, text),
    later: (run, ms) => {
      const timer = page.setTimeout(guard(run, debug), ms);
      return () => page.clearTimeout(timer);
    },
    clock: { now: () => Date.now(), random: () => Math.random() },
    lost: (reason, events) => debug(reason, events),
    answered: (answer, events) => {
      for (const refused of rejections(answer)) debug('refused by the receiver', refused);
      if (answer.status !== 200) debug('given up', events);
    },
  };
}
