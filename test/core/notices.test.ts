import { describe, expect, it, jest } from '@jest/globals';
import { createKeyring, memoryStore, type Invalidation, type InvalidationListener, type Keyring, type KeyringOptions, type KeyStore } from 'keystile';
import { fakeClock } from 'keystile/testing';
import { engineOf } from '../../src/core/keyring.js';
import { NO_FACTS } from '../../src/core/request.js';
import { until } from '../support/spies.js';

/** A line between the processes of a test. */
function line(): { join(): Invalidation; sent: string[]; listeners: Set<InvalidationListener> } {
  const listeners = new Set<InvalidationListener>();
  const sent: string[] = [];
  const join = (): Invalidation => ({
    publish(ids) {
      sent.push(...ids);
      for (const listener of listeners) listener.changed(ids);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => { listeners.delete(listener); };
    },
  });
  return { join, sent, listeners };
}

function ring(store: KeyStore, invalidation: Invalidation, more: Partial<KeyringOptions> = {}): Keyring {
  return createKeyring<string, string>({ prefix: 'awx', store, clock: fakeClock(), cache: { invalidation }, ...more });
}

describe('keyrings that share a store and a line', () => {
  it('see each other\'s changes at once, with every operation', async () => {
    const store = memoryStore();
    const { join, sent } = line();
    const [here, there] = [ring(store, join()), ring(store, join())];
    const { key, apiKey: { id } } = await here.create({ name: 'one', tenantId: 't', slot: 'primary' });
    const seen = async (): Promise<unknown> => { const answer = await there.verify(key); return answer.ok ? answer.principal.name : answer.code; };
    expect(await seen()).toBe('one');
    await here.update(id, { name: 'two' });
    expect(await seen()).toBe('two');
    await here.disable(id);
    expect(await seen()).toBe('disabled_key');
    await here.enable(id);
    expect(await seen()).toBe('two');
    await here.rotate(id, { gracePeriod: 0 });
    expect(await seen()).toBe('expired_key');
    await here.revoke(id);
    expect(await seen()).toBe('revoked_key');
    await here.delete(id);
    expect(await seen()).toBe('invalid_key');
    await here.undelete(id);
    expect(await seen()).toBe('revoked_key');
    expect(new Set(sent)).toEqual(new Set([id]));
  });

  it('end what is open with a key that another one has revoked', async () => {
    const store = memoryStore();
    const { join } = line();
    const [here, there] = [ring(store, join()), ring(store, join())];
    const { apiKey: { id } } = await here.create({ name: 'one' });
    const told: string[] = [];
    engineOf(there)!.watch(id, NO_FACTS, ({ code }) => told.push(code));
    await here.revoke(id);
    await until(() => told.length > 0, 'the end');
    expect(told).toEqual(['revoked_key']);
    await there.close();
  });

  it('drop what they hold when the line is lost, and when it is back', async () => {
    const inner = memoryStore();
    let finds = 0;
    const store: KeyStore = { ...inner, find: (lookup) => { finds++; return inner.find(lookup); } };
    const { join, listeners } = line();
    const keyring = ring(store, join());
    const states: unknown[] = [];
    for (const name of ['degraded', 'recovered'] as const) keyring.on(name, ({ part }) => states.push([name, part]));
    const { key } = await keyring.create({ name: 'one' });
    const asks = async (): Promise<number> => { const before = finds; await keyring.verify(key); return finds - before; };
    expect([await asks(), await asks()]).toEqual([1, 0]);
    const [listener] = listeners;
    listener!.lost(new Error('reset'));
    expect([await asks(), await asks()]).toEqual([1, 0]);
    expect((await keyring.health()).invalidation).toEqual({ ok: false });
    listener!.lost();
    listener!.restored();
    expect([await asks(), await asks()]).toEqual([1, 0]);
    expect(states).toEqual([['degraded', 'invalidation'], ['recovered', 'invalidation']]);
    expect(await keyring.health()).toMatchObject({ ok: true, degraded: false, invalidation: { ok: true } });
    await keyring.close();
    expect(listeners.size).toBe(0);
  });

  it('do not go by a record that was read before the notice came', async () => {
    const inner = memoryStore();
    let go = (): void => undefined;
    const hold = new Promise<void>((resolve) => { go = resolve; });
    const store: KeyStore = { ...inner, find: async (lookup) => { const found = await inner.find(lookup); await hold; return found; } };
    const { join, listeners } = line();
    const keyring = ring(store, join());
    const { key, apiKey: { id } } = await keyring.create({ name: 'one' });
    const verification = keyring.verify(key);
    await new Promise(setImmediate);
    await inner.update(id, 1, { revokedAt: 1 });
    for (const listener of listeners) listener.changed([id]);
    go();
    expect(await verification).toMatchObject({ ok: false, code: 'revoked_key' });
  });
});

describe('a line that fails', () => {
  it('keeps no change from being made, and is reported', async () => {
    const keyring = ring(memoryStore(), { publish: () => Promise.reject(new Error('no line')), subscribe: () => () => undefined });
    const faults: unknown[] = [];
    keyring.on('fault', ({ error }) => faults.push((error as Error).message));
    const { apiKey: { id } } = await keyring.create({ name: 'one' });
    expect((await keyring.revoke(id)).status).toBe('revoked');
    expect(faults).toEqual(['no line']);
  });

  it('is tried again until it listens', async () => {
    jest.useFakeTimers();
    let tries = 0;
    const keyring = ring(memoryStore(), { publish: () => undefined, subscribe: () => { if (++tries < 3) throw new Error('down'); return () => undefined; } });
    await jest.advanceTimersByTimeAsync(400);
    expect((await keyring.health()).invalidation).toEqual({ ok: false });
    await jest.advanceTimersByTimeAsync(1_200);
    expect([tries, (await keyring.health()).invalidation]).toEqual([3, { ok: true }]);
    jest.useRealTimers();
    await keyring.close();
  });

  it('is refused at construction when it is none', () => {
    expect(() => ring(memoryStore(), { publish: () => undefined } as never)).toThrow(expect.objectContaining({ code: 'invalid_option', option: 'cache.invalidation' }));
  });
});
