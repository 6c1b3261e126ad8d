/** The built engine and the demo shop in a real browser, cross-origin, against a server that records what is posted. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { until } from '../support/browser.js';
import { launch, skip } from '../support/chromium.js';
import { type SentEvent, type Site, startSite } from '../support/site.js';

const GUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;
const HALF_A_YEAR = 180 * 24 * 60 * 60;

describe('in Chromium', { skip, timeout: 60_000 }, () => {
  let browser: Browser;
  let site: Site;
  let context: BrowserContext;
  let page: Page;
  let errors: string[];

  before(async () => {
    site = await startSite();
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await site?.close();
  });
  beforeEach(async () => {
    await context?.close();
    site.posted.length = 0;
    site.answerWith(undefined);
    context = await browser.newContext();
    page = await context.newPage();
    errors = [];
    page.on('pageerror', (error) => errors.push(error.message));
  });

  const at = (path: string, host = 'localhost') => `http://${host}:${site.port}${path}`;
  const arrived = (count: number) =>
    until(
      () => site.events().length >= count,
      `${count} events arrive, not ${site.events().length}`,
    );
  const lines = () =>
    site.events().map(({ type, href }) => `${type} ${new URL(String(href)).pathname}`);
  const cookies = async () =>
    new Map((await context.cookies()).map((cookie) => [cookie.name, cookie] as const));

  test('a walk through the demo arrives whole, in order, once, and is shown in the panel', async () => {
    await page.goto(at('/demo/'));
    await arrived(1);
    await page.getByRole('link', { name: 'See the boots' }).click();
    await page.getByRole('button', { name: 'Add to cart' }).click();
    await page.getByRole('link', { name: 'Go to the cart' }).click();
    await page.getByRole('button', { name: 'Buy' }).click();
    await page.getByRole('link', { name: 'Go on shopping' }).click();
    await page.getByRole('link', { name: 'Arrive from a campaign' }).click();
    await page.locator('.event').nth(6).waitFor();

    assert.deepEqual(lines(), [
      'page-load /demo/',
      'page-load /demo/product.html',
      'ADD_TO_CART /demo/product.html',
      'page-load /demo/checkout.html',
      'complete_checkout /demo/checkout.html',
      'page-load /demo/',
      'page-load /demo/',
    ]);
    const events = site.events();
    assert.deepEqual(
      events.map(({ seq }) => seq),
      [1, 2, 3, 4, 5, 6, 7],
    );
    assert.equal(new Set(events.map(({ trackingId }) => trackingId)).size, 1);
    assert.equal(new Set(events.map(({ pageView }) => pageView)).size, 5);
    assert.equal(events[4]?.cost, 129.5);
    assert.deepEqual([events[1]?.referrer, events[6]?.referrer], [at('/demo/'), '']);
    const shown = await page.locator('.event .type').allTextContents();
    assert.deepEqual(shown, events.map(({ type }) => type).reverse());
    assert.match(
      (await page.locator('.event .where').first().textContent()) ?? '',
      /from newsletter/,
    );
    const { bpmHref, bpmRef } = Object.fromEntries(await cookies());
    assert.match(bpmHref?.value ?? '', /utm_source=newsletter/);
    assert.equal(bpmRef?.value, '');
    assert.deepEqual(errors, []);
  });

  test('requests need no preflight and carry no cookies', async () => {
    await page.goto(at('/a'));
    await arrived(1);
    const [request] = site.posted;
    assert.deepEqual(
      [request?.method, request?.contentType, request?.cookie],
      ['POST', 'text/plain;charset=UTF-8', undefined],
    );
  });

  test('the id is a first-party cookie for half a year that later pages neither change nor renew', async () => {
    await page.goto(at('/a'));
    await arrived(1);
    const first = (await cookies()).get('bpmTrackingId');
    assert.match(first?.value ?? '', GUID);
    const { path, sameSite, httpOnly, secure, expires = 0 } = first ?? {};
    assert.deepEqual(
      { path, sameSite, httpOnly, secure },
      { path: '/', sameSite: 'Lax', httpOnly: false, secure: false },
    );
    assert.ok(Math.abs(expires - Date.now() / 1000 - HALF_A_YEAR) < 60);
    await page.goto(at('/b'));
    await arrived(2);
    assert.deepEqual((await cookies()).get('bpmTrackingId'), first);
  });

  test('cookies go to the registrable domain by the browser’s own list of public suffixes', async () => {
    for (const [host, domain] of [
      ['www.shop.example.com', '.example.com'],
      ['www.shop.co.uk', '.shop.co.uk'],
      ['me.github.io', '.me.github.io'],
      ['localhost', 'localhost'],
      ['127.0.0.1', '127.0.0.1'],
    ] as const) {
      await context.clearCookies();
      site.posted.length = 0;
      await page.goto(at('/a', host));
      await arrived(1);
      const kept = (await cookies()).get('bpmTrackingId');
      assert.deepEqual([kept?.domain, kept?.value], [domain, site.events()[0]?.trackingId], host);
      assert.equal((await cookies()).get('footfallProbe'), undefined, host);
    }
  });

  test('the id of version 1 moves over, wherever on the domain it was set', async () => {
    const former = '9b2d1c70-1111-4222-8333-444455556666';
    for (const domain of ['.shop.co.uk', 'www.shop.co.uk']) {
      await context.clearCookies();
      site.posted.length = 0;
      await context.addCookies([{ name: 'bpmSessionId', value: former, domain, path: '/' }]);
      await page.goto(at('/a', 'www.shop.co.uk'));
      await arrived(1);
      assert.equal(site.events()[0]?.trackingId, former);
      assert.equal((await cookies()).get('bpmSessionId'), undefined, domain);
    }
  });

  test('an event registered by the click that leaves the page is not lost, and comes once', async () => {
    const ways = ['/a', '/b', '/c', '/d', '/e', '/f'];
    await page.goto(at('/start'));
    for (const way of ways) {
      await page.evaluate((href) => {
        creatioTracking.registerEvent('OUT_LINK', { name: href });
        location.href = href;
      }, way);
      await page.waitForURL(at(way));
    }
    const total = 1 + 2 * ways.length;
    await arrived(total);
    const seen = site.events().map(({ seq }) => seq);
    assert.deepEqual(
      seen.sort((one, other) => one - other),
      Array.from({ length: total }, (_, index) => index + 1),
    );
  });

  test('a request that is on its way when the page goes is not sent again', async () => {
    // Of the site's own and before ours: between two listeners Chromium breaks the promises of a page that goes.
    await page.addInitScript(() => addEventListener('pagehide', () => {}));
    await page.goto(at('/start'));
    await arrived(1);
    const release = site.hold();
    await page.evaluate(() => creatioTracking.registerEvent('CLICK'));
    await arrived(2);
    await page.goto(at('/next'));
    release();
    await arrived(3);
    assert.deepEqual(lines(), ['page-load /start', 'CLICK /start', 'page-load /next']);
  });

  test('an outage of the receiver is waited out, and Retry-After is heard across origins', async () => {
    site.answerWith({ status: 503, retryAfter: '1' });
    const refused = page.waitForResponse((response) => response.status() === 503);
    await page.goto(at('/a'));
    await refused;
    site.answerWith(undefined);
    await arrived(1);
    assert.equal(site.posted.length, 1);
  });

  test('a browser without fetch or randomUUID sends all the same', async () => {
    await page.addInitScript(() => {
      Object.assign(window, { fetch: undefined });
      Object.assign(crypto, { randomUUID: undefined });
    });
    await page.goto(at('/a'));
    await arrived(1);
    assert.match(site.events()[0]?.id ?? '', GUID);
  });

  test('a page whose receiver cannot be reached works', async () => {
    await page.route('**/receiver/**', (route) => route.abort());
    await page.goto(at('/demo/product.html'));
    await page.getByRole('button', { name: 'Add to cart' }).click();
    assert.equal(await page.locator('[data-cart-count]').textContent(), '1');
    assert.deepEqual(errors, []);
  });

  test('the panel says so when the server is down, and recovers', async () => {
    await page.goto(at('/demo/'));
    await page.locator('[data-state="live"]').waitFor();
    await page.route('**/demo/feed*', (route) => route.abort());
    await page.getByRole('status').filter({ hasText: 'does not answer' }).waitFor();
    assert.equal(await page.locator('.event').count(), 1);
    await page.unroute('**/demo/feed*');
    await page.locator('[data-state="live"]').waitFor();
  });

  test('on a phone the panel leaves room for the shop until it is opened', async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    await page.goto(at('/demo/'));
    const toggle = page.getByRole('button', { name: /Your events in the feed/ });
    assert.equal(await toggle.getAttribute('aria-expanded'), 'false');
    await toggle.click();
    await page.locator('.event').first().waitFor();
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    assert.ok(!wide, 'the page does not scroll sideways');
  });

  test('a mail link names the contact on that page', async () => {
    const contact = '44444444-4444-4444-8444-444444444444';
    await page.goto(at(`/a?ContactId=${contact.toUpperCase()}&BulkEmailRecipientId=none`));
    await arrived(1);
    const [event] = site.events() as [SentEvent];
    assert.deepEqual([event.contactId, 'bulkEmailRecipientId' in event], [contact, false]);
  });
});
