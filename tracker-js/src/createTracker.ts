import type { Consent, EventDetail } from '../types/index.js';
import { PAGE_LOAD } from './contract.js';
import type { Debug } from './createDebug.js';
import type { Sender } from './createSender.js';
import { createSequence } from './createSequence.js';
import { describeCall } from './describeCall.js';
import { describePage } from './describePage.js';
import type { Page } from './page.js';
import type { WireCall, WireEvent, WirePerson } from './wire.js';

export interface Tracker {
  /** Begins a page view, with its event. `at`: ms since 1970. */
  pageView(at: number): void;
  registerEvent(type: unknown, detail: EventDetail | null | undefined, at: number): void;
}

export interface TrackerParts {
  page: Page;
  consent: () => Consent;
  identity: () => WirePerson;
  sender: Pick<Sender, 'add'>;
  newGuid: () => string;
  debug: Debug;
}

/** Makes events: everything about one is frozen here, before it is queued. */
export function createTracker(parts: TrackerParts): Tracker {
  const { page, identity, sender, newGuid, debug } = parts;
  const next = createSequence(page);
  let view = '';

  function registerEvent(type: unknown, detail: EventDetail | null | undefined, at: number): void {
    const consent = parts.consent();
    const call = describeCall(type, detail);
    if (!call) debug('registerEvent needs a type', { type, detail });
    else if (consent === 'denied') debug('not sent: no consent', call);
    else sender.add(event(call, consent, at));
  }

  function event(call: WireCall, consent: Consent, at: number): WireEvent {
    return {
      id: newGuid(),
      ...identity(),
      pageView: view,
      seq: next(),
      ...call,
      occurred: new Date(at).toISOString(),
      ...describePage(page),
      properties: {},
      consent,
    };
  }

  function pageView(at: number): void {
    view = newGuid();
    registerEvent(PAGE_LOAD, undefined, at);
  }

  return { pageView, registerEvent };
}
