import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createKeyring, memoryStore, type Keyring, type KeyringOptions, type KeyStore } from 'keystile';
import type { Scope } from '../support/app.js';
import { NODE_HTTP } from '../support/hosts.js';
import { gate, until } from '../support/spies.js';
import { useLiveApps, type Client, type LiveApp } from '../support/upgrades.js';

const start = useLiveApps();

interface Pair {
  readonly app: LiveApp;
  /** The keyring of another process, on the same store. */
  readonly other: Keyring<Scope>;
  readonly store: KeyStore;
  /** How often the app has asked the store for a key. */
  finds(): number;
  connect(settings?: Parameters<LiveApp['issue']>[0]): Promise<{ client: Client; id: string; key: string }>;
  /** Lets time pass, a second at a time, with whatever happens in it. */
  pass(ms: number): Promise<void>;
}

async function pair(options: Partial<KeyringOptions> = {}, wrap: (store: KeyStore) => Partial<KeyStore> = () => ({})): Promise<Pair> {
  const memory = memoryStore();
  let found = 0;
  const asked: KeyStore = { ...memory, find: (lookup) => { found++; return memory.find(lookup); } };
  const store: KeyStore = { ...asked, ...wrap(asked) };
  const app = await start(NODE_HTTP, { keyring: { store, ...options } });
  const other = createKeyring<Scope, string>({ prefix: 'awx', scopes: { read: [], write: ['read'] }, store: memory, clock: app.clock });
  return {
    app, other, store,
    finds: () => found,
    async connect(settings) {
      const { key, id } = await app.issue(settings);
      return { id, key, client: await app.dial({ headers: { 'X-API-Key': key } }) };
    },
    async pass(ms) {
      for (let passed = 0; passed < ms; passed += 1_000) {
        app.clock.advance(1_000);
        jest.advanceTimersByTime(1_000);
        for (let turn = 0; turn < 4; turn++) await new Promise(setImmediate);
      }
    },
  };
}

describe('a connection whose key is ended by another process', () => {
  beforeEach(() => { jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] }); });
  afterEach(() => { jest.useRealTimers(); });

  it.each<[end: string, code: string, end_: (keyring: Keyring<Scope>, id: string) => Promise<unknown>]>([
    ['revoked', 'revoked_key', async (keyring, id) => keyring.revoke(id)],
    ['disabled', 'disabled_key', async (keyring, id) => keyring.disable(id)],
    ['deleted', 'invalid_key', async (keyring, id) => keyring.delete(id)],
    ['rotated', 'expired_key', async (keyring, id) => keyring.rotate(id, { gracePeriod: 0 })],
    ['narrowed', 'realtime_not_allowed', async (keyring, id) => keyring.update(id, { access: { realtime: false } })],
  ])('(%s) is closed within the cache\'s lifetime', async (_end, code, end) => {
    const { app, other, connect, pass } = await pair();
    const { client, id } = await connect();
    await pass(20_000);
    await end(other, id);
    expect(app.open.size).toBe(1);
    await pass(30_000);
    expect(await client.closed).toEqual({ code: 1008, reason: code });
  });

  it.each<[cache: KeyringOptions['cache'], withinMs: number]>([[{ ttlMs: 10_000 }, 10_000], [{ ttlMs: 0 }, 2_000], [false, 2_000]])('is closed within the lifetime of its own cache: %j', async (cache, withinMs) => {
    const { other, connect, pass } = await pair({ cache: cache ?? false });
    const { client, id } = await connect();
    await other.revoke(id);
    await pass(withinMs);
    expect((await client.closed).reason).toBe('revoked_key');
  });

  it('is closed at once when the change came between the decision and the opening', async () => {
    let meanwhile: (() => Promise<unknown>) | undefined;
    const { app, other, connect } = await pair({}, (store) => ({
      async find(lookup) {
        const record = await store.find(lookup);
        const change = meanwhile;
        meanwhile = undefined;
        await change?.();
        return record;
      },
    }));
    const { key, id } = await app.issue();
    meanwhile = async () => other.revoke(id);
    const client = await app.dial({ headers: { 'X-API-Key': key } });
    expect((await client.closed).code).toBeGreaterThan(1_000);
    expect((await connect()).client.refusal).toBeUndefined();
  });

  it('is found by one question for each key and round, however many connections there are', async () => {
    const { app, finds, connect, pass } = await pair();
    const { key } = await connect();
    for (let index = 0; index < 9; index++) await app.dial({ headers: { 'X-API-Key': key } });
    await connect();
    const before = finds();
    await pass(60_000);
    expect(finds() - before).toBeGreaterThanOrEqual(2 * 4);
    expect(finds() - before).toBeLessThanOrEqual(2 * 6);
    for (const socket of app.open) socket.destroy();
    await until(() => app.open.size === 0, 'the ends');
    const after = finds();
    await pass(60_000);
    expect(finds()).toBe(after);
  });

  it('bears a store that fails for one round, and not for the whole lifetime', async () => {
    let down = false;
    const { app, connect, pass } = await pair({}, (store) => ({ find: (lookup) => { if (down) throw new Error('down'); return store.find(lookup); } }));
    const { client } = await connect();
    await pass(14_000);
    down = true;
    await pass(10_000);
    down = false;
    await pass(20_000);
    expect([app.open.size, app.faults.length]).toEqual([1, 1]);
    down = true;
    await pass(45_000);
    expect(await client.closed).toEqual({ code: 1008, reason: 'store_unavailable' });
    expect(app.faults.length).toBeLessThan(6);
  });

  it('is asked about one round at a time, however slow the store is', async () => {
    let slow = false;
    const { app, finds, connect, pass } = await pair({ deadlines: { storeMs: 600_000 } }, (store) => ({ find: async (lookup) => { const record = await store.find(lookup); await (slow ? new Promise(() => undefined) : null); return record; } }));
    // Ends that come in the meantime are noticed all the same.
    for (const minutes of [9, 1, 2]) await connect({ expiresAt: app.clock.now() + minutes * 60_000 });
    const before = finds();
    slow = true;
    await pass(300_000);
    expect([finds() - before, app.open.size]).toEqual([3, 1]);
  });

  it('is closed in time though the clock was set back', async () => {
    const { app, other, connect, pass } = await pair();
    const { client, id } = await connect();
    await other.revoke(id);
    app.clock.advance(-3_600_000);
    await pass(60_000);
    expect((await client.closed).reason).toBe('revoked_key');
  });

  it('goes by the newer of two readings, whichever comes first', async () => {
    const [halted, go] = [gate(), gate()];
    let halt = false;
    const { app, connect, pass } = await pair({ deadlines: { storeMs: 600_000 } }, (store) => ({
      async find(lookup) {
        const record = await store.find(lookup);
        if (halt) {
          halt = false;
          halted.open();
          await go.promise;
        }
        return record;
      },
    }));
    const { client, id } = await connect();
    halt = true;
    await pass(16_000);
    await halted.promise;
    await app.keyring.update(id, { expiresAt: app.clock.now() + 5_000 });
    go.open();
    await pass(5_000);
    expect((await client.closed).reason).toBe('expired_key');
  });

  it('is closed when its record can no longer be read', async () => {
    const { app, other, store, connect, pass } = await pair();
    const { client, id } = await connect();
    const { version } = (await other.get(id))!;
    await store.update(id, version, { scopes: 7 as unknown as string[] });
    await pass(60_000);
    expect((await client.closed).reason).toBe('store_unavailable');
    expect(app.faults.length).toBeGreaterThan(0);
  });
});
