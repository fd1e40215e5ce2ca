import { describe, expect, it } from '@jest/globals';
import { createKeyring } from '../../src/keyring.js';
import type { KeyringOptions } from '../../src/core/keyring-options.js';
import type { Activity, ActivityLog } from '../../src/core/observing.js';
import { memoryActivity } from '../../src/memory/activity.js';
import { perMinute } from '../../src/core/limits/rules.js';
import { fakeClock } from '../../src/testing/fake-clock.js';
import { guessOf, latch, turn, verdict } from './support.js';

function ring(options: Partial<KeyringOptions> = {}) {
  const clock = fakeClock();
  return { clock, keyring: createKeyring<string, string>({ prefix: 'awx', scopes: { read: [] }, clock, activity: memoryActivity(), ...options }) };
}

/** A log that does not take what it is given, all the time or once, at one of the entries. */
function failing() {
  const written: Activity[] = [];
  const state = { isDown: true, failsAt: Infinity };
  const log: ActivityLog = {
    append(entries) {
      const isOver = written.length + entries.length > state.failsAt;
      if (isOver) state.failsAt = Infinity;
      if (state.isDown || isOver) throw new Error('disk full');
      written.push(...entries);
    },
    list: () => ({ entries: written }),
  };
  return { log, written, state };
}

describe('activity', () => {
  it('tells who did what to a key, and what was done with it, newest first', async () => {
    const { clock, keyring } = ring({ limits: { default: [perMinute(1)] } });
    const { key, apiKey } = await keyring.create({ name: 'one', tenantId: 't', scopes: ['read'] }, { by: 'ann', ip: '192.0.2.9' });
    const request = { ip: '203.0.113.7', method: 'GET', path: '/v1/orders?api_key=secret', scopes: ['read'] };
    clock.advance(1);
    await keyring.verify(key, request);
    clock.advance(1);
    await keyring.verify(key, request);
    await keyring.verify(key, { ...request, scopes: ['admin'] });
    await keyring.revoke(apiKey.id, { by: 'bob', reason: 'left' });
    await keyring.verify(key, {});
    const { entries } = await keyring.activity({ keyId: apiKey.id });
    const start = clock.now() - 2;
    const common = { keyId: apiKey.id, tenantId: 't' };
    const asked = { action: 'request', ip: '203.0.113.7', method: 'GET', path: '/v1/orders', ...common };
    expect(entries).toEqual([
      { at: start + 2, action: 'request', result: 'revoked_key', ...common },
      { at: start + 2, action: 'revoked', result: 'ok', by: 'bob', ...common },
      { at: start + 2, result: 'insufficient_scope', ...asked },
      { at: start + 2, result: 'rate_limited', ...asked },
      { at: start + 1, result: 'ok', ...asked },
      { at: start, action: 'created', result: 'ok', by: 'ann', ip: '192.0.2.9', ...common },
    ]);
    expect(JSON.stringify(entries)).not.toContain(key.slice(-20));
    expect(JSON.stringify(entries)).not.toContain('secret');
  });

  it('shows whoever reviews a key what took its place, who has tried in vain, and its end', async () => {
    const { clock, keyring } = ring();
    const { apiKey } = await keyring.create({ name: 'one', tenantId: 't', slot: 'primary' });
    const { apiKey: next } = await keyring.rotate(apiKey.id, { by: 'ann', ip: '192.0.2.9', gracePeriod: 0 });
    const failures: unknown[] = [];
    keyring.on('failed', ({ action, code, apiKey: { id }, by }) => failures.push([action, code, id, by]));
    await expect(keyring.rotate(apiKey.id, { by: 'bob' })).rejects.toMatchObject({ code: 'already_rotated' });
    await expect(keyring.update(next.id, { name: 'two' }, { version: 7, by: 'carl' })).rejects.toMatchObject({ code: 'version_conflict' });
    await expect(keyring.update('nobody', { name: 'two' })).rejects.toMatchObject({ code: 'key_not_found' });
    expect(failures).toEqual([['rotated', 'already_rotated', apiKey.id, 'bob'], ['updated', 'version_conflict', next.id, 'carl']]);
    const { apiKey: last } = await keyring.regenerate('t', 'primary', { by: 'dora' });
    await keyring.delete(last.id);
    clock.advance(31 * 86_400_000);
    await keyring.purge();
    const told = async (keyId: string): Promise<unknown[]> => (await keyring.activity({ keyId, tenantId: 't' })).entries.map(({ action, result, by }) => [action, result, by]);
    expect(await told(apiKey.id)).toEqual([['rotated', 'already_rotated', 'bob'], ['replaced', 'ok', 'ann'], ['created', 'ok', undefined]]);
    expect(await told(next.id)).toEqual([['replaced', 'ok', 'dora'], ['updated', 'version_conflict', 'carl'], ['rotated', 'ok', 'ann']]);
    expect(await told(last.id)).toEqual([['purged', 'ok', undefined], ['deleted', 'ok', undefined], ['regenerated', 'ok', 'dora']]);
  });

  it('shows no key that somebody has put into a path', async () => {
    const { keyring } = ring();
    const { key, apiKey: { masked } } = await keyring.create({ name: 'one' });
    const encoded = key.replaceAll('_', '%5F');
    for (const path of [`/v1/${key}`, `/v1/-${key}/x`, `/v1/${encoded}`, `/${'a'.repeat(490)}/${key}`, '/v1/orders/0123456789abcdef0123456789abcdef']) await keyring.verify(key, { path });
    const paths = (await keyring.activity()).entries.filter(({ action }) => action === 'request').map(({ path }) => path);
    for (const path of paths) expect(path).not.toContain(key.slice(22, -4));
    expect(paths.slice(0, 5).reverse().slice(0, 1)).toEqual([`/v1/${masked}`]);
    expect(paths[0]).toBe('/v1/orders/0123456789abcdef0123456789abcdef');
  });

  it('is not written by whoever has proven nothing', async () => {
    const { keyring } = ring();
    const { key } = await keyring.create({ name: 'one' });
    expect(await verdict(keyring, guessOf(key))).toBe('invalid_key');
    await keyring.verify(keyring.format.generate({ environment: 'live' }).key);
    await keyring.verify(`${key.slice(0, -1)}!`);
    expect((await keyring.activity()).entries.map(({ action }) => action)).toEqual(['created']);
  });

  it('is kept by tenant, in pages that neither repeat nor hide what comes in meanwhile', async () => {
    const { keyring } = ring();
    for (let index = 0; index < 12; index++) await keyring.create({ name: String(index), tenantId: index % 2 === 0 ? 'even' : 'odd' });
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await keyring.activity({ tenantId: 'even', limit: 2, ...(cursor !== undefined && { cursor }) });
      await keyring.create({ name: 'meanwhile', tenantId: 'even' });
      seen.push(...page.entries.map(({ keyId }) => keyId));
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    expect(new Set(seen).size).toBe(6);
    expect(seen).toHaveLength(6);
    expect((await keyring.activity({ cursor: 'nonsense' })).entries).toEqual([]);
    expect((await keyring.activity({ cursor: '9999999999999-0' })).entries.length).toBeGreaterThan(0);
  });

  it('forgets the oldest when its memory is full', async () => {
    const log = memoryActivity({ max: 3 });
    await log.append([1, 2, 3, 4, 5].map((at): Activity => ({ at, action: 'request', result: 'ok', keyId: 'a' })));
    const { entries } = await log.list({ limit: 10 });
    expect(entries.map(({ at }) => at)).toEqual([5, 4, 3]);
    expect(Object.isFrozen(entries[0])).toBe(true);
  });

  it('forgets what was written first, also when a clock was ahead for a while', async () => {
    const log = memoryActivity({ max: 3 });
    const at = (time: number): Activity => ({ at: time, action: 'request', result: 'ok', keyId: 'a' });
    await log.append([at(1), at(9_000), at(9_001)]);
    const wrong: number[] = [];
    for (let time = 2; time < 3_000; time++) {
      await log.append([at(time)]);
      const { entries } = await log.list({ limit: 10 });
      if (entries.length !== 3 || (time > 4 && entries[0]!.at !== time)) wrong.push(time);
    }
    expect(wrong).toEqual([]);
  });

  it('holds up no request: a log that fails is reported, and what it did not take comes again', async () => {
    const written: Activity[] = [];
    let broken = true;
    const log: ActivityLog = {
      append(entries) {
        if (broken) throw new Error('disk full');
        written.push(...entries);
      },
      list: () => ({ entries: written }),
    };
    const { keyring } = ring({ activity: log });
    const faults: unknown[] = [];
    keyring.on('fault', ({ error }) => faults.push(error));
    const { key } = await keyring.create({ name: 'one' });
    expect((await keyring.verify(key)).ok).toBe(true);
    await keyring.flush();
    expect(faults).not.toEqual([]);
    broken = false;
    await keyring.verify(key);
    await keyring.close();
    expect(written.map(({ action }) => action)).toEqual(['created', 'request', 'request']);
  });

  it('keeps who did what when a log is down and requests pour in, and says what is lost', async () => {
    const { log, written, state } = failing();
    const { keyring } = ring({ activity: log });
    const faults: unknown[] = [];
    keyring.on('fault', ({ error }) => faults.push(error));
    const { key, apiKey } = await keyring.create({ name: 'one' }, { by: 'ann' });
    for (let index = 0; index < 15_000; index++) {
      await keyring.verify(key);
      if (index === 100) await keyring.update(apiKey.id, { name: 'two' }, { by: 'bob' });
    }
    await keyring.flush();
    state.isDown = false;
    await keyring.close();
    expect(written.filter(({ action }) => action !== 'request').map(({ action, by }) => [action, by])).toEqual([['created', 'ann'], ['updated', 'bob']]);
    expect(written.length).toBeGreaterThanOrEqual(10_000);
    expect(written.length).toBeLessThan(10_600);
    expect(faults.map(String).find((fault) => fault.includes(`${15_002 - written.length} entries are not written`))).toBeDefined();
  });

  it('writes nothing twice that a log took before it failed', async () => {
    const { log, written, state } = failing();
    state.isDown = false;
    const { keyring } = ring({ activity: log });
    const { key } = await keyring.create({ name: 'one' });
    for (let index = 0; index < 399; index++) await keyring.verify(key, { path: `/${index}` });
    state.failsAt = 250;
    await keyring.flush();
    expect(written).toHaveLength(201);
    await keyring.close();
    expect(written.map(({ path }) => path)).toEqual([undefined, ...Array.from({ length: 399 }, (_, index) => `/${index}`)]);
  });

  it('has an operation written at once, and requests in a while', async () => {
    const { log, written, state } = failing();
    state.isDown = false;
    const { keyring } = ring({ activity: log });
    const { key, apiKey } = await keyring.create({ name: 'one' });
    await keyring.verify(key);
    await turn();
    expect(written.map(({ action }) => action)).toEqual(['created']);
    await keyring.revoke(apiKey.id);
    await turn();
    expect(written.map(({ action }) => action)).toEqual(['created', 'request', 'revoked']);
    await keyring.close();
  });

  it('tries again by itself', async () => {
    const { log, written, state } = failing();
    const { opened: again, open: wasAskedAgain } = latch();
    let appends = 0;
    const { keyring } = ring({ lifecycle: { flushEvery: 100 }, activity: { ...log, append(entries) {
      if (++appends === 2) {
        state.isDown = false;
        wasAskedAgain();
      }
      return log.append(entries);
    } } });
    await keyring.create({ name: 'one' });
    await again;
    expect(written.map(({ action }) => action)).toEqual(['created']);
    await keyring.close();
  });

  it('asks a log that hangs once more, however many want to read', async () => {
    let appends = 0;
    const { keyring } = ring({ deadlines: { storeMs: 30 }, activity: { append: () => { appends++; return new Promise(() => undefined); }, list: () => ({ entries: [] }) } });
    await keyring.create({ name: 'one' });
    await Promise.all(Array.from({ length: 50 }, () => keyring.activity()));
    expect(appends).toBeLessThanOrEqual(2);
    await keyring.close();
  });

  it('has no more of a request than fits, whatever a client sends and a host passes on', async () => {
    const { keyring } = ring();
    const { key } = await keyring.create({ name: 'one' });
    await keyring.verify(key, { ip: `<img src=x>${'9'.repeat(100_000)}`, method: 'X'.repeat(100_000), path: `/\ud800${'<'.repeat(100_000)}` });
    const [entry] = (await keyring.activity()).entries;
    expect([entry!.ip!.length, entry!.method!.length, entry!.path!.length]).toEqual([64, 32, expect.any(Number)]);
    expect(entry!.path!.length).toBeLessThanOrEqual(512);
  });

  it('can only be added to: nothing of a keyring, of a log or of a purge changes or removes an entry', async () => {
    const log = memoryActivity();
    expect(Object.keys(log).sort()).toEqual(['append', 'list']);
    const { clock, keyring } = ring({ activity: log });
    const { key, apiKey } = await keyring.create({ name: 'one', tenantId: 't' });
    await keyring.verify(key);
    const before = (await keyring.activity()).entries;
    const operations: (() => Promise<unknown>)[] = [
      () => keyring.update(apiKey.id, { name: 'two' }), () => keyring.disableAll({ tenantId: 't' }), () => keyring.enable(apiKey.id), () => keyring.rotate(apiKey.id), () => keyring.revoke(apiKey.id), () => keyring.delete(apiKey.id),
      async () => { clock.advance(400 * 86_400_000); return keyring.purge(); }, () => keyring.create({ name: 'three', tenantId: 't' }),
    ];
    for (const operation of operations) {
      const { entries: older } = await keyring.activity({ limit: 500 });
      await operation();
      const { entries } = await keyring.activity({ limit: 500 });
      expect(entries.length).toBeGreaterThan(older.length);
      expect(entries.slice(-older.length)).toEqual(older);
    }
    expect((await keyring.activity({ limit: 500 })).entries.slice(-2)).toEqual(before);
  });

  it('can only be asked for where it is kept', async () => {
    const keyring = createKeyring({ prefix: 'awx' });
    await expect(keyring.activity()).rejects.toMatchObject({ code: 'invalid_option', option: 'activity' });
    expect(() => createKeyring({ prefix: 'awx', activity: {} as never })).toThrow('activity: must have the method append');
    expect(() => memoryActivity({ max: 0 })).toThrow('memoryActivity.max');
    await expect(ring().keyring.activity({ limit: 'x' as never })).rejects.toMatchObject({ option: 'activity.limit' });
  });
});
