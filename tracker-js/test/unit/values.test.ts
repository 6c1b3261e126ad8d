import assert from 'node:assert/strict';
import test from 'node:test';
import { consentOf } from '../../src/consentOf.js';
import { describeCall } from '../../src/describeCall.js';
import { guidOf } from '../../src/guidOf.js';
import { newGuid } from '../../src/newGuid.js';
import { splitBatch } from '../../src/splitBatch.js';
import { wellFormed } from '../../src/wellFormed.js';

const VERSION_4 = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/;

test('new ids are version 4 and differ, whatever the browser has', () => {
  const { getRandomValues } = crypto;
  const browsers = {
    'a secure context': crypto,
    'plain http': { getRandomValues: getRandomValues.bind(crypto) },
    'no crypto': undefined,
  };
  for (const [name, own] of Object.entries(browsers)) {
    const ids = Array.from({ length: 500 }, () => newGuid({ crypto: own as Crypto }));
    for (const id of ids) assert.match(id, VERSION_4, name);
    assert.equal(new Set(ids).size, 500, name);
  }
});

test('only a GUID is an id, in lower case', () => {
  const id = '3F2504E0-4F89-41D3-9A0C-0305E82C3301';
  assert.equal(guidOf(id), id.toLowerCase());
  for (const text of [null, undefined, '', `${id} `, `{${id}}`, id.slice(1), id.replace(/-/g, '')])
    assert.equal(guidOf(text), undefined);
});

test('half an emoji becomes the replacement character, whole ones stay', () => {
  assert.equal(wellFormed('boots \ud83e\udd7e'), 'boots \ud83e\udd7e');
  assert.equal(wellFormed('cut \ud83e'), 'cut \ufffd');
  assert.equal(wellFormed('\udd7e\ud83e'), '\ufffd\ufffd');
  assert.equal(wellFormed(undefined), '');
  assert.equal(wellFormed(7), '7');
});

test('consent that is not known to be given is refused; one that is not spoken of is unknown', () => {
  assert.equal(consentOf({}), 'unknown');
  assert.equal(consentOf({ consent: 'granted' }), 'granted');
  for (const consent of ['denied', 'no', '', false, 'GRANTED'] as never[])
    assert.equal(consentOf({ consent }), 'denied');
});

test('a call becomes text and a number, whatever the page passes', () => {
  const whole = { name: 'Boots', value: 7, cost: 129.5 };
  assert.deepEqual(describeCall(' LEAD ', whole), {
    type: 'LEAD',
    name: 'Boots',
    value: '7',
    cost: 129.5,
  });
  const bare = { type: 'LEAD', name: '', value: '', cost: null };
  assert.deepEqual(describeCall('LEAD', null), bare);
  const costs = { '12.50': 12.5, '': null, 'a lot': null, Infinity: null };
  for (const [cost, expected] of Object.entries(costs))
    assert.deepEqual(describeCall('LEAD', { cost } as never), { ...bare, cost: expected });
  for (const type of [undefined, null, '', '  '])
    assert.equal(describeCall(type, whole), undefined);
});

test('a batch is split by its bytes, never empty, in order', () => {
  const events = ['a'.repeat(40), 'é'.repeat(20), 'b'.repeat(40), 'c'];
  assert.deepEqual(splitBatch(events, 100), [events.slice(0, 2), events.slice(2)]);
  assert.deepEqual(splitBatch(events, 1), [events.slice(0, 1), events.slice(1)]);
  assert.deepEqual(splitBatch(events, 1000), [events, []]);
});
