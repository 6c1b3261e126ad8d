/** Never run: `npm run check` compiles it. What a site's own TypeScript may write, and what it may not. */
import type { Consent, CreatioTracking, EventDetail, EventType } from 'footfall-tracker';

creatioTracking.registerEvent('ADD_TO_CART');
creatioTracking.registerEvent('a_type_of_our_own', {
  name: 'Boots',
  value: 'SKU-1042',
  cost: 129.5,
});
window.creatioTracking.v.consent = 'granted';
creatioTracking.v = { hst: 'https://events.example/receiver', tnt: 'guid', res: 'guid' };

const tracking: CreatioTracking = window.creatioTracking;
tracking.registerEvent('LEAD', { value: 7 });
const type: EventType = 'page-load';
const detail: EventDetail = {};
const consent: Consent = 'unknown';
export const used = [type, detail, consent];

// @ts-expect-error a type is needed
creatioTracking.registerEvent();
// @ts-expect-error a type is text
creatioTracking.registerEvent(7);
// @ts-expect-error a cost is a number
creatioTracking.registerEvent('LEAD', { cost: '12.50' });
// @ts-expect-error there is no such detail
creatioTracking.registerEvent('LEAD', { price: 12.5 });
// @ts-expect-error consent is one of three words
creatioTracking.v.consent = 'yes';
// @ts-expect-error the engine's own parts are no business of a site
creatioTracking.q;
