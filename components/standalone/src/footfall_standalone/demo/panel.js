/** The panel: asks the feed once a second for this browser's events and shows them, newest first. */

const EVERY_MS = 1000;
const PATIENCE_MS = 5000;
const GUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;
const NO_ID = 'Waiting for this browser’s tracking id…';
const NO_EVENTS = 'Nothing in the feed yet. Open a page or press a button.';

const part = (name) => document.querySelector(`[data-panel${name}]`);
const panel = part('');
const body = part('-body');
const toggle = part('-toggle');
const status = part('-status');
const list = part('-events');
/** Event id -> its line: each is made once, so that only new ones move. */
const lines = new Map();

function trackingId() {
  const pairs = document.cookie.split('; ').filter((pair) => pair.startsWith('bpmTrackingId='));
  return pairs.map((pair) => pair.slice('bpmTrackingId='.length)).find((id) => GUID.test(id));
}

/** What the server has to say; throws an Error whose message a visitor can read. */
async function ask(id) {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const answer = await fetch(`/demo/feed?trackingId=${id}`, { cache: 'no-store', signal }).catch(
    () => {
      throw new Error('The server does not answer.');
    },
  );
  const said = await answer.json().catch(() => ({}));
  const problem = said.errorMessage || said.error?.message;
  if (problem || !answer.ok) throw new Error(problem || `The server answered ${answer.status}.`);
  return said.events;
}

function say(state, text) {
  panel.dataset.state = state;
  // Written only when it changes: a screen reader speaks each writing.
  if (status.textContent !== text) status.textContent = text;
  status.hidden = text === '';
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

/** The feed's times are UTC without a zone. */
function clockTime(timestamp) {
  const at = new Date(`${timestamp}Z`);
  const time = element('time', 'when', at.toLocaleTimeString());
  time.dateTime = at.toISOString();
  return time;
}

function place(href) {
  const { pathname, searchParams } = new URL(href, location.href);
  const source = searchParams.get('utm_source');
  return source ? `${pathname} from ${source}` : pathname;
}

function line(event) {
  const kind = event.eventType.toLowerCase() === 'page-load' ? 'view' : 'act';
  const item = element('li', `event ${kind}`, '');
  const what = [event.eventName, event.eventValue, event.eventCost].filter(Boolean).join(' · ');
  item.append(element('strong', 'type', event.eventType), clockTime(event.timestamp));
  if (what) item.append(element('span', 'what', what));
  item.append(element('span', 'where', place(event.href)));
  return item;
}

function lineOf(event) {
  if (!lines.has(event.eventId)) lines.set(event.eventId, line(event));
  return lines.get(event.eventId);
}

function show(events) {
  const wanted = events.map(lineOf);
  const shown = [...list.children];
  if (wanted.length !== shown.length || wanted.some((item, at) => item !== shown[at]))
    list.replaceChildren(...wanted);
  part('-tally').textContent = events.length > 0 ? String(events.length) : '';
  say(events.length > 0 ? 'live' : 'waiting', events.length > 0 ? '' : NO_EVENTS);
}

async function refresh() {
  const id = trackingId();
  part('-visitor').textContent = id ?? 'none yet';
  if (!id) {
    say('waiting', NO_ID);
    return;
  }
  try {
    show(await ask(id));
  } catch (error) {
    say('down', `${error.message} The panel asks again every second.`);
  }
}

async function poll() {
  if (!document.hidden) await refresh();
  setTimeout(poll, EVERY_MS);
}

function open(isOpen) {
  toggle.setAttribute('aria-expanded', String(isOpen));
  body.hidden = !isOpen;
}

toggle.addEventListener('click', () => open(body.hidden));
// On a phone the panel would cover half of the shop: there it begins closed, with its count on show.
open(matchMedia('(min-width: 60rem)').matches);
poll();
