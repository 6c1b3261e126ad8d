/** The native door's request, field for field as the receiver reads it (docs/event-schema.json). */

import type { Consent } from '../types/index.js';

export interface WireScreen {
  width: number;
  height: number;
  availWidth: number;
  availHeight: number;
  pixelDepth: number;
  colorDepth: number;
}

/** What the page and the browser say about themselves. */
export interface WirePage {
  href: string;
  referrer: string;
  title: string;
  language: string;
  languages: readonly string[];
  platform: string;
  screen: WireScreen;
}

/** What a call of `registerEvent` says. */
export interface WireCall {
  type: string;
  name: string;
  value: string;
  cost: number | null;
}

/** Who is there; the two ids are left out when nobody told them. */
export interface WirePerson {
  /** null where the browser keeps no cookies: such an event counts, but belongs to no visitor. */
  trackingId: string | null;
  contactId?: string;
  bulkEmailRecipientId?: string;
}

export interface WireEvent extends WirePage, WireCall, WirePerson {
  id: string;
  pageView: string;
  seq: number;
  /** ISO 8601 in UTC. */
  occurred: string;
  properties: Record<string, never>;
  consent: Consent;
}

export interface WireRequest {
  v: number;
  tenant: string;
  resource: string;
  sent: string;
  sdk: { name: string; version: string };
  events: readonly WireEvent[];
}
