import assert from 'node:assert/strict';
import test from 'node:test';
import { createSender } from '../../src/createSender.js';
import type { Answer } from '../../src/post.js';
import { retryDelay } from '../../src/retryDelay.js';
import type { Transport } from '../../src/transport.js';
import type { WireEvent } from '../../src/wire.js';

const NOW = Date.parse('2026-11-23T10:00:00Z');
const clock = { now: () => NOW, random: () => 1 };
const answer = (status: number, retryAfter: string | null = null): Answer => ({
  status,
  retryAfter,
  body: '',
});
const event = (id: string, size = 1) => ({ id, name: 'x'.repeat(size) }) as WireEvent;
const ids = (events: readonly WireEvent[]) => events.map(({ id }) => id).join();

/** A sender on a transport that does nothing by itself: the test answers and lets time pass. */
function scripted({ outlives = true, takesBeacons = true } = {}) {
  const log: string[] = [];
  let answers: ((answer: Answer) => void)[] = [];
  let timers: { run: () => void; ms: number }[] = [];
  let allowed = true;
  const transport: Transport = {
    allowed: () => allowed,
    body: ids,
    post: (body, done) => {
      log.push(`post ${body}`);
      answers.push(done);
      return outlives;
    },
    beacon: (body) => {
      log.push(`beacon ${body}`);
      return takesBeacons;
    },
    later: (run, ms) => {
      const timer = { run, ms };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    clock,
    answered: ({ status }, events) => log.push(`answered ${status} ${ids(events)}`),
    lost: (reason, events) => log.push(`lost ${reason} ${ids(events)}`),
  };
  return {
    sender: createSender(transport),
    log,
    /** Runs the one timer that is set; its length in ms. */
    pass: () => {
      const [timer, ...others] = timers;
      assert.ok(timer, 'no timer is set');
      assert.equal(others.length, 0, 'more than one timer is set');
      timers = [];
      timer.run();
      return timer.ms;
    },
    idle: () => timers.length === 0,
    reply: (status: number, retryAfter?: string) => {
      const waiting = answers;
      answers = [];
      for (const done of waiting) done(answer(status, retryAfter));
    },
    withdraw: () => {
      allowed = false;
    },
  };
}

test('what comes together is sent together, and what comes meanwhile after the answer', () => {
  const { sender, log, pass, reply, idle } = scripted();
  sender.add(event('a'));
  sender.add(event('b'));
  pass();
  sender.add(event('c'));
  assert.deepEqual(log, ['post a,b']);
  reply(200);
  pass();
  reply(200);
  assert.deepEqual(log, ['post a,b', 'answered 200 a,b', 'post c', 'answered 200 c']);
  assert.ok(idle());
});

test('the same events are sent again after 503, before newer ones', () => {
  const { sender, log, pass, reply } = scripted();
  sender.add(event('a'));
  pass();
  sender.add(event('b'));
  reply(503, '7');
  assert.equal(pass(), 7000);
  assert.deepEqual(log, ['post a', 'post a,b']);
});

test('an outage is given up after six tries, and later events are tried anew', () => {
  const { sender, log, pass, reply } = scripted();
  sender.add(event('a'));
  const pauses = Array.from({ length: 6 }, () => {
    const ms = pass();
    reply(0);
    return ms;
  });
  assert.deepEqual(pauses, [0, 1000, 2000, 4000, 8000, 16000]);
  assert.equal(log.at(-1), 'answered 0 a');
  sender.add(event('b'));
  assert.equal(pass(), 0);
  assert.equal(log.at(-1), 'post b');
});

test('a refusal is final', () => {
  const { sender, log, pass, reply, idle } = scripted();
  sender.add(event('a'));
  pass();
  reply(400);
  assert.deepEqual(log, ['post a', 'answered 400 a']);
  assert.ok(idle());
});

test('a hidden page does not sit out a pause', () => {
  const { sender, log, pass, reply, idle } = scripted();
  sender.add(event('a'));
  pass();
  reply(503);
  sender.flush();
  assert.deepEqual(log, ['post a', 'post a']);
  assert.ok(idle());
});

test('a page that goes hands over what waits, and not what the browser is sending', () => {
  const { sender, log, pass, reply, idle } = scripted();
  sender.add(event('a'));
  pass();
  sender.add(event('b'));
  sender.leave();
  // Chromium breaks the promise though the request goes on.
  reply(0);
  assert.deepEqual(log, ['post a', 'beacon b']);
  assert.ok(idle());
});

test('a page that goes hands over a request that would die with it', () => {
  const { sender, log, pass } = scripted({ outlives: false });
  sender.add(event('a'));
  pass();
  sender.add(event('b'));
  sender.leave();
  assert.deepEqual(log, ['post a', 'beacon a,b']);
});

test('a beacon that is not taken leaves its events for a page that comes back', () => {
  const { sender, log, pass } = scripted({ takesBeacons: false });
  sender.add(event('a'));
  sender.leave();
  pass();
  assert.deepEqual(log, ['beacon a', 'post a']);
});

test('requests stay below what browsers allow to outlive a page', () => {
  const { sender, log, pass, reply } = scripted();
  for (const id of 'abcde') sender.add(event(id, 20_000));
  pass();
  reply(200);
  sender.leave();
  assert.deepEqual(log, ['post a,b', 'answered 200 a,b', 'beacon c,d', 'beacon e']);
});

test('an outage does not fill the memory', () => {
  const { sender, log } = scripted();
  for (let number = 0; number < 501; number++) sender.add(event(String(number)));
  assert.deepEqual(log, ['lost too many events are waiting 500']);
});

test('nothing is sent after consent was withdrawn, not even when the page goes', () => {
  for (const act of ['flush', 'leave'] as const) {
    const { sender, log, withdraw } = scripted();
    sender.add(event('a'));
    withdraw();
    sender[act]();
    assert.deepEqual(log, ['lost consent withdrawn a'], act);
  }
});

test('only what may pass is sent again', () => {
  const again = (status: number, retryAfter?: string) =>
    retryDelay(answer(status, retryAfter), 1, clock) !== undefined;
  for (const status of [0, 429, 500, 502, 503, 504]) assert.ok(again(status), String(status));
  for (const status of [200, 400, 401, 403, 404, 413, 415])
    assert.ok(!again(status), String(status));
  assert.ok(again(401, '5'), 'a resource whose settings are on their way');
  assert.ok(!again(403, '5'));
});

test('Retry-After is a number of seconds or a date, and no nonsense stops the retry', () => {
  const delay = (retryAfter: string) => retryDelay(answer(503, retryAfter), 1, clock);
  assert.equal(delay('30'), 30_000);
  assert.equal(delay('Mon, 23 Nov 2026 10:01:00 GMT'), 60_000);
  assert.equal(delay('Mon, 23 Nov 2020 10:01:00 GMT'), 1000);
  assert.equal(delay('soon'), 1000);
  assert.equal(delay('99999999999'), 3_600_000);
});
