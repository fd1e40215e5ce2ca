import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { engineOf, type Keyring } from '../../../src/core/keyring.js';
import { perMinute } from '../../../src/core/limits/rules.js';
import type { KeyUse } from '../../../src/core/ports.js';
import type { GuardedStore } from '../../../src/core/guarded-store.js';
import type { KeyRecord } from '../../../src/core/record.js';
import { NO_FACTS, type RequestFacts } from '../../../src/core/request.js';
import { createUses, type Uses } from '../../../src/core/uses.js';
import { failure, latch, ring, START, turn, verdict } from '../support.js';

afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

/** A keyring whose store keeps an account of what it is told. */
async function setting(options: Parameters<typeof ring>[0] = {}): Promise<ReturnType<typeof ring> & { key: string; id: string; told: KeyUse[][]; stored(): Promise<KeyRecord | undefined> }> {
  const made = ring(options);
  const { key, apiKey: { id } } = await made.keyring.create({ name: 'one' });
  const told: KeyUse[][] = [];
  const touch = made.store.touch.bind(made.store);
  made.store.touch = (uses) => { told.push([...uses]); return touch(uses); };
  return { ...made, key, id, told, stored: async () => (await made.store.inner.find({ by: 'id', id })) ?? undefined };
}

const used = async (keyring: Keyring, id: string): Promise<readonly [at: number | undefined, ip: string | undefined]> => {
  const apiKey = await keyring.get(id);
  return [apiKey?.lastUsedAt, apiKey?.lastUsedIp];
};

describe('the last use of a key', () => {
  it('is shown at once, by get and list, and written later, in one call for all keys', async () => {
    const { keyring, clock, key, id, told, stored } = await setting();
    const { key: other, apiKey } = await keyring.create({ name: 'two' });
    expect(await used(keyring, id)).toEqual([undefined, undefined]);
    await keyring.verify(key, { ip: '192.0.2.1' });
    clock.time += 5;
    await keyring.verify(other, { ip: '2001:db8::1' });
    expect(await used(keyring, id)).toEqual([START, '192.0.2.1']);
    expect((await keyring.list()).keys.map((one) => [one.lastUsedAt, one.lastUsedIp]).sort()).toEqual([[START, '192.0.2.1'], [START + 5, '2001:db8::1']]);
    expect([told, (await stored())?.lastUsedAt]).toEqual([[], undefined]);
    await keyring.flush();
    expect(told).toEqual([[{ id, at: START, ip: '192.0.2.1' }, { id: apiKey.id, at: START + 5, ip: '2001:db8::1' }]]);
    expect(await stored()).toMatchObject({ lastUsedAt: START, lastUsedIp: '192.0.2.1', version: 1, updatedAt: START });
    await keyring.flush();
    expect(told).toHaveLength(1);
  });

  it('is noted at most once a second for each key, and asks no more often for the address', async () => {
    const { keyring, clock, key, id, told } = await setting();
    let asked = 0;
    const facts: RequestFacts = { ...NO_FACTS, clientIp: () => `192.0.2.${String(++asked)}` };
    const verify = async (): Promise<unknown> => engineOf(keyring)?.verify(key, facts);
    for (let round = 0; round < 50; round++) await verify();
    clock.time = START + 999;
    await verify();
    expect([asked, await used(keyring, id)]).toEqual([1, [START, '192.0.2.1']]);
    clock.time = START + 1_000;
    await verify();
    await verify();
    expect([asked, await used(keyring, id)]).toEqual([2, [START + 1_000, '192.0.2.2']]);
    await keyring.flush();
    expect(told).toEqual([[{ id, at: START + 1_000, ip: '192.0.2.2' }]]);
  });

  it('goes on being noted when the clock is set back, and never goes back itself', async () => {
    const { keyring, clock, key, id, stored } = await setting();
    await keyring.verify(key);
    await keyring.flush();
    clock.time = START - 60_000;
    await keyring.verify(key, { ip: '192.0.2.1' });
    expect(await used(keyring, id)).toEqual([START, undefined]);
    await keyring.flush();
    expect((await stored())?.lastUsedAt).toBe(START);
    clock.time = START + 1;
    await keyring.verify(key, { ip: '192.0.2.2' });
    expect(await used(keyring, id)).toEqual([START + 1, '192.0.2.2']);
  });

  it('shows what another process has written, when that is later', async () => {
    const { keyring, key, id, store } = await setting();
    await keyring.verify(key, { ip: '192.0.2.1' });
    await store.inner.touch([{ id, at: START + 5, ip: '192.0.2.9' }]);
    expect(await used(keyring, id)).toEqual([START + 5, '192.0.2.9']);
  });

  it('keeps its address when a later request has none', async () => {
    const { keyring, clock, key, id } = await setting();
    await keyring.verify(key, { ip: '192.0.2.1' });
    clock.time += 2_000;
    await keyring.verify(key);
    expect(await used(keyring, id)).toEqual([START + 2_000, '192.0.2.1']);
    await keyring.flush();
    expect(await used(keyring, id)).toEqual([START + 2_000, '192.0.2.1']);
  });

  it.each([['192.0.2.1', '192.0.2.1'], ['::ffff:192.0.2.1', '192.0.2.1'], ['::FFFF:192.0.2.1', '192.0.2.1'], ['2001:db8::1', '2001:db8::1'], ['fe80::1%eth0', 'fe80::1%eth0']])('writes the address %p as %p', async (ip, shown) => {
    const { keyring, key, id } = await setting();
    await keyring.verify(key, { ip });
    expect(await used(keyring, id)).toEqual([START, shown]);
  });

  it.each(['', 'unknown', '10.0.0.1, 10.0.0.2', '192.0.2.1\0', "'; DROP TABLE keys; --", '1'.repeat(100_000), '256.1.1.1', 'fe80::1%'.padEnd(5_000, 'x')])('leaves out what is no address: %.20j', async (ip) => {
    const { keyring, key, id, told } = await setting();
    await keyring.verify(key, { ip });
    await keyring.flush();
    expect([await used(keyring, id), told]).toEqual([[START, undefined], [[{ id, at: START }]]]);
  });

  it('is a use, not an attempt: refused requests are not noted', async () => {
    const { keyring, key, id } = await setting();
    await verdict(keyring, key, { environment: 'test' });
    await verdict(keyring, key, { scopes: ['write'] });
    await verdict(keyring, key.replace(/.$/, (last) => (last === 'a' ? 'b' : 'a')));
    expect(await used(keyring, id)).toEqual([undefined, undefined]);
    await keyring.update(id, { limits: [perMinute(1)] });
    expect([await verdict(keyring, key), await verdict(keyring, key)]).toEqual(['ok', 'rate_limited']);
    await keyring.explain(id);
    expect(await used(keyring, id)).toEqual([START, undefined]);
  });

  it.each([['with limits', { limits: [perMinute(9)] }, {}], ['without', {}, {}], ['without a cache', {}, { cache: false as const }]])('is noted for keys %s', async (_which, fields, options) => {
    const { keyring } = ring(options);
    const { key, apiKey } = await keyring.create({ name: 'one', ...fields });
    await keyring.verify(key, { ip: '192.0.2.1' });
    expect(await used(keyring, apiKey.id)).toEqual([START, '192.0.2.1']);
  });

  it('is no change: it gets in the way of no guarded update, and no event tells of it', async () => {
    const { keyring, key, id } = await setting();
    const events: unknown[] = [];
    keyring.on('updated', (event) => void events.push(event));
    await keyring.verify(key);
    await keyring.flush();
    expect(events).toEqual([]);
    expect(await keyring.update(id, { name: 'two' }, { version: 1 })).toMatchObject({ version: 2, lastUsedAt: START });
  });

  it('does not bring a revoked or deleted key back', async () => {
    const { keyring, key, id } = await setting();
    await keyring.verify(key);
    await keyring.revoke(id);
    await keyring.flush();
    expect([await verdict(keyring, key), (await keyring.get(id))?.lastUsedAt]).toEqual(['revoked_key', START]);
  });

  it('comes to no harm by an address that cannot be told: the request passes, a fault tells', async () => {
    const { keyring, key, id } = await setting();
    const faults: unknown[] = [];
    keyring.on('fault', ({ error }) => void faults.push((error as Error).message));
    const answer = await engineOf(keyring)?.verify(key, { ...NO_FACTS, clientIp: () => { throw new Error('no socket'); } });
    expect([answer?.ok, faults, await used(keyring, id)]).toEqual([true, ['no socket'], [START, undefined]]);
  });
});

describe('uses are written', () => {
  it.each([['every five seconds', undefined, 5_000], ['as often as is said', 200, 200]])('%s, by a timer that runs while there is something to write and keeps no process alive', async (_how, flushEvery, every) => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick'] });
    const timers = jest.spyOn(globalThis, 'setTimeout');
    const { keyring, clock, key, told } = await setting(flushEvery === undefined ? {} : { lifecycle: { flushEvery } });
    expect(jest.getTimerCount()).toBe(0);
    await keyring.verify(key);
    expect(timers.mock.results.map(({ value }) => (value as NodeJS.Timeout).hasRef())).toEqual([false]);
    await jest.advanceTimersByTimeAsync(every - 1);
    expect(told).toEqual([]);
    await jest.advanceTimersByTimeAsync(1);
    expect([told.length, jest.getTimerCount()]).toEqual([1, 0]);
    clock.time += every;
    await keyring.verify(key);
    clock.time += 1_000;
    await keyring.verify(key);
    expect(jest.getTimerCount()).toBe(1);
    await jest.advanceTimersByTimeAsync(every);
    expect(told).toHaveLength(2);
  });

  it('by close, after which nothing more is', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick'] });
    const { keyring, key, told, stored, id } = await setting();
    await keyring.verify(key);
    await keyring.close();
    expect([told.length, (await stored())?.lastUsedAt, jest.getTimerCount()]).toEqual([1, START, 0]);
    await keyring.close();
    await jest.advanceTimersByTimeAsync(60_000);
    expect(told).toEqual([[{ id, at: START }]]);
  });

  it('not after close for a verification that was under way: the store may be closed by then', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick'] });
    const gate = latch();
    const { keyring, store, key, told } = await setting({ cache: false });
    store.gate = { methods: ['find'], until: gate.opened };
    const verifying = verdict(keyring, key);
    await keyring.close();
    gate.open();
    expect([await verifying, jest.getTimerCount(), told]).toEqual(['ok', 0, []]);
  });

  it('once by close when the store fails: a fault tells, and no timer stays', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick'] });
    const { keyring, store, key } = await setting();
    let faults = 0;
    keyring.on('fault', () => void faults++);
    store.touch = () => { throw new Error('down'); };
    await keyring.verify(key);
    await keyring.close();
    expect([faults, jest.getTimerCount()]).toEqual([1, 0]);
  });

  it('one batch after the other, never two at once; what comes meanwhile goes with the next', async () => {
    const { keyring, store, clock, key, id, told } = await setting();
    const gate = latch();
    const touch = store.touch.bind(store);
    let running = 0;
    store.touch = async (uses) => { expect(++running).toBe(1); await gate.opened; await touch(uses); running--; };
    await keyring.verify(key, { ip: '192.0.2.1' });
    const flushing = [keyring.flush()];
    await turn();
    expect(await used(keyring, id)).toEqual([START, '192.0.2.1']);
    clock.time += 1_000;
    await keyring.verify(key);
    expect(await used(keyring, id)).toEqual([START + 1_000, '192.0.2.1']);
    flushing.push(keyring.flush(), keyring.flush());
    gate.open();
    await Promise.all(flushing);
    expect(told).toEqual([[{ id, at: START, ip: '192.0.2.1' }], [{ id, at: START + 1_000 }]]);
  });

  it.each<[string, () => never]>([
    ['throws', () => { throw new Error('down'); }],
    ['rejects', () => Promise.reject(new Error('down')) as never],
    ['hangs', () => new Promise(() => undefined) as never],
  ])('again when the store %s: nothing is lost, faults tell, requests go on', async (_how, fail) => {
    const { keyring, store, clock, key, id, told, stored } = await setting({ deadlines: { storeMs: 5 } });
    const { key: other, apiKey } = await keyring.create({ name: 'two' });
    const faults: unknown[] = [];
    keyring.on('fault', ({ error }) => void faults.push((error as { code?: string }).code));
    const { touch } = store;
    store.touch = fail;
    await keyring.verify(key, { ip: '192.0.2.1' });
    await keyring.verify(other);
    const flushing = keyring.flush();
    await turn();
    clock.time += 1_000;
    await keyring.verify(key);
    await flushing;
    expect([faults, await used(keyring, id), await used(keyring, apiKey.id)]).toEqual([['store_unavailable'], [START + 1_000, '192.0.2.1'], [START, undefined]]);
    expect(await verdict(keyring, key)).toBe('ok');
    store.touch = touch;
    await keyring.flush();
    expect(told[0]?.map((use) => use.at).sort()).toEqual([START, START + 1_000]);
    expect((await stored())?.lastUsedAt).toBe(START + 1_000);
  });

  it('again by itself after a failed flush', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick'] });
    const { keyring, store, key, told } = await setting();
    const { touch } = store;
    store.touch = () => { throw new Error('down'); };
    await keyring.verify(key);
    await keyring.flush();
    expect(jest.getTimerCount()).toBe(1);
    store.touch = touch;
    await jest.advanceTimersByTimeAsync(5_000);
    expect(told).toHaveLength(1);
  });

  describe('of a crowd of keys', () => {
    const MOST = 10_000;
    const crowd = (answer: (size: number) => void): { uses: Uses; sizes: number[]; note(count: number, at: number): void } => {
      const sizes: number[] = [];
      const store = { touch: (batch: readonly KeyUse[]) => { sizes.push(batch.length); answer(batch.length); } } as GuardedStore;
      const uses = createUses(store, 5_000, () => undefined);
      return { uses, sizes, note(count, at) { for (let index = 0; index < count; index++) uses.note({ id: `key-${String(index)}`, at }); } };
    };

    it('ten thousand at once, before their time', async () => {
      const { uses, sizes, note } = crowd(() => undefined);
      note(MOST - 1, 1);
      await turn();
      expect(sizes).toEqual([]);
      note(MOST, 2);
      await turn();
      expect(sizes).toEqual([MOST]);
      await uses.close();
    });

    it('not without bound: a store that takes none costs memory for ten thousand and one call an interval', async () => {
      jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick'] });
      let down = true;
      const { uses, sizes, note } = crowd(() => { if (down) throw new Error('down'); });
      for (let round = 1; round <= 3; round++) {
        note(3 * MOST, round);
        note(3 * MOST, round + 0.5);
        await jest.advanceTimersByTimeAsync(5_000);
      }
      // The first crowd is written before its time, and every five seconds what is left of it is tried again.
      expect(sizes).toEqual([MOST, MOST, MOST, MOST]);
      down = false;
      await uses.close();
      expect(sizes.at(-1)).toBe(MOST);
    });
  });
});

it('a crash loses no more than what has come since the last writing', async () => {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick'] });
  const { keyring, store, clock, key, id } = await setting();
  for (let second = 0; second < 12; second++) {
    await keyring.verify(key);
    await jest.advanceTimersByTimeAsync(1_000);
    clock.time += 1_000;
  }
  // The process is gone: nobody flushes, nobody closes. Another one reads the store.
  const { keyring: next } = ring({ store: store.inner, clock });
  const [at = 0] = await used(next, id);
  expect(clock.time - at).toBeLessThanOrEqual(5_000 + 1_000);
  expect(await failure(async () => next.flush())).toBeUndefined();
});
