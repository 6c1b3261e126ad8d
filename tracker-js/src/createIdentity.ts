import { PERSON } from './contract.js';
import type { CookieJar } from './createCookieJar.js';
import type { Page } from './page.js';
import { personId } from './personId.js';
import { rememberLanding } from './rememberLanding.js';
import { visitorId } from './visitorId.js';
import type { WirePerson } from './wire.js';

/** Tells who is there, and sets the cookies with the first answer: not before, so that nothing is set without consent. */
export function createIdentity(
  page: Page,
  jar: CookieJar,
  newGuid: () => string,
): () => WirePerson {
  // Taken now: a single-page app may have changed the address by the time of an event.
  const { href, search } = page.location;
  const { referrer } = page.document;
  let remembered = false;

  return () => {
    if (!remembered) rememberLanding({ href, referrer }, jar);
    remembered = true;
    const contactId = personId(PERSON.contact, search, jar);
    const bulkEmailRecipientId = personId(PERSON.recipient, search, jar);
    return {
      trackingId: visitorId(jar, newGuid),
      ...(contactId && { contactId }),
      ...(bulkEmailRecipientId && { bulkEmailRecipientId }),
    };
  };
}
