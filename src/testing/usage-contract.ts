import type { UsageBatch, UsageCount, UsageMeter } from '../core/observing.js';
import type { Awaitable } from '../core/ports.js';
import type { TestRunner } from './runner.js';
import { HARD_TEXT, same } from './store-records.js';
import { bySpan, expectedPoints, expectedTop, MS, pointsOf, randomCounts, SPANS, START, WHENEVER } from './usage-model.js';

/** A usage meter, and how it is taken away after its test. */
export interface UsageUnderTest {
  readonly meter: UsageMeter;
  close?(): Awaitable<void>;
}

type WithMeter = (test: (meter: UsageMeter) => Promise<void>) => () => Promise<void>;

const batch = (id: string, counts: readonly UsageCount[], at = START): UsageBatch => ({ id, at, counts });
const one = (keyId: string, more: Partial<UsageCount> = {}): UsageCount => ({ at: START, keyId, outcome: 'allowed', count: 1, ...more });

/**
 * The promises of `UsageMeter` as tests, for meters that keep minutes for two days, hours for 90 and days for 730. `make` is called for
 * every test and gives an empty meter; `close`, if there is one, is called when the test is over.
 *
 * @example
 * ```ts
 * import { describe, it } from 'node:test';
 * import { memoryUsage } from 'keystile';
 * import { usageContract } from 'keystile/testing';
 *
 * usageContract({ describe, it }, () => ({ meter: memoryUsage() }));
 * ```
 */
export function usageContract(runner: TestRunner, make: () => Awaitable<UsageUnderTest>): void {
  const withMeter: WithMeter = (test) => async () => {
    const made = await make();
    try {
      await test(made.meter);
    } finally {
      await made.close?.();
    }
  };
  runner.describe('usage contract', () => {
    countingContract(runner, withMeter);
    onceContract(runner, withMeter);
    topContract(runner, withMeter);
  });
}

function countingContract({ it }: TestRunner, withMeter: WithMeter): void {
  it('counts per key, per tenant and for all, by the minute, the hour and the day', withMeter(async (meter) => {
    const counts = randomCounts(300);
    for (let start = 0; start < counts.length; start += 50) await meter.add(batch(`b${String(start)}`, bySpan(counts.slice(start, start + 50)), START + MS.day));
    for (const per of SPANS) {
      for (const whose of [{}, { keyId: 'a' }, { keyId: 'b', tenantId: 't' }, { keyId: 'b', tenantId: 'T' }, { tenantId: 't' }, { tenantId: 'T' }, { tenantId: 'a' }, { keyId: 't' }]) {
        const query = { per, ...WHENEVER, ...whose };
        same(pointsOf(await meter.read(query)), expectedPoints(counts, query), `totals equal what happened: ${JSON.stringify(query)}`);
      }
    }
  }));

  it('counts from the beginning of a time to before its end', withMeter(async (meter) => {
    await meter.add(batch('x', [one('a', { at: START - MS.minute }), one('a'), one('a', { at: START + MS.minute }), one('a', { at: START + MS.hour })], START + MS.hour));
    same(pointsOf(await meter.read({ per: 'minute', from: START, to: START + MS.minute, keyId: 'a' })), [[START, 'allowed', 1]], 'one minute');
    same(pointsOf(await meter.read({ per: 'hour', from: START, to: START + MS.hour, keyId: 'a' })), [[START, 'allowed', 2]], 'one hour');
    same(pointsOf(await meter.read({ per: 'day', from: START - MS.day, to: START, keyId: 'a' })), [[START - MS.day, 'allowed', 1]], 'the day before');
    same(await meter.read({ per: 'minute', from: START + MS.day, to: START + 2 * MS.day }), [], 'nothing where nothing was');
  }));

  it('counts what proved no key for nobody but all', withMeter(async (meter) => {
    await meter.add(batch('x', [{ at: START, outcome: 'invalid_key', count: 7 }, one('a', { tenantId: 't', outcome: 'expired_key', count: 2 })]));
    same(pointsOf(await meter.read({ per: 'day', ...WHENEVER })), [[START, 'expired_key', 2], [START, 'invalid_key', 7]], 'all');
    same(pointsOf(await meter.read({ per: 'day', ...WHENEVER, tenantId: 't' })), [[START, 'expired_key', 2]], 'a tenant');
    same((await meter.top({ per: 'day', ...WHENEVER, by: 'refused', limit: 10 })).map(({ keyId }) => keyId), ['a'], 'nobody is no key');
  }));

  it('tells keys and tenants apart exactly', withMeter(async (meter) => {
    const ids = ['abc', 'ABC', 'abç', 'ab', 'a%c', 'a:c', 'allowed', '__proto__', HARD_TEXT];
    await meter.add(batch('x', ids.map((id, index) => one(id, { tenantId: `${id}!`, count: index + 1 }))));
    for (const [index, id] of ids.entries()) {
      same(pointsOf(await meter.read({ per: 'hour', ...WHENEVER, keyId: id })), [[START, 'allowed', index + 1]], `key ${JSON.stringify(id)}`);
      same(pointsOf(await meter.read({ per: 'hour', ...WHENEVER, tenantId: `${id}!` })), [[START, 'allowed', index + 1]], `tenant ${JSON.stringify(id)}`);
    }
    for (const text of ['nobody', ' abc', "' or '1'='1", '\0', '\u0001', '\ud800']) same(await meter.read({ per: 'hour', ...WHENEVER, keyId: text }), [], `nobody is called ${JSON.stringify(text)}`);
  }));
}

function onceContract({ it }: TestRunner, withMeter: WithMeter): void {
  it('counts a batch that comes again only once, however often and at once', withMeter(async (meter) => {
    const again = batch('again', [one('a', { count: 5 })]);
    await meter.add(again);
    await meter.add(again);
    await Promise.all([1, 2, 3, 4].map(async () => meter.add(batch('at once', [one('a', { outcome: 'limited', count: 3 })]))));
    same(pointsOf(await meter.read({ per: 'minute', ...WHENEVER, keyId: 'a' })), [[START, 'allowed', 5], [START, 'limited', 3]], 'five and three');
    await meter.add({ ...again, id: 'another', at: again.at + MS.day });
    same(pointsOf(await meter.read({ per: 'day', ...WHENEVER, keyId: 'a' }))[0], [START, 'allowed', 10], 'another batch with the same counts is counted');
  }));

  it('loses none of many batches that come at once', withMeter(async (meter) => {
    await Promise.all(Array.from({ length: 20 }, async (_, index) => meter.add(batch(`b${String(index)}`, ['a', 'b', 'c'].map((id) => one(id, { tenantId: 't' }))))));
    same(pointsOf(await meter.read({ per: 'hour', ...WHENEVER, tenantId: 't' })), [[START, 'allowed', 60]], 'the sum of all');
    same(pointsOf(await meter.read({ per: 'minute', ...WHENEVER, keyId: 'b' })), [[START, 'allowed', 20]], 'a part of it');
  }));

  it('takes an empty batch, and one of 200 keys', withMeter(async (meter) => {
    await meter.add(batch('empty', []));
    await meter.add(batch('full', Array.from({ length: 200 }, (_, index) => one(`k${String(index)}`, { tenantId: `t${String(index)}` }))));
    same(pointsOf(await meter.read({ per: 'day', ...WHENEVER })), [[START, 'allowed', 200]], 'all of them');
  }));
}

function topContract({ it }: TestRunner, withMeter: WithMeter): void {
  it('names the keys with most of what is asked for', withMeter(async (meter) => {
    const counts = randomCounts(400);
    await meter.add(batch('x', bySpan(counts), START + MS.day));
    for (const per of ['hour', 'day'] as const) {
      for (const by of ['allowed', 'limited', 'refused'] as const) {
        for (const more of [{}, { tenantId: 't' }, { tenantId: 'nobody' }, { limit: 2 }, { from: START, to: START + MS.day }]) {
          const query = { per, ...WHENEVER, by, limit: 100, ...more };
          same(await meter.top(query), expectedTop(counts, query), JSON.stringify(query));
        }
      }
    }
  }));
}
