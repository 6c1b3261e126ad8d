import type { Consent, TrackingSettings } from '../types/index.js';

/**
 * What the visitor agreed to, asked anew at each event. A value that we do not know (`false`, `'no'`) was surely meant
 * as a refusal: nobody is tracked against their wish because of a spelling.
 */
export function consentOf(settings: Pick<TrackingSettings, 'consent'>): Consent {
  const said: string | null | undefined = settings.consent;
  if (said === undefined || said === null) return 'unknown';
  return said === 'granted' || said === 'unknown' ? said : 'denied';
}
