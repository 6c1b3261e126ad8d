/** The built engine on a page: what it sends, what it keeps, and that it leaves the page alone. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { built, define, eventsOf, RECEIVER, until, VISITOR, visit } from '../support/browser.js';

const KNOWN = [`bpmTrackingId=${VISITOR}`];
const DEBUG = [...KNOWN, 'CRTTRKG_DBG=1'];
const types = (events: Record<string, unknown>[]) => events.map(({ type }) => type);

test('the loader asks for the minified engine, and for the readable one under the debug cookie', (t) => {
  for (const [cookies, name] of [
    [[], 'creatio-tracking-engine.min.js'],
    [['CRTTRKG_DBG=1'], 'creatio-tracking-engine.js'],
    [['CRTTRKG_DBG=10'], 'creatio-tracking-engine.min.js'],
  ] as const) {
    const page = visit(t, { cookies: [...cookies] });
    page.load();
    const script = page.window.document.querySelector('script');
    assert.equal(script?.getAttribute('src'), `${RECEIVER}/JS/${name}`);
  }
});

test('both engines behave alike', async (t) => {
  for (const name of ['creatio-tracking-engine.js', 'creatio-tracking-engine.min.js']) {
    const page = visit(t, { cookies: KNOWN });
    page.load();
    page.engine(name);
    await until(() => page.sent.length === 1, 'the page view is sent');
    assert.deepEqual(types(eventsOf(page.sent[0])), ['page-load']);
    assert.equal(page.sent[0]?.url, `${RECEIVER}/api/events`);
  }
});

test('calls through an old reference to the stub are not lost', async (t) => {
  const page = visit(t);
  page.load();
  const early = page.tracking().registerEvent;
  early('FIRST');
  page.engine();
  early('SECOND');
  await until(() => page.sent.length === 1, 'the batch is sent');
  const events = eventsOf(page.sent[0]);
  assert.deepEqual(types(events), ['page-load', 'FIRST', 'SECOND']);
  assert.equal(new Set(events.map(({ pageView }) => pageView)).size, 1);
});

test('a snippet pasted twice counts once', async (t) => {
  const page = visit(t);
  page.load();
  page.tracking().registerEvent('FIRST');
  page.load();
  assert.equal(page.window.document.querySelectorAll('script').length, 1);
  page.engine();
  page.engine();
  await until(() => page.sent.length === 1, 'the batch is sent');
  assert.deepEqual(types(eventsOf(page.sent[0])), ['page-load', 'FIRST']);
});

test('the sequence goes on over the pages of a tab', async (t) => {
  const page = visit(t, {
    before: (window) => window.sessionStorage.setItem('footfallSequence', '41'),
  });
  page.load();
  page.engine();
  await until(() => page.sent.length === 1, 'the page view is sent');
  assert.equal(eventsOf(page.sent[0])[0]?.seq, 42);
});

test('without consent nothing is sent and nothing is kept; it may be given later', async (t) => {
  const page = visit(t, {
    before: (window) => window.eval("creatioTracking = {v: {consent: 'denied'}}"),
  });
  page.load();
  page.engine();
  page.tracking().registerEvent('REFUSED');
  assert.equal(page.window.document.cookie, '');
  assert.equal(page.window.sessionStorage.length, 0);
  page.tracking().v.consent = 'granted';
  page.tracking().registerEvent('ALLOWED');
  await until(() => page.sent.length === 1, 'the allowed event is sent');
  const [event, ...others] = eventsOf(page.sent[0]);
  assert.deepEqual([event?.type, event?.consent, others], ['ALLOWED', 'granted', []]);
  assert.match(page.window.document.cookie, /bpmTrackingId=/);
});

test('a retry carries the same event and a new time of sending', async (t) => {
  const page = visit(t, { cookies: KNOWN });
  page.load();
  page.engine();
  await until(() => page.sent.length === 1, 'the page view is sent');
  page.sent[0]?.answer(503, '', { 'Retry-After': '0' });
  await until(() => page.sent.length === 2, 'it is sent again');
  const [first, second] = page.sent.map(({ body }) => JSON.parse(body));
  assert.deepEqual(second.events, first.events);
  assert.ok(second.sent > first.sent);
});

test('cookies are Secure on https alone', (t) => {
  for (const [url, secure] of [
    ['https://shop.example/', true],
    ['http://shop.example/', false],
  ] as const) {
    const written: string[] = [];
    const page = visit(t, { url });
    page.load();
    Object.defineProperty(page.window.document, 'cookie', {
      get: () => '',
      set: (cookie: string) => written.push(cookie),
    });
    page.engine();
    assert.ok(written.some((cookie) => cookie.startsWith('bpmTrackingId=')));
    for (const cookie of written) assert.equal(cookie.includes('; Secure'), secure, cookie);
  }
});

test('a page that is hidden during a pause sends at once', async (t) => {
  const page = visit(t);
  page.load();
  page.engine();
  await until(() => page.sent.length === 1, 'the page view is sent');
  page.sent[0]?.answer(503, '', { 'Retry-After': '3600' });
  define(page.window.document, 'visibilityState', 'hidden');
  await until(() => {
    page.window.document.dispatchEvent(new page.window.Event('visibilitychange'));
    return page.sent.length === 2;
  }, 'it is sent again');
  assert.deepEqual(eventsOf(page.sent[1]), eventsOf(page.sent[0]));
});

test('a title cut in the middle of an emoji does not spoil the request', async (t) => {
  const page = visit(t, { title: 'Boots \ud83e' });
  page.load();
  page.engine();
  await until(() => page.sent.length === 1, 'the page view is sent');
  assert.equal(eventsOf(page.sent[0])[0]?.title, 'Boots \ufffd');
});

test('a page that goes leaves its unsent events to a beacon, once', (t) => {
  const page = visit(t);
  page.load();
  page.engine();
  const going = () => page.window.dispatchEvent(new page.window.Event('pagehide'));
  going();
  going();
  assert.deepEqual(
    page.sent.map(({ by, body }) => [by, types(JSON.parse(body).events)]),
    [['beacon', ['page-load']]],
  );
});

test('a page that returns from the back/forward cache is a new page view', async (t) => {
  const page = visit(t);
  page.load();
  page.engine();
  await until(() => page.sent.length === 1, 'the page view is sent');
  page.sent[0]?.answer(200, '{"events":[]}');
  const back = new page.window.Event('pageshow');
  define(back, 'persisted', true);
  page.window.dispatchEvent(back);
  await until(() => page.sent.length === 2, 'the second page view is sent');
  const [first, second] = page.sent.flatMap(eventsOf);
  assert.equal(second?.type, 'page-load');
  assert.notEqual(second?.pageView, first?.pageView);
});

test('a prerendered page counts when somebody looks at it', async (t) => {
  const page = visit(t, { before: (window) => define(window.document, 'prerendering', true) });
  page.load();
  page.tracking().registerEvent('EARLY');
  page.engine();
  assert.equal(page.window.document.cookie, '');
  page.window.document.dispatchEvent(new page.window.Event('prerenderingchange'));
  await until(() => page.sent.length === 1, 'it is sent');
  assert.deepEqual(types(eventsOf(page.sent[0])), ['page-load', 'EARLY']);
});

test('refused events are told to those with the debug cookie, and to nobody else', async (t) => {
  const rejected = { status: 'rejected', reason: 'too_old', field: 'occurred' };
  for (const [cookies, expected] of [
    [DEBUG, [rejected]],
    [KNOWN, []],
  ] as const) {
    const warnings: unknown[][] = [];
    const page = visit(t, {
      cookies: [...cookies],
      before: (window) =>
        define(window.console, 'warn', (...words: unknown[]) => warnings.push(words)),
    });
    page.load();
    page.engine();
    await until(() => page.sent.length === 1, 'the page view is sent');
    page.tracking().registerEvent('NEXT');
    page.sent[0]?.answer(200, JSON.stringify({ events: [rejected] }));
    await until(() => page.sent.length === 2, 'the answer was read');
    // As text: the objects come from the page's own realm.
    const told = JSON.stringify(warnings.map(([, detail]) => detail));
    assert.equal(told, JSON.stringify(expected));
  }
});

test('a page with wrong settings gets no cookie, no request and no error', (t) => {
  for (const wrong of [
    undefined,
    {},
    { hst: RECEIVER },
    { hst: RECEIVER, tnt: '{{tnt}}', res: '{{res}}' },
  ]) {
    const page = visit(t);
    if (wrong) define(page.window, 'creatioTracking', { v: wrong });
    page.engine();
    assert.equal(page.window.document.cookie, '');
    assert.equal(page.sent.length, 0);
  }
});

test('a page with our settings and no loader of ours works', async (t) => {
  const page = visit(t);
  page.load();
  const { v } = page.tracking();
  define(page.window, 'creatioTracking', { v });
  page.engine();
  page.tracking().registerEvent('LEAD');
  await until(() => page.sent.length === 1, 'it is sent');
  assert.deepEqual(types(eventsOf(page.sent[0])), ['page-load', 'LEAD']);
});

/** What a hostile or poor page may lack or break, and whether events still come through. */
const POOR_PAGES: Record<string, { code: string; sends: boolean; trackingId?: null }> = {
  'no crypto': { code: "Object.defineProperty(window, 'crypto', {value: undefined})", sends: true },
  'no randomUUID': { code: 'crypto.randomUUID = undefined', sends: true },
  'no beacon': { code: 'navigator.sendBeacon = undefined', sends: true },
  'no way to send': {
    code: 'window.fetch = undefined; window.XMLHttpRequest = undefined',
    sends: false,
  },
  'a fetch that throws': {
    code: "window.fetch = () => { throw new Error('blocked'); }",
    sends: false,
  },
  'a fetch without Request': { code: 'window.Request = undefined', sends: true },
  'forbidden storage': {
    code: "Object.defineProperty(window, 'sessionStorage', {get() { throw new Error('denied'); }})",
    sends: true,
  },
  'forbidden cookies': {
    code: "Object.defineProperty(document, 'cookie', {get() { throw new Error('denied'); }, set() { throw new Error('denied'); }})",
    sends: true,
    trackingId: null,
  },
  'cookies that do not stay': {
    code: "Object.defineProperty(document, 'cookie', {get: () => '', set() {}})",
    sends: true,
    trackingId: null,
  },
  'arguments of any kind': {
    code: "creatioTracking.registerEvent(); creatioTracking.registerEvent('A', 7); creatioTracking.registerEvent('B', {toString: null, name: {toString() { throw new Error('x'); }}})",
    sends: true,
  },
};

for (const [name, { code, sends, trackingId }] of Object.entries(POOR_PAGES)) {
  test(`the page does not break: ${name}`, async (t) => {
    const page = visit(t);
    const errors: unknown[] = [];
    page.window.addEventListener('error', (event) => errors.push(event));
    page.load();
    page.window.eval(code);
    page.engine();
    page.tracking().registerEvent('AFTER');
    // Behind the engine's own timer in the page's queue.
    await new Promise<void>((resolve) => page.window.setTimeout(resolve, 1));
    const events = page.sent.flatMap(eventsOf);
    assert.equal(events[0]?.type, sends ? 'page-load' : undefined);
    assert.equal(events.at(-1)?.type, sends ? 'AFTER' : undefined);
    if (trackingId === null) assert.equal(events[0]?.trackingId, null);
    else if (sends) assert.ok(events[0]?.trackingId);
    assert.deepEqual(errors, []);
  });
}

test('the built files ask for nothing that a strict content policy forbids', () => {
  for (const name of ['creatio-tracking-engine.min.js', 'creatio-tracking-engine.js'])
    assert.doesNotMatch(built(name), /\beval\(|new Function|document\.write|innerHTML/);
});
