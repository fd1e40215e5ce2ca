import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { LifecycleOptions } from '../../../src/core/management/lifecycle-options.js';
import type { KeySettings } from '../../../src/core/management/draft.js';
import { failure, ring, START } from '../support.js';

const MINUTE = 60_000;
const DAY = 86_400_000;
const QUARTER = 90 * DAY;
const END = START + 400 * DAY;

afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

describe('a key is stale', () => {
  it.each<[string, LifecycleOptions, Partial<KeySettings>, number, string]>([
    ['not before it is 90 days old', { unusedAfter: END }, {}, START + QUARTER - 1, ''],
    ['from 90 days of age', { unusedAfter: END }, {}, START + QUARTER, 'rotation_due'],
    ['not before the age that is said', { rotateAfter: 5_000, unusedAfter: END }, {}, START + 4_999, ''],
    ['from the age that is said', { rotateAfter: 5_000, unusedAfter: END }, {}, START + 5_000, 'rotation_due'],
    ['not before it has lain unused for 90 days', { rotateAfter: END }, {}, START + QUARTER - 1, ''],
    ['when it has lain unused for 90 days', { rotateAfter: END }, {}, START + QUARTER, 'unused'],
    ['when it has lain unused for the time that is said', { unusedAfter: 5_000 }, {}, START + 5_000, 'unused'],
    ['not for lying unused before it could be used', { unusedAfter: 5_000 }, { notBefore: START + 9_000 }, START + 13_999, ''],
    ['for lying unused since it could be used', { unusedAfter: 5_000 }, { notBefore: START + 9_000 }, START + 14_000, 'unused'],
    ['not before 7 days to its end', {}, { expiresAt: START + 9 * DAY }, START + 2 * DAY - 1, ''],
    ['from 7 days to its end', {}, { expiresAt: START + 9 * DAY }, START + 2 * DAY, 'expiring'],
    ['to the last moment', {}, { expiresAt: START + 9 * DAY }, START + 9 * DAY - 1, 'expiring'],
    ['not after its end', {}, { expiresAt: START + 9 * DAY }, START + 9 * DAY, ''],
    ['from the time to its end that is said', { expiringWithin: 5 }, { expiresAt: START + 100 }, START + 95, 'expiring'],
    ['not when no warning of its end is wanted', { expiringWithin: 0 }, { expiresAt: START + 100 }, START + 99, ''],
    ['for several reasons at once', {}, { expiresAt: START + QUARTER + 5 }, START + QUARTER, 'expiring rotation_due unused'],
  ])('%s', async (_when, lifecycle, settings, now, reasons) => {
    const rules = Object.fromEntries(Object.entries(lifecycle).map(([name, value]) => [name, Math.min(value, 36_000 * DAY)]));
    const { keyring, clock } = ring({ lifecycle: rules });
    const { apiKey } = await keyring.create({ name: 'one', ...settings });
    const told: unknown[] = [];
    keyring.on('stale', (event) => void told.push(event));
    clock.time = now;
    const found = await keyring.checkStale();
    expect(found.map(({ reason }) => reason).sort().join(' ')).toBe(reasons);
    expect(found.every((one) => one.apiKey.id === apiKey.id && !('hash' in one.apiKey))).toBe(true);
    expect(told).toEqual(found.map((one) => ({ at: now, ...one })));
    await keyring.close();
  });

  it('unused counts from the last use, written or not', async () => {
    const { keyring, clock } = ring({ lifecycle: { unusedAfter: 10_000 } });
    const { key } = await keyring.create({ name: 'one' });
    clock.time = START + 5_000;
    await keyring.verify(key);
    for (const flushed of [false, true]) {
      if (flushed) await keyring.flush();
      clock.time = START + 14_999;
      expect(await keyring.checkStale()).toEqual([]);
      clock.time = START + 15_000;
      expect(await keyring.checkStale()).toMatchObject([{ reason: 'unused', apiKey: { lastUsedAt: START + 5_000 } }]);
    }
  });

  it.each(['disabled', 'revoked', 'deleted', 'rotated'])('never when it is %s', async (status) => {
    const { keyring, clock } = ring({ lifecycle: { gracePeriod: 365 * DAY } });
    const { apiKey: { id } } = await keyring.create({ name: 'one', expiresAt: START + QUARTER + DAY });
    if (status === 'disabled') await keyring.disable(id);
    if (status === 'revoked') await keyring.revoke(id);
    if (status === 'deleted') await keyring.delete(id);
    clock.time = START + QUARTER;
    if (status === 'rotated') await keyring.rotate(id, { expiresAt: null });
    expect(await keyring.checkStale()).toEqual([]);
  });

  it('no more once it is rotated: its successor is young', async () => {
    const { keyring, clock } = ring();
    const { apiKey } = await keyring.create({ name: 'one' });
    clock.time = START + QUARTER;
    expect((await keyring.checkStale()).map(({ reason }) => reason)).toEqual(['rotation_due', 'unused']);
    await keyring.rotate(apiKey.id);
    expect(await keyring.checkStale()).toEqual([]);
  });
});

describe('checkStale', () => {
  it('looks through every page', async () => {
    const { keyring, clock, store } = ring();
    for (let index = 0; index < 1_100; index++) await keyring.create({ name: 'one' });
    clock.time = START + QUARTER;
    expect(await keyring.checkStale()).toHaveLength(2_200);
    expect(store.calls.list).toBe(3);
  });

  it('rejects when the store fails, having announced nothing', async () => {
    const { keyring, clock, store } = ring();
    await keyring.create({ name: 'one' });
    let told = 0;
    keyring.on('stale', () => void told++);
    clock.time = START + QUARTER;
    store.list = () => { throw new Error('down'); };
    expect([await failure(() => keyring.checkStale()), told]).toEqual([['store_unavailable'], 0]);
    await keyring.close();
  });
});

describe('by itself', () => {
  const setting = async (): Promise<ReturnType<typeof ring>> => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick'] });
    const made = ring({ lifecycle: { unusedAfter: 100 * QUARTER } });
    await made.keyring.create({ name: 'one' });
    made.clock.time = START + QUARTER;
    return made;
  };

  it('looks a minute after somebody listens, and then once a day, however many listen', async () => {
    const { keyring, clock, store } = await setting();
    await jest.advanceTimersByTimeAsync(3 * DAY);
    expect([store.calls.list, jest.getTimerCount()]).toEqual([0, 0]);
    const told: number[] = [];
    keyring.on('stale', ({ at }) => void told.push(at));
    keyring.on('stale', () => undefined);
    expect(jest.getTimerCount()).toBe(1);
    await jest.advanceTimersByTimeAsync(MINUTE - 1);
    expect(told).toEqual([]);
    await jest.advanceTimersByTimeAsync(1);
    expect(told).toEqual([START + QUARTER]);
    for (let day = 1; day <= 3; day++) {
      clock.time += DAY;
      await jest.advanceTimersByTimeAsync(DAY);
    }
    expect(told).toEqual([0, 1, 2, 3].map((day) => START + QUARTER + day * DAY));
    expect(store.calls.list).toBe(4);
    await keyring.close();
  });

  it('does not look while nobody listens any more', async () => {
    const { keyring, store } = await setting();
    const stop = keyring.on('stale', () => undefined);
    stop();
    await jest.advanceTimersByTimeAsync(3 * DAY);
    expect(store.calls.list).toBe(0);
    keyring.on('stale', () => undefined);
    await jest.advanceTimersByTimeAsync(DAY);
    expect(store.calls.list).toBe(1);
    await keyring.close();
  });

  it('keeps no process alive', async () => {
    const { keyring } = await setting();
    const timers = jest.spyOn(globalThis, 'setTimeout');
    keyring.on('stale', () => undefined);
    await jest.advanceTimersByTimeAsync(MINUTE);
    expect(timers.mock.results.map(({ value }) => (value as NodeJS.Timeout).hasRef())).toEqual([false, false]);
    await keyring.close();
  });

  it('reports a look that fails, and looks again the next day', async () => {
    const { keyring, store } = await setting();
    const faults: unknown[] = [];
    const told: unknown[] = [];
    keyring.on('fault', ({ error }) => void faults.push((error as { code?: string }).code));
    keyring.on('stale', ({ reason }) => void told.push(reason));
    const { list } = store;
    store.list = () => { throw new Error('down'); };
    await jest.advanceTimersByTimeAsync(MINUTE);
    store.list = list;
    await jest.advanceTimersByTimeAsync(DAY);
    expect([faults, told]).toEqual([['store_unavailable'], ['rotation_due']]);
    await keyring.close();
  });

  it('looks no more after close, nor begins to', async () => {
    const { keyring, store } = await setting();
    keyring.on('stale', () => undefined);
    await keyring.close();
    keyring.on('stale', () => undefined);
    await jest.advanceTimersByTimeAsync(3 * DAY);
    expect([store.calls.list, jest.getTimerCount()]).toEqual([0, 0]);
    const { keyring: other } = ring();
    await other.close();
    other.on('stale', () => undefined);
    expect(jest.getTimerCount()).toBe(0);
  });
});
