/** A page in happy-dom on which the built files run as they do on a site; requests are recorded, never sent. */
import { readFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { Window } from 'happy-dom';
import type { CreatioTracking } from '../../types/index.js';

export const RECEIVER = 'https://events.example/receiver';
export const TENANT = '11111111-1111-4111-8111-111111111111';
export const RESOURCE = '22222222-2222-4222-8222-222222222222';
export const VISITOR = '33333333-3333-4333-8333-333333333333';

export interface SentRequest {
  url: string;
  body: string;
  by: 'fetch' | 'beacon';
  answer(status: number, body?: string, headers?: Record<string, string>): void;
  fail(): void;
}

export interface Visit {
  url?: string;
  referrer?: string;
  cookies?: string[];
  title?: string;
  /** Runs before the engine, where the site's own scripts would. */
  before?: (window: Window) => void;
}

export const built = (name: string) => readFileSync(`dist/${name}`, 'utf8');

export function snippet(): string {
  const html = built('snippet.html');
  const filled = html
    .replace('{{hst}}', RECEIVER)
    .replace('{{tnt}}', TENANT)
    .replace('{{res}}', RESOURCE);
  return filled.replace(/<\/?script>/g, '');
}

/** The page after the loader, before the engine. */
export function visit(test: TestContext, options: Visit = {}) {
  const window = new Window({
    url: options.url ?? 'https://shop.example/a',
    settings: {
      enableJavaScriptEvaluation: true,
      suppressInsecureJavaScriptEnvironmentWarning: true,
      disableJavaScriptFileLoading: true,
      handleDisabledFileLoadingAsSuccess: true,
    },
  });
  // Its timers would keep the process alive.
  test.after(() => window.happyDOM.close());
  const sent: SentRequest[] = [];
  record(window, sent);
  for (const cookie of options.cookies ?? []) window.document.cookie = `${cookie}; path=/`;
  window.document.title = options.title ?? 'Shop';
  if (options.referrer) define(window.document, 'referrer', options.referrer);
  options.before?.(window);
  const engine = (name = 'creatio-tracking-engine.min.js') => window.eval(built(name));
  const tracking = () => window.eval('creatioTracking') as CreatioTracking;
  return { window, sent, tracking, load: () => window.eval(snippet()), engine };
}

export function define(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, configurable: true, writable: true });
}

function record(window: Window, sent: SentRequest[]): void {
  const fetch = (url: string, init: { body: string }) =>
    new Promise((resolve, reject) => {
      sent.push({
        url,
        body: init.body,
        by: 'fetch',
        answer: (status, body = '', headers = {}) =>
          resolve(new Response(body, { status, headers })),
        fail: () => reject(new TypeError('Failed to fetch')),
      });
    });
  const sendBeacon = (url: string, body: string) => {
    sent.push({ url, body, by: 'beacon', answer: () => {}, fail: () => {} });
    return true;
  };
  define(window, 'fetch', fetch);
  define(window.navigator, 'sendBeacon', sendBeacon);
}

/** The events of one request. */
export function eventsOf(request: SentRequest | undefined): Record<string, unknown>[] {
  if (!request) throw new Error('nothing was sent');
  return JSON.parse(request.body).events;
}

/** Resolves once `ready` holds; the page's own timers run meanwhile. */
export async function until(ready: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!ready()) {
    if (Date.now() > deadline) throw new Error(`did not happen within 5 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
