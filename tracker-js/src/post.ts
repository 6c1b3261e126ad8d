import { BATCH_BYTES } from './contract.js';
import type { Page } from './page.js';

export interface Answer {
  /** 0 = no answer: the network, a blocker, or time run out. */
  status: number;
  /** Readable only where the receiver exposes it to other origins. */
  retryAfter: string | null;
  body: string;
}

/** As a type that needs no preflight. */
const CONTENT_TYPE = 'text/plain;charset=UTF-8';
/** The receiver gives up after 8 s; what is silent for longer will not answer. */
const TIMEOUT_MS = 15_000;

/** A batch and the request around it; only a single event can be larger, and must then do without. */
const KEEPALIVE_LENGTH = BATCH_BYTES + 1000;

/** Sends the body; `done` is called exactly once, never before this returns. True = the request outlives the page. */
export function post(
  page: Page,
  url: string,
  body: string,
  done: (answer: Answer) => void,
): boolean {
  let open = true;
  const finish = (status: number, retryAfter: string | null, text: string) => {
    if (!open) return;
    open = false;
    page.clearTimeout(timer);
    done({ status, retryAfter, body: text });
  };
  const fail = () => finish(0, null, '');
  const timer = page.setTimeout(fail, TIMEOUT_MS);

  if (!page.fetch) {
    postByRequest(page, url, body, finish, fail);
    return false;
  }
  const outlives =
    body.length <= KEEPALIVE_LENGTH && 'keepalive' in (page.Request?.prototype ?? {});
  page
    .fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': CONTENT_TYPE },
      body,
      credentials: 'omit',
      keepalive: outlives,
    })
    .then((answer) =>
      answer.text().then((text) => finish(answer.status, answer.headers.get('Retry-After'), text)),
    )
    // Chromium fails the promise of a page that is going, though the request goes on; later, `leave` has seen to it.
    .catch(() => page.setTimeout(fail));
  return outlives;
}

/** For browsers without `fetch`. */
function postByRequest(
  page: Page,
  url: string,
  body: string,
  finish: (status: number, retryAfter: string | null, text: string) => void,
  fail: () => void,
): void {
  const request = new page.XMLHttpRequest();
  request.onload = () =>
    finish(request.status, request.getResponseHeader('Retry-After'), request.responseText);
  request.onerror = fail;
  request.open('POST', url);
  request.setRequestHeader('Content-Type', CONTENT_TYPE);
  request.send(body);
}
