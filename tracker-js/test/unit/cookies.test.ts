import assert from 'node:assert/strict';
import test from 'node:test';
import { cookieValues } from '../../src/cookieValues.js';
import type { CookieJar } from '../../src/createCookieJar.js';
import { landingCookies } from '../../src/landingCookies.js';
import { landingUrl } from '../../src/landingUrl.js';
import { parentDomains } from '../../src/parentDomains.js';
import { personId } from '../../src/personId.js';
import { visitorId } from '../../src/visitorId.js';

const ID = '3f2504e0-4f89-41d3-9a0c-0305e82c3301';
const OTHER = '9b2d1c70-1111-4222-8333-444455556666';
const HREF = 'https://www.shop.example/a?x=1';
const ABSENT = { referrer: undefined, landing: undefined };

/** A jar over a list of pairs; `keeps: false` is a browser that forbids cookies. */
function jarOf(pairs: [string, string][], keeps = true): CookieJar & { pairs: [string, string][] } {
  return {
    pairs,
    read: (name) => pairs.filter(([key]) => key === name).map(([, value]) => value),
    write: (name, value) => {
      if (keeps) pairs.push([name, value]);
    },
    remove: (name) => {
      pairs.splice(0, pairs.length, ...pairs.filter(([key]) => key !== name));
    },
  };
}

test('cookie values are found by their whole name', () => {
  const cookies = 'xbpmRef=no; bpmRef=; bpmHref=https://a.example/?b=c=d; bpmRef=second';
  assert.deepEqual(cookieValues(cookies, 'bpmRef'), ['', 'second']);
  assert.deepEqual(cookieValues(cookies, 'bpmHref'), ['https://a.example/?b=c=d']);
  assert.deepEqual(cookieValues('', 'bpmRef'), []);
});

test('domains to try go from the shortest to the host itself, and addresses have none', () => {
  assert.deepEqual(parentDomains('www.shop.co.uk'), ['co.uk', 'shop.co.uk', 'www.shop.co.uk']);
  for (const host of ['localhost', '127.0.0.1', '[::1]', ''])
    assert.deepEqual(parentDomains(host), []);
});

test('a present id is neither changed nor written again', () => {
  const jar = jarOf([['bpmTrackingId', ID]]);
  assert.equal(
    visitorId(jar, () => OTHER),
    ID,
  );
  assert.deepEqual(jar.pairs, [['bpmTrackingId', ID]]);
});

test('the former id moves to the new name, and the former cookie goes', () => {
  const jar = jarOf([['bpmSessionId', ID.toUpperCase()]]);
  assert.equal(
    visitorId(jar, () => OTHER),
    ID,
  );
  assert.deepEqual(jar.pairs, [['bpmTrackingId', ID]]);
});

test('a former id does not replace a present one', () => {
  const jar = jarOf([
    ['bpmSessionId', OTHER],
    ['bpmTrackingId', ID],
  ]);
  assert.equal(
    visitorId(jar, () => OTHER),
    ID,
  );
  assert.deepEqual(jar.pairs, [['bpmTrackingId', ID]]);
});

test('a value that is no GUID is no id: a new one is made beside it and found again', () => {
  const jar = jarOf([['bpmTrackingId', 'undefined']]);
  assert.equal(
    visitorId(jar, () => ID),
    ID,
  );
  assert.equal(
    visitorId(jar, () => OTHER),
    ID,
  );
});

test('a browser that keeps no cookies has no id, and keeps its former cookie', () => {
  const jar = jarOf([['bpmSessionId', ID]], false);
  assert.equal(
    visitorId(jar, () => OTHER),
    null,
  );
  assert.deepEqual(jar.pairs, [['bpmSessionId', ID]]);
});

test('a person is told by the URL first, then by a cookie, and only by a GUID', () => {
  const jar = jarOf([['ContactId', OTHER]]);
  assert.equal(personId('ContactId', `?ContactId=${ID}`, jar), ID);
  assert.equal(personId('ContactId', '?ContactId=me', jar), OTHER);
  assert.equal(personId('ContactId', '', jarOf([['ContactId', '1 OR 1=1']])), undefined);
});

test('a page of the same site writes no landing, with or without www., whatever its marks', () => {
  for (const referrer of ['https://shop.example/b', 'https://www.shop.example/'])
    assert.deepEqual(landingCookies({ href: `${HREF}&utm_source=x`, referrer }, ABSENT), {});
});

test('a first direct visit writes both', () => {
  const direct = { href: HREF, referrer: '' };
  assert.deepEqual(landingCookies(direct, ABSENT), { referrer: '', landing: HREF });
});

test('a further direct visit renews the landing only where the last one was direct', () => {
  const direct = { href: HREF, referrer: '' };
  assert.deepEqual(landingCookies(direct, { referrer: '', landing: 'old' }), { landing: HREF });
  assert.deepEqual(landingCookies(direct, { referrer: 'search.example', landing: 'old' }), {});
  const noLanding = { referrer: 'search.example', landing: undefined };
  assert.deepEqual(landingCookies(direct, noLanding), { landing: HREF });
});

test('a referrer or a campaign overwrites both', () => {
  const stored = { referrer: 'old.example', landing: 'old' };
  const referrer = 'https://www.search.example/?q=boots';
  assert.deepEqual(landingCookies({ href: HREF, referrer }, stored), {
    referrer: 'search.example',
    landing: HREF,
  });
  const campaign = `${HREF}&utm_source=newsletter`;
  assert.deepEqual(landingCookies({ href: campaign, referrer: '' }, stored), {
    referrer: '',
    landing: campaign,
  });
});

test('a mark in the fragment or inside a value is no campaign', () => {
  for (const href of [`${HREF}#?utm_source=x`, 'https://shop.example/?q=utm_source'])
    assert.deepEqual(landingCookies({ href, referrer: '' }, { referrer: 'r', landing: 'l' }), {});
});

test('a landing that is too long for a cookie loses whole parameters from its end', () => {
  const long = `https://shop.example/?utm_source=x&a=${'1'.repeat(3000)}&b=${'2'.repeat(3000)}`;
  assert.equal(landingUrl(long), `https://shop.example/?utm_source=x&a=${'1'.repeat(3000)}`);
  assert.equal(landingUrl('https://shop.example/a;b?c=d;e'), 'https://shop.example/a%3Bb?c=d%3Be');
});
