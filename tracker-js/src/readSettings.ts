import type { TrackingSettings } from '../types/index.js';
import { guidOf } from './guidOf.js';
import type { LoadedTracking } from './page.js';

export interface Address {
  /** Receiver URL without a slash at its end. */
  receiver: string;
  tenant: string;
  resource: string;
}

/** Where to send to, or why the engine cannot start, as a sentence for the site owner. */
export function readSettings(tracking: LoadedTracking | undefined): Address | string {
  if (!tracking?.v) return 'creatioTracking.v is missing: the snippet belongs above the engine';
  if (tracking.engine) return `engine ${tracking.engine} is already running on this page`;
  return readAddress(tracking.v);
}

function readAddress({ hst, tnt, res }: Partial<TrackingSettings>): Address | string {
  const receiver = String(hst || '').replace(/\/+$/, '');
  const tenant = guidOf(tnt);
  const resource = guidOf(res);
  if (!receiver) return 'creatioTracking.v.hst must be the URL of the receiver';
  if (!tenant) return 'creatioTracking.v.tnt must be the GUID of the tenant';
  if (!resource) return 'creatioTracking.v.res must be the GUID of the resource';
  return { receiver, tenant, resource };
}
