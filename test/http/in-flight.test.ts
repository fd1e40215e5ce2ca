import { describe, expect, it, jest } from '@jest/globals';
import { concurrent, memoryStore, perMinute, type KeyStore, type Limiter } from 'keystile';
import type { Keyring } from 'keystile';
import { fakeClock } from 'keystile/testing';
import { useApps, type Scope, type TestApp } from '../support/app.js';
import { hosts, NODE_HTTP, type TestHost } from '../support/hosts.js';
import { countingLimiter, gate, until, type CountingLimiter, type Gate } from '../support/spies.js';

jest.setTimeout(60_000);
const start = useApps();

interface Halting extends TestApp {
  readonly limiter: CountingLimiter;
  /** Halts the next call of a method until the gate opens. */
  halt(where: 'find' | 'find answered' | 'consume' | 'consume answered'): { readonly halted: Gate; readonly go: Gate };
}

/** A store and a limiter that answer later, and can be stopped before or after their work. */
async function startHalting(host: TestHost, settings: NonNullable<Parameters<typeof start>[1]>['keyring'] = {}): Promise<Halting> {
  const stops = new Map<string, { readonly halted: Gate; readonly go: Gate }>();
  const pass = async (where: string): Promise<void> => {
    const stop = stops.get(where);
    stops.delete(where);
    stop?.halted.open();
    await stop?.go.promise;
  };
  const memory = memoryStore();
  const store: KeyStore = {
    insert: async (record) => memory.insert(record),
    async find(lookup) {
      await pass('find');
      const record = await memory.find(lookup);
      await pass('find answered');
      return record;
    },
    update: async (...args) => memory.update(...args),
    replace: async (...args) => memory.replace(...args),
    delete: async (id) => memory.delete(id),
    list: async (query) => memory.list(query),
    touch: async (uses) => memory.touch(uses),
  };
  const counting = countingLimiter(fakeClock());
  const limiter: Limiter = {
    ...counting,
    async consume(...args) {
      await pass('consume');
      const answer = await counting.consume(...args);
      await pass('consume answered');
      return answer;
    },
  };
  const app = await start(host, { keyring: { store, limiter, deadlines: { storeMs: 60_000, limiterMs: 60_000 }, ...settings } });
  return {
    ...app,
    limiter: counting,
    halt(where) {
      const stop = { halted: gate(), go: gate() };
      stops.set(where, stop);
      return stop;
    },
  };
}

/** Changes that end a key's use, and what a request that was under way is told. */
const endings: readonly (readonly [code: string, end: (keyring: Keyring<Scope>, id: string) => Promise<unknown>])[] = [
  ['revoked_key', async (keyring, id) => keyring.revoke(id)],
  ['disabled_key', async (keyring, id) => keyring.disable(id)],
  ['invalid_key', async (keyring, id) => keyring.delete(id)],
  ['expired_key', async (keyring, id) => keyring.rotate(id, { gracePeriod: 0 })],
  ['insufficient_scope', async (keyring, id) => keyring.update(id, { scopes: [] })],
  ['ip_not_allowed', async (keyring, id) => keyring.update(id, { access: { ips: { allow: [] } } })],
];

describe.each(hosts)('a request under way on $name', (host) => {
  describe.each([[true], [false]])('with the cache on: %s', (cached) => {
    const keyring = cached ? {} : { cache: false as const };

    it.each(['find', 'find answered', 'consume', 'consume answered'] as const)('that is at %s when its key is ended is refused', async (where) => {
      for (const [code, end] of endings) {
        const app = await startHalting(host, keyring);
        const auth = { 'X-API-Key': '' };
        const { key, id } = await app.issue({ scopes: ['read'], limits: [perMinute(9), concurrent(3)] });
        auth['X-API-Key'] = key;
        // Behind the middleware stands a scope of every request, so that losing it is seen as well.
        const guarded = await start({ ...host, apiKeyAuth: ((_: unknown, options: object) => host.apiKeyAuth(app.keyring, { ...options, scopes: ['read'] })) as typeof host.apiKeyAuth });
        if (where.startsWith('consume')) await guarded.get('/items', auth).expect(200);
        const before = guarded.reached();
        const stop = app.halt(where);
        const answer = guarded.get('/items', auth).then((response) => response);
        await stop.halted.promise;
        await end(app.keyring, id);
        stop.go.open();
        const { status, body } = await answer;
        expect([where, body.code, status >= 400, guarded.reached()]).toEqual([where, code, true, before]);
        await until(() => app.limiter.out() === 0, 'the leases back');
        expect(app.limiter.releasedOnce()).toBe(true);
      }
    });

    it('with a key without limits is refused as well', async () => {
      for (const where of ['find', 'find answered'] as const) {
        const app = await startHalting(host, keyring);
        const { key, id } = await app.issue();
        const stop = app.halt(where);
        const answer = app.get('/items', { 'X-API-Key': key }).then((response) => response);
        await stop.halted.promise;
        await app.keyring.revoke(id);
        stop.go.open();
        expect([(await answer).body.code, app.reached()]).toEqual(['revoked_key', 0]);
      }
    });
  });

  it('of a crowd with one key is refused with all the others', async () => {
    const app = await startHalting(host);
    const { key, id } = await app.issue();
    const stop = app.halt('find answered');
    const crowd = Array.from({ length: 10 }, async () => (await app.get('/items', { 'X-API-Key': key })).body.code as string);
    await stop.halted.promise;
    await app.keyring.revoke(id);
    stop.go.open();
    expect(new Set(await Promise.all(crowd))).toEqual(new Set(['revoked_key']));
    expect(app.reached()).toBe(0);
  });
});

describe.each([[true], [false]])('a verification, with the cache on: %s', (cached) => {
  it('is refused at whatever turn the revocation comes', async () => {
    const cases = Array.from({ length: 24 }, (_, turns) => [{ turns, limits: [] }, { turns, limits: [perMinute(9)] }]).flat();
    for (const { turns, limits } of cases) {
      const app = await startHalting(NODE_HTTP, cached ? {} : { cache: false });
      const { key, id } = await app.issue({ limits });
      const order: string[] = [];
      const verifying = app.keyring.verify(key).then(({ ok }) => order.push(ok ? 'accepted' : 'refused'));
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      const revoking = app.keyring.revoke(id).then(() => order.push('revoked'));
      await Promise.all([verifying, revoking]);
      // Whatever is told after the revocation is a no.
      expect([turns, order.indexOf('accepted') > order.indexOf('revoked')]).toEqual([turns, false]);
      expect((await app.keyring.verify(key)).ok).toBe(false);
    }
  });
});

describe.each(hosts)('an answer after the deadline on $name', (host) => {
  it('of the limiter brings a lease that goes straight back, and nothing else', async () => {
    const app = await startHalting(host, { deadlines: { storeMs: 60_000, limiterMs: 10 }, onLimiterError: 'closed' });
    for (const where of ['consume', 'consume answered'] as const) {
      const { key } = await app.issue({ limits: [concurrent(1)] });
      const stop = app.halt(where);
      await app.get('/items', { 'X-API-Key': key }).expect(503);
      stop.go.open();
      await until(() => app.limiter.leases.size > 0 && app.limiter.out() === 0, 'the lease back');
      expect([app.reached(), app.limiter.releasedOnce()]).toEqual([0, true]);
      app.limiter.leases.clear();
    }
  });

  it('of the store changes nothing, and the next request asks anew', async () => {
    const app = await startHalting(host, { deadlines: { storeMs: 10, limiterMs: 60_000 } });
    const { key } = await app.issue();
    const stop = app.halt('find answered');
    await app.get('/items', { 'X-API-Key': key }).expect(503);
    stop.go.open();
    await app.get('/items', { 'X-API-Key': key }).expect(200);
    expect(app.reached()).toBe(1);
  });
});
