/**
 * The built engine says exactly what the golden payloads say, which Python reads as well (tests/data/events).
 * `UPDATE_GOLDEN=1 npm test -- golden` writes them anew: a change of the wire, to be read before it is committed.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import test, { type TestContext } from 'node:test';
import { define, until, VISITOR, type Visit, visit } from '../support/browser.js';

const GOLDEN = '../tests/data/events';
const LOADED = Date.parse('2026-11-23T10:00:04.900Z');
const SENT = Date.parse('2026-11-23T10:00:05.120Z');
const CONTACT = '44444444-4444-4444-8444-444444444444';
const RECIPIENT = '55555555-5555-4555-8555-555555555555';
const LANDING = 'https://shop.example/a?utm_source=newsletter&utm_medium=email&utm_campaign=autumn';
const BOOTS = { name: 'Trail boots', value: 'SKU-1042', cost: 129.5 };

const SCREEN = {
  width: 1920,
  height: 1080,
  availWidth: 1920,
  availHeight: 1040,
  pixelDepth: 24,
  colorDepth: 24,
};

/** A page whose browser, ids and time are known. */
function knownVisit(t: TestContext, options: Visit) {
  const page = visit(t, {
    cookies: [`bpmTrackingId=${VISITOR}`],
    ...options,
    before: (window) => {
      let ids = 0;
      const nextId = () => `00000000-0000-4000-8000-${String(++ids).padStart(12, '0')}`;
      define(window.crypto, 'randomUUID', nextId);
      define(window.navigator, 'platform', 'Win32');
      define(window.navigator, 'language', 'en-US');
      define(window.navigator, 'languages', ['en-US', 'fr']);
      for (const [name, size] of Object.entries(SCREEN)) define(window.screen, name, size);
      window.eval(`
        const RealDate = Date;
        globalThis.time = ${LOADED};
        globalThis.Date = class extends RealDate {
          constructor(...given) { super(...(given.length ? given : [globalThis.time])); }
          static now() { return globalThis.time; }
        };
      `);
    },
  });
  page.load();
  page.tracking().v.consent = 'granted';
  return { ...page, clock: (time: number) => define(page.window, 'time', time) };
}

function assertGolden(body: string | undefined, name: string): void {
  assert.ok(body, 'nothing was sent');
  const file = `${GOLDEN}/${name}.json`;
  const said = JSON.parse(body);
  if (process.env.UPDATE_GOLDEN) writeFileSync(file, `${JSON.stringify(said, null, 2)}\n`);
  assert.deepEqual(said, JSON.parse(readFileSync(file, 'utf8')));
}

test('a page view from a campaign', async (t) => {
  const { sent, engine, clock } = knownVisit(t, { url: LANDING });
  engine();
  clock(SENT);
  await until(() => sent.length === 1, 'the page view is sent');
  assertGolden(sent[0]?.body, 'page-load');
});

test('a custom event, some time after its page view', async (t) => {
  const { sent, engine, clock, tracking } = knownVisit(t, {});
  engine();
  await until(() => sent.length === 1, 'the page view is sent');
  sent[0]?.answer(200, '{"events":[]}');
  tracking().registerEvent('ADD_TO_CART', BOOTS);
  clock(SENT);
  await until(() => sent.length === 2, 'the event is sent');
  assertGolden(sent[1]?.body, 'custom-event');
});

test('events from before and after loading in one request, page view first', async (t) => {
  const { sent, engine, clock, tracking } = knownVisit(t, {
    referrer: 'https://www.search.example/',
  });
  tracking().registerEvent('VIEW_ITEM', { name: 'Trail boots', value: 'SKU-1042' });
  clock(LOADED + 100);
  engine();
  tracking().registerEvent('add_to_basket', BOOTS);
  clock(SENT);
  await until(() => sent.length === 1, 'the batch is sent');
  assertGolden(sent[0]?.body, 'batch');
});

test('a contact who came by a bulk-mail link is identified', async (t) => {
  const url = `https://shop.example/a?ContactId=${CONTACT}&BulkEmailRecipientId=${RECIPIENT}`;
  const { sent, engine, clock, tracking } = knownVisit(t, { url });
  engine();
  await until(() => sent.length === 1, 'the page view is sent');
  sent[0]?.answer(200, '{"events":[]}');
  tracking().registerEvent('identify');
  clock(SENT);
  await until(() => sent.length === 2, 'the event is sent');
  assertGolden(sent[1]?.body, 'identify');
});
