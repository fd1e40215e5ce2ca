import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { KeyringOptions } from '../../src/core/keyring-options.js';
import { perMinute } from '../../src/core/limits/rules.js';
import type { UsageBatch, UsageMeter, UsageOfKey } from '../../src/core/observing.js';
import { engineOf } from '../../src/core/keyring.js';
import { NO_FACTS } from '../../src/core/request.js';
import { createKeyring } from '../../src/keyring.js';
import { memoryStore } from '../../src/memory/store.js';
import { memoryUsage } from '../../src/memory/usage.js';
import { fakeClock } from '../../src/testing/fake-clock.js';
import { guessOf } from './support.js';

const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 86_400_000;

function ring(options: Partial<KeyringOptions> = {}) {
  const clock = fakeClock();
  const keyring = createKeyring<string, string>({ prefix: 'awx', scopes: { read: [] }, clock, usage: memoryUsage(), ...options });
  const faults: unknown[] = [];
  keyring.on('fault', ({ error }) => faults.push(error));
  return { clock, keyring, faults };
}

/** A meter that takes what it is given, or fails before or after having taken it. */
function flaky() {
  const inner = memoryUsage();
  const batches: UsageBatch[] = [];
  const state = { how: 'well' as 'well' | 'not' | 'unheard' };
  const meter: UsageMeter = {
    ...inner,
    async add(batch) {
      batches.push(batch);
      if (state.how === 'not') throw new Error('down');
      await inner.add(batch);
      if (state.how === 'unheard') throw new Error('connection reset');
    },
  };
  return { meter, batches, state };
}

describe('usage', () => {
  it('tells how requests ended, by the minute, the hour and the day, of a key, a tenant and all', async () => {
    const { clock, keyring } = ring();
    const one = await keyring.create({ name: 'one', tenantId: 't', scopes: ['read'], limits: [perMinute(2)] });
    const two = await keyring.create({ name: 'two', tenantId: 't' });
    const start = clock.now();
    for (let index = 0; index < 3; index++) await keyring.verify(one.key);
    await keyring.verify(two.key, { scopes: ['read'] });
    clock.advance(90_000);
    await keyring.verify(one.key);
    await keyring.verify('nonsense');
    await keyring.verify(keyring.format.generate({ environment: 'live' }).key);
    await keyring.revoke(two.apiKey.id);
    await keyring.verify(two.key);
    const keyId = one.apiKey.id;
    const { points } = await keyring.usage({ keyId, per: 'minute' });
    expect(points).toEqual([{ at: start, allowed: 2, limited: 1, refused: {} }, { at: start + MINUTE, allowed: 1, limited: 0, refused: {} }]);
    expect((await keyring.usage({ tenantId: 't' })).points).toEqual([{ at: start, allowed: 3, limited: 1, refused: { insufficient_scope: 1, revoked_key: 1 } }]);
    expect((await keyring.usage({ per: 'day' })).totals).toEqual({ allowed: 3, limited: 1, refused: { insufficient_scope: 1, revoked_key: 1, malformed_key: 1, invalid_key: 1 } });
    expect((await keyring.usage({ keyId, tenantId: 'other' })).points).toEqual([]);
    expect(await keyring.topKeys({ by: 'refused' })).toEqual([{ keyId: two.apiKey.id, tenantId: 't', allowed: 0, limited: 0, refused: 2 }]);
    expect((await keyring.topKeys()).map((key) => key.keyId)).toEqual([keyId]);
    await keyring.close();
  });

  it('counts every request once, whatever happens in whichever order', async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('verify' as const), key: fc.nat(2), scopes: fc.constantFrom([], ['read']) }), fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(1, 30_000, MINUTE, HOUR, -MINUTE) }),
      fc.record({ do: fc.constantFrom('flush' as const, 'flush' as const, 'flush' as const, 'forget' as const, 'down' as const, 'unheard' as const, 'well' as const, 'nonsense' as const) }),
    );
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), fc.constantFrom<NonNullable<KeyringOptions['cache']>>({ max: 100 }, false), async (steps, cache) => {
      const { meter, state } = flaky();
      const { clock, keyring } = ring({ usage: meter, cache, limits: { default: [perMinute(5)] } });
      const keys = await Promise.all([0, 1, 2].map((index) => keyring.create({ name: 'x', ...(index > 0 && { tenantId: 't' }) })));
      const expected: Record<string, number> = {};
      let now = clock.now();
      for (const one of steps) {
        if (one.do === 'verify') {
          const { key, apiKey } = keys[one.key]!;
          const verification = await keyring.verify(key, { scopes: one.scopes });
          const outcome = verification.ok ? 'allowed' : verification.code === 'rate_limited' ? 'limited' : verification.code;
          const name = `${apiKey.id} ${Math.floor(now / MINUTE)} ${outcome}`;
          expected[name] = (expected[name] ?? 0) + 1;
        } else if (one.do === 'advance') clock.set((now += one.ms));
        else if (one.do === 'flush') await keyring.flush();
        // A changed key has a new entry in the cache.
        else if (one.do === 'forget') await keyring.update(keys[0]!.apiKey.id, { name: `n${now}` });
        else if (one.do === 'nonsense') await keyring.verify('nonsense');
        else state.how = one.do === 'down' ? 'not' : one.do;
      }
      state.how = 'well';
      const found: Record<string, number> = {};
      for (const { apiKey: { id: keyId } } of keys) {
        const { points } = await keyring.usage({ keyId, per: 'minute', from: now - 12 * HOUR, to: now + 12 * HOUR });
        for (const { at, allowed, limited, refused } of points) {
          for (const [outcome, count = 0] of Object.entries({ allowed, limited, ...refused })) if (count > 0) found[`${keyId} ${at / MINUTE} ${outcome}`] = count;
        }
      }
      const recent = Object.fromEntries(Object.entries(expected).filter(([name]) => { const at = Number(name.split(' ')[1]) * MINUTE; return at >= now - 12 * HOUR && at < now + 12 * HOUR; }));
      expect(found).toEqual(recent);
      const sum = Object.values(expected).reduce((all, count) => all + count, 0);
      const { totals } = await keyring.usage({ per: 'day', from: now - 10 * DAY, to: now + 10 * DAY });
      expect(totals.allowed + totals.limited + Object.entries(totals.refused).reduce((all, [code, count]) => all + (code === 'malformed_key' ? 0 : count!), 0)).toBe(sum);
      await keyring.close();
    }), { numRuns: 60 });
  }, 60_000);

  it('keeps what the meter does not take, and hands a batch on again as it was', async () => {
    const { meter, batches, state } = flaky();
    const { keyring, faults } = ring({ usage: meter });
    const { key } = await keyring.create({ name: 'x' });
    for (const how of ['not', 'unheard', 'not', 'well'] as const) {
      state.how = how;
      await keyring.verify(key);
      await keyring.flush();
    }
    expect(faults).toHaveLength(3);
    expect(batches.slice(0, 4).map(({ id }) => id)).toEqual(Array.from({ length: 4 }, () => batches[0]!.id));
    expect((await keyring.usage()).totals.allowed).toBe(4);
    await keyring.close();
  });

  it('gives up new counts, not old ones, when there is no more room, and says so', async () => {
    const { meter, state } = flaky();
    const { clock, keyring, faults } = ring({ usage: meter });
    state.how = 'not';
    const { key } = await keyring.create({ name: 'x' });
    const MOST = 50_000;
    for (let index = 0; index < MOST + 500; index++) {
      clock.advance(MINUTE);
      await keyring.verify(key);
    }
    state.how = 'well';
    await keyring.flush();
    await keyring.flush();
    expect(faults.map(String).find((fault) => fault.includes('requests are not counted'))).toMatch(/: [1-9]\d\d requests/);
    const { totals } = await keyring.usage({ per: 'day', from: 0 + clock.now() - 40 * DAY, to: clock.now() + DAY });
    expect(totals.allowed).toBeGreaterThanOrEqual(MOST);
    expect(totals.allowed).toBeLessThanOrEqual(MOST + 400);
    await keyring.close();
  }, 60_000);

  it('holds up no request, and writes by itself in a while', async () => {
    let added = (): void => undefined;
    const inTime = new Promise<void>((resolve) => (added = resolve));
    const meter: UsageMeter = { ...memoryUsage(), add: () => { added(); return new Promise(() => undefined); } };
    const { keyring, faults } = ring({ usage: meter, lifecycle: { flushEvery: 100 }, deadlines: { storeMs: 50 } });
    const { key } = await keyring.create({ name: 'x' });
    expect((await keyring.verify(key)).ok).toBe(true);
    await inTime;
    expect((await keyring.verify(key)).ok).toBe(true);
    await keyring.close();
    expect(String(faults[0])).toContain('usage.add gave no answer');
  });

  it('counts for nobody what proved no secret, however much of it comes, and whatever id it names', async () => {
    const { meter, batches } = flaky();
    const { keyring } = ring({ usage: meter, limits: { failures: [] } });
    const { key, apiKey } = await keyring.create({ name: 'x', tenantId: 't' });
    await keyring.verify(key);
    const told: unknown[] = [];
    keyring.on('refused', ({ keyId }) => { if (keyId !== undefined) told.push(keyId); });
    for (let index = 0; index < 3_000; index++) {
      await keyring.verify(guessOf(key), { tenant: `t${index}` });
      await keyring.verify(keyring.format.generate({ environment: 'live' }).key, { tenant: `t${index}`, ip: `192.0.2.${index % 256}` });
      await keyring.verify(`nonsense${index}`);
    }
    expect((await keyring.usage({ keyId: apiKey.id })).totals).toEqual({ allowed: 1, limited: 0, refused: {} });
    expect((await keyring.usage({ tenantId: 't' })).totals).toEqual({ allowed: 1, limited: 0, refused: {} });
    expect((await keyring.usage()).totals).toEqual({ allowed: 1, limited: 0, refused: { invalid_key: 6_000, malformed_key: 3_000 } });
    expect(await keyring.topKeys({ by: 'refused' })).toEqual([]);
    expect(told).toEqual([]);
    // One for each code, not for each attempt.
    expect(batches.flatMap(({ counts }) => counts).length).toBeLessThanOrEqual(6);
    await keyring.close();
  });

  it('counts neither explanations nor what is open, and writes what it has counted when it is closed', async () => {
    const { meter, batches } = flaky();
    const { keyring } = ring({ usage: meter });
    const { key, apiKey } = await keyring.create({ name: 'x' });
    await keyring.explain(apiKey.id);
    engineOf(keyring)!.watch(apiKey.id, NO_FACTS, () => undefined);
    await keyring.verify(key);
    await keyring.close();
    expect(batches.flatMap(({ counts }) => counts)).toEqual([{ at: expect.any(Number), keyId: apiKey.id, outcome: 'allowed', count: 1 }]);
  });

  it('adds up over several keyrings', async () => {
    const usage = memoryUsage();
    const store = memoryStore();
    const rings = [1, 2, 3].map(() => ring({ usage, store }).keyring);
    const { key, apiKey } = await rings[0]!.create({ name: 'x' });
    for (const [index, keyring] of rings.entries()) for (let count = 0; count <= index; count++) await keyring.verify(key);
    for (const keyring of rings) await keyring.flush();
    expect((await rings[2]!.usage({ keyId: apiKey.id })).totals.allowed).toBe(6);
    for (const keyring of rings) await keyring.close();
  });

  it('asks a meter that hangs once more, however many want to read', async () => {
    let adds = 0;
    const { keyring } = ring({ deadlines: { storeMs: 30 }, usage: { ...memoryUsage(), add: () => { adds++; return new Promise(() => undefined); } } });
    const { key } = await keyring.create({ name: 'x' });
    await keyring.verify(key);
    await Promise.all(Array.from({ length: 50 }, () => keyring.usage()));
    expect(adds).toBeLessThanOrEqual(2);
    await keyring.close();
  });

  it('asks for the most used keys one question at a time, equal ones once, and lets few wait', async () => {
    const asked: { readonly limit: number; readonly answer: (keys: readonly UsageOfKey[]) => void; readonly fail: (error: Error) => void }[] = [];
    const meter: UsageMeter = { ...memoryUsage(), top: ({ limit }) => new Promise((answer, fail) => asked.push({ limit, answer, fail })) };
    const { keyring } = ring({ usage: meter });
    const limits = (): number[] => asked.map(({ limit }) => limit);
    const settled = async (count: number): Promise<void> => { while (asked.length < count) await new Promise(setImmediate); };
    const of = (limit: number): UsageOfKey => ({ keyId: `k${limit}`, allowed: limit, limited: 0, refused: 0 });
    const questions = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((limit) => keyring.topKeys({ limit }));
    const equal = [keyring.topKeys({ limit: 1 }), keyring.topKeys({ limit: 9 })];
    await settled(1);
    await expect(keyring.topKeys({ limit: 10 })).rejects.toMatchObject({ code: 'store_unavailable' });
    const late = keyring.topKeys({ limit: 2 });
    expect(limits()).toEqual([1]);
    for (let count = 1; count <= 9; count++) {
      await settled(count);
      expect(asked).toHaveLength(count);
      if (count === 3) asked[2]!.fail(new Error('down'));
      else asked[count - 1]!.answer([of(count)]);
      await questions[count - 1]!.catch(() => undefined);
    }
    expect(limits()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect((await Promise.allSettled(questions)).map((one) => (one.status === 'fulfilled' ? one.value : (one.reason as { code: string }).code))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9].map((limit) => (limit === 3 ? 'store_unavailable' : [of(limit)])));
    const shared = await Promise.all([...equal, late]);
    expect(shared).toEqual([[of(1)], [of(9)], [of(2)]]);
    expect(shared[0][0]).not.toBe((await questions[0]!)[0]);
    // What is over is asked again.
    const again = keyring.topKeys({ limit: 3 });
    await settled(10);
    asked[9]!.answer([]);
    expect(await again).toEqual([]);
    await keyring.close();
  });

  it('refuses what it cannot answer', async () => {
    const { clock, keyring } = ring();
    const now = clock.now();
    const wrong: [object, string][] = [
      [{ per: 'week' }, 'usage.per'], [{ from: 'x' }, 'usage.from'], [{ to: NaN }, 'usage.to'], [{ from: new Date(NaN) }, 'usage.from'], [{ keyId: '' }, 'usage.keyId'], [{ tenantId: '' }, 'usage.tenantId'], [{ keyId: 5 }, 'usage.keyId'],
      [{ keyID: 'x' }, 'usage.keyID'], [{ from: now, to: now }, 'usage.from'], [{ per: 'minute', from: now - 26 * HOUR }, 'usage.from'], [{ per: 'day', from: 0 }, 'usage.from'],
    ];
    for (const [options, option] of wrong) await expect(keyring.usage(options as never)).rejects.toMatchObject({ name: 'ConfigurationError', option });
    for (const [options, option] of [[{ by: 'all' }, 'by'], [{ limit: 0 }, 'limit'], [{ limit: 101 }, 'limit'], [{ keyId: 'x' }, 'keyId'], [{ from: 0 }, 'from'], [{ tenantId: '' }, 'tenantId']] as const) await expect(keyring.topKeys(options as never)).rejects.toMatchObject({ option: `topKeys.${option}` });
    expect((await keyring.usage({ per: 'minute', from: now - DAY, to: now })).points).toEqual([]);
    const plain = createKeyring({ prefix: 'awx' });
    await expect(plain.usage()).rejects.toMatchObject({ option: 'usage' });
    await expect(plain.topKeys()).rejects.toMatchObject({ option: 'usage' });
    const broken = ring({ usage: { add: () => undefined, read: () => [{ at: 'x' }] as never, top: () => 'x' as never } });
    for (const asked of [broken.keyring.usage(), broken.keyring.topKeys()]) await expect(asked).rejects.toMatchObject({ code: 'store_unavailable' });
  });
});

describe('memoryUsage', () => {
  it('makes room by giving up the oldest detail, never the sum of a day', async () => {
    const meter = memoryUsage({ max: 1_000 });
    for (let minute = 0; minute < 2_000; minute++) await meter.add({ id: String(minute), at: minute * MINUTE, counts: [{ at: minute * MINUTE, keyId: `k${minute % 40}`, outcome: 'allowed', count: 1 }] });
    const sum = async (per: 'minute' | 'day') => (await meter.read({ per, from: 0, to: 3 * DAY })).reduce((all, { count }) => all + count, 0);
    expect(await sum('day')).toBe(2_000);
    expect(await sum('minute')).toBeLessThan(2_000);
    expect((await meter.read({ per: 'minute', from: 1_999 * MINUTE, to: 2_000 * MINUTE })).length).toBe(1);
    for (const options of [{ max: 999 }, { max: '5' }, { keepDays: { minute: 0.5 } }, { keepDays: null }, { keep: 1 }]) expect(() => memoryUsage(options as never)).toThrow('memoryUsage');
  });

  it('drops what is too old', async () => {
    const meter = memoryUsage({ keepDays: { minute: 1, hour: 2, day: 0 } });
    const counts = [{ at: 0, keyId: 'a', outcome: 'allowed', count: 1 }];
    await meter.add({ id: 'a', at: 0, counts });
    const kept = async () => (await Promise.all((['minute', 'hour', 'day'] as const).map(async (per) => meter.read({ per, from: 0, to: DAY })))).map((points) => points.length);
    expect(await kept()).toEqual([1, 1, 0]);
    await meter.add({ id: 'b', at: DAY + 1, counts: [] });
    expect(await kept()).toEqual([0, 1, 0]);
    await meter.add({ id: 'c', at: 2 * DAY + 1, counts });
    expect(await kept()).toEqual([0, 0, 0]);
  });
});
