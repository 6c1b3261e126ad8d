/** A site, the demo shop and a receiver on one port of this machine, for a real browser. Records what is posted. */
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { built, RESOURCE, TENANT } from './browser.js';

const DEMO = '../components/standalone/src/footfall_standalone/demo';
const TYPES: Record<string, string> = {
  html: 'text/html',
  css: 'text/css',
  js: 'text/javascript',
  json: 'application/json',
};

export interface Posted {
  contentType: string;
  cookie: string | undefined;
  method: string;
  /** `no-cors` for a beacon. */
  mode: string;
  body: { events: SentEvent[]; [field: string]: unknown };
}

export interface SentEvent {
  id: string;
  trackingId: string | null;
  pageView: string;
  type: string;
  seq: number;
  [field: string]: unknown;
}

export interface Site {
  port: number;
  posted: Posted[];
  events(): SentEvent[];
  /** Takes the receiver's answers from now on; undefined = accept. */
  answerWith(answer: { status: number; retryAfter?: string } | undefined): void;
  /** Receives without answering until the returned function is called. */
  hold(): () => void;
  close(): Promise<void>;
}

export async function startSite(): Promise<Site> {
  const posted: Posted[] = [];
  let answer: { status: number; retryAfter?: string } | undefined;
  let released = Promise.resolve();
  const events = () => posted.flatMap((request) => request.body.events);

  async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const chunk of request) text += chunk;
    const { method = '', headers } = request;
    response.setHeader('Access-Control-Allow-Origin', '*');
    response.setHeader('Access-Control-Expose-Headers', 'Retry-After');
    if (answer?.retryAfter) response.setHeader('Retry-After', answer.retryAfter);
    if (answer) {
      response.writeHead(answer.status).end('{"error": {}}');
      return;
    }
    const body = JSON.parse(text);
    posted.push({
      mode: String(headers['sec-fetch-mode']),
      contentType: headers['content-type'] ?? '',
      cookie: headers.cookie,
      method,
      body,
    });
    await released;
    const verdicts = body.events.map(({ id }: SentEvent) => ({ id, status: 'accepted' }));
    response.writeHead(200).end(JSON.stringify({ events: verdicts }));
  }

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (url.pathname === '/receiver/api/events') void receive(request, response);
    else {
      const port = (server.address() as AddressInfo).port;
      const { text, kind } = page(url, port, events());
      response.setHeader('Content-Type', `${TYPES[kind]}; charset=utf-8`).end(text);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    port: (server.address() as AddressInfo).port,
    posted,
    events,
    answerWith: (next) => {
      answer = next;
    },
    hold: () => {
      let release = () => {};
      released = new Promise((resolve) => {
        release = resolve;
      });
      return release;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function page(url: URL, port: number, events: SentEvent[]): { text: string; kind: string } {
  const name = url.pathname.split('/').pop() || 'index.html';
  const kind = name.split('.').pop() ?? '';
  if (url.pathname.startsWith('/receiver/JS/')) return { text: built(name), kind };
  if (name === 'feed')
    return { text: feed(events, url.searchParams.get('trackingId')), kind: 'json' };
  if (!url.pathname.startsWith('/demo/'))
    return { text: plainPage(url.pathname, port), kind: 'html' };
  return {
    text: readFileSync(`${DEMO}/${name}`, 'utf8').replace('{{snippet}}', snippetFor(port)),
    kind,
  };
}

function snippetFor(port: number): string {
  return built('snippet.html')
    .replace('{{hst}}', `http://127.0.0.1:${port}/receiver`)
    .replace('{{tnt}}', TENANT)
    .replace('{{res}}', RESOURCE);
}

/** `/bare` has no snippet; any other page has one. */
function plainPage(path: string, port: number): string {
  const head = path === '/bare' ? '' : snippetFor(port);
  return `<!doctype html><title>Page ${path}</title>${head}<a href="/next">next</a>`;
}

/** The feed's JSON, as the standalone process answers the panel. */
function feed(events: SentEvent[], trackingId: string | null): string {
  const mine = events.filter((event) => event.trackingId === trackingId).reverse();
  const shown = mine.map((event) => ({
    eventId: event.id,
    eventType: event.type,
    eventName: event.name,
    eventValue: event.value,
    eventCost: event.cost === null ? '' : String(event.cost),
    timestamp: String(event.occurred).replace('Z', ''),
    href: event.href,
  }));
  return JSON.stringify({ offset: null, events: shown, errorMessage: '' });
}
