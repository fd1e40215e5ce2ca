import { describe, expect, it } from '@jest/globals';
import type { Keyring } from '../../src/core/keyring.js';
import { failure, ring, START, verdict, watchedStore } from './support.js';

describe('a key', () => {
  it('is made with defaults, and its plaintext stands in the result alone', async () => {
    const { keyring, store } = ring();
    const { key, apiKey } = await keyring.create({ name: 'one' });
    expect(apiKey).toEqual({ id: key.slice(9, 21), version: 1, masked: `awx_...${key.slice(-4)}`, name: 'one', environment: 'live', scopes: [], createdAt: START, updatedAt: START, status: 'active' });
    const { records } = await store.inner.list({ limit: 10, now: START });
    expect(records).toHaveLength(1);
    expect(JSON.stringify(records)).not.toContain(key.slice(22, 49));
    expect(await keyring.get(apiKey.id)).toEqual(apiKey);
    expect(await keyring.get('nobody')).toBeUndefined();
  });

  it('is changed: null clears, undefined and absent leave as it is, the version counts', async () => {
    const { keyring, clock } = ring();
    const { apiKey } = await keyring.create({ name: 'one', plan: 'starter', tags: ['a'], metadata: { a: 1 }, expiresAt: START + 5 });
    clock.time += 1;
    const changed = await keyring.update(apiKey.id, { name: 'two', plan: null, tags: undefined, expiresAt: null, metadata: { b: 2 } });
    const { plan: _plan, expiresAt: _expiresAt, ...rest } = apiKey;
    expect(changed).toEqual({ ...rest, name: 'two', metadata: { b: 2 }, version: 2, updatedAt: START + 1 });
    expect(await keyring.update(apiKey.id, {})).toEqual(changed);
    expect(await keyring.get(apiKey.id)).toEqual(changed);
  });

  it.each(['environment', 'tenantId', 'id', 'hash', 'version', 'status', 'createdAt', 'revokedAt', 'disabledAt', 'slot'])('cannot be given another %s', async (field) => {
    const { keyring } = ring();
    const { apiKey } = await keyring.create({ name: 'one' });
    expect(await failure(() => keyring.update(apiKey.id, { [field]: 'x' }))).toEqual(['unknown_option', `update.${field}`]);
  });

  it.each(['name', 'scopes'])('keeps its %s: null is refused', async (field) => {
    const { keyring } = ring();
    const { apiKey } = await keyring.create({ name: 'one' });
    expect((await failure(() => keyring.update(apiKey.id, { [field]: null })))?.[1]).toBe(`update.${field}`);
  });

  it('is suspended and taken back; doing it twice changes nothing', async () => {
    const { keyring, clock } = ring();
    const { key, apiKey } = await keyring.create({ name: 'one' });
    const disabled = await keyring.disable(apiKey.id);
    expect(disabled).toMatchObject({ status: 'disabled', disabledAt: START, version: 2 });
    clock.time += 10;
    expect(await keyring.disable(apiKey.id)).toEqual(disabled);
    expect(await verdict(keyring, key)).toBe('disabled_key');
    const enabled = await keyring.enable(apiKey.id);
    expect(enabled).toMatchObject({ status: 'active', version: 3 });
    expect(enabled).not.toHaveProperty('disabledAt');
    expect(await keyring.enable(apiKey.id)).toEqual(enabled);
    expect(await verdict(keyring, key)).toBe('ok');
  });

  it('is revoked for good: the first time, reason and actor stay', async () => {
    const { keyring, clock } = ring();
    const { key, apiKey } = await keyring.create({ name: 'one' });
    const revoked = await keyring.revoke(apiKey.id, { reason: 'leaked', by: 'ops' });
    expect(revoked).toMatchObject({ status: 'revoked', revokedAt: START, revokedReason: 'leaked', revokedBy: 'ops' });
    clock.time += 10;
    expect(await keyring.revoke(apiKey.id, { reason: 'other', by: 'somebody else' })).toEqual(revoked);
    await keyring.enable(apiKey.id);
    expect(await verdict(keyring, key)).toBe('revoked_key');
    expect(await keyring.revoke((await keyring.create({ name: 'two' })).apiKey.id)).not.toHaveProperty('revokedReason');
  });

  it('is deleted; false when there was none', async () => {
    const { keyring } = ring();
    const { key, apiKey } = await keyring.create({ name: 'one' });
    expect([await keyring.delete(apiKey.id), await keyring.delete(apiKey.id), await keyring.get(apiKey.id), await verdict(keyring, key)]).toEqual([true, false, undefined, 'invalid_key']);
  });

  it.each<[string, (keyring: Keyring) => unknown]>([
    ['update', (keyring) => keyring.update('nobody', { name: 'x' })],
    ['disable', (keyring) => keyring.disable('nobody')],
    ['enable', (keyring) => keyring.enable('nobody')],
    ['revoke', (keyring) => keyring.revoke('nobody')],
    ['explain', (keyring) => keyring.explain('nobody')],
  ])('that is not there: %s rejects with key_not_found', async (_name, call) => {
    await expect(call(ring().keyring)).rejects.toMatchObject({ code: 'key_not_found', status: 404 });
  });

  it.each(['', 5, null, undefined, {}, 'x'.repeat(129), 'a\0b'])('has an id that is a text, not %j', async (id) => {
    const { keyring } = ring();
    for (const call of [keyring.get, keyring.disable, keyring.revoke, keyring.delete, keyring.explain] as ((id: string) => Promise<unknown>)[]) expect(await failure(() => call(id as string))).toEqual(['invalid_option', 'id']);
  });
});

describe('a guard by version', () => {
  it('lets a change through only while nobody else has made one', async () => {
    const { keyring } = ring();
    const { apiKey } = await keyring.create({ name: 'one' });
    await keyring.update(apiKey.id, { name: 'two' }, { version: 1 });
    await expect(keyring.update(apiKey.id, { name: 'three' }, { version: 1 })).rejects.toMatchObject({ code: 'version_conflict', status: 409 });
    expect(await keyring.get(apiKey.id)).toMatchObject({ name: 'two', version: 2 });
    expect(await failure(() => keyring.update(apiKey.id, { name: 'x' }, { versoin: 2 } as never))).toEqual(['unknown_option', 'guard.versoin']);
  });
});

describe('list', () => {
  it('gives pages, newest first, until nextCursor is absent', async () => {
    const { keyring, clock } = ring();
    const ids = [];
    for (let index = 0; index < 7; index++) {
      clock.time += 1;
      ids.unshift((await keyring.create({ name: `key ${String(index)}`, tags: [index % 2 === 0 ? 'even' : 'odd'] })).apiKey.id);
    }
    const seen: string[][] = [];
    let cursor: string | undefined;
    do {
      const page: Awaited<ReturnType<Keyring['list']>> = await keyring.list({ limit: 3, ...(cursor !== undefined && { cursor }) });
      seen.push(page.keys.map(({ id }) => id));
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    expect(seen).toEqual([ids.slice(0, 3), ids.slice(3, 6), ids.slice(6)]);
    expect((await keyring.list({ tag: 'odd' })).keys.map(({ name }) => name)).toEqual(['key 5', 'key 3', 'key 1']);
    expect((await keyring.list({ search: 'KEY 6' })).keys).toEqual([expect.objectContaining({ name: 'key 6', status: 'active' })]);
    expect(JSON.stringify(await keyring.list())).not.toContain('sha256:');
  });

  it('derives the status with the clock of the keyring', async () => {
    const { keyring, clock } = ring();
    await keyring.create({ name: 'one', expiresAt: START + 10 });
    expect((await keyring.list({ status: 'expired' })).keys).toEqual([]);
    clock.time += 10;
    expect((await keyring.list({ status: 'expired' })).keys).toMatchObject([{ name: 'one', status: 'expired' }]);
  });

  it.each([[0, 1], [-5, 1], [1_000_000, 500], [2.9, 2], [NaN, 1], [undefined, 50]])('asks for a limit of %j as %i', async (limit, asked) => {
    const store = watchedStore();
    const limits: number[] = [];
    const { keyring } = ring({ store: { ...store, list: (query) => { limits.push(query.limit); return store.list(query); } } });
    await keyring.list(limit === undefined ? {} : { limit });
    expect(limits).toEqual([asked]);
  });

  it.each<[Record<string, unknown>, string, string]>([
    [{ tenant: 'x' }, 'unknown_option', 'list.tenant'],
    [{ search: 5 }, 'invalid_option', 'list.search'],
    [{ cursor: {} }, 'invalid_option', 'list.cursor'],
    [{ tenantId: null }, 'invalid_option', 'list.tenantId'],
    [{ tag: ['a'] }, 'invalid_option', 'list.tag'],
    [{ owner: 'u1' }, 'invalid_option', 'list.owner'],
    [{ owner: { kind: 'user', id: 'u1' } }, 'unknown_option', 'list.owner.kind'],
    [{ status: 'actve' }, 'invalid_option', 'list.status'],
    [{ sort: { by: 'hash', direction: 'asc' } }, 'invalid_option', 'list.sort'],
    [{ sort: { by: 'name', direction: 'up' } }, 'invalid_option', 'list.sort'],
    [{ sort: 'name' }, 'invalid_option', 'list.sort'],
    [{ sort: { by: 'name', direction: 'asc', nulls: 'first' } }, 'unknown_option', 'list.sort.nulls'],
  ])('refuses %j', async (query, code, option) => {
    const { keyring, store } = ring();
    expect(await failure(() => keyring.list(query))).toEqual([code, option]);
    expect(store.calls.list).toBe(0);
  });
});

describe('a closed keyring', () => {
  it('rejects whatever it is asked, and closing twice is no error', async () => {
    const { keyring } = ring();
    const { key, apiKey: { id } } = await keyring.create({ name: 'one' });
    await keyring.close();
    await keyring.close();
    const tenant = { tenantId: 'acme' };
    // The type insists that no operation is left out; `activity` refuses for itself when there is no log.
    const calls: Record<Exclude<keyof Keyring, 'format' | 'on' | 'close' | 'activity'>, Promise<unknown>> = {
      create: keyring.create({ name: 'x' }), import: keyring.import({ key, name: 'x' }), verify: keyring.verify(key), get: keyring.get(id), list: keyring.list(), update: keyring.update(id, {}),
      rotate: keyring.rotate(id), regenerate: keyring.regenerate('acme', 'primary'), disable: keyring.disable(id), enable: keyring.enable(id), revoke: keyring.revoke(id),
      delete: keyring.delete(id), undelete: keyring.undelete(id), purge: keyring.purge(),
      disableAll: keyring.disableAll(tenant), enableAll: keyring.enableAll(tenant), revokeAll: keyring.revokeAll(tenant), deleteAll: keyring.deleteAll(tenant),
      checkStale: keyring.checkStale(), explain: keyring.explain(id), flush: keyring.flush(), health: keyring.health(), usage: keyring.usage(), topKeys: keyring.topKeys(),
    };
    for (const answer of await Promise.allSettled(Object.values(calls))) expect(answer).toMatchObject({ status: 'rejected', reason: { code: 'keyring_closed', status: 503 } });
  });
});

describe('nothing half-made', () => {
  it.each<[string, string | undefined]>([['rejects', undefined], ['answers nonsense', 'yes']])('when the store %s', async (_how, answer) => {
    const store = watchedStore();
    const { keyring } = ring({ store: { ...store, insert: async () => { if (answer === undefined) throw new Error('disk full'); return answer as never; } } });
    const events: unknown[] = [];
    keyring.on('created', (event) => void events.push(event));
    expect(await failure(() => keyring.create({ name: 'one' }))).toEqual(['store_unavailable']);
    expect([events, (await keyring.list()).keys]).toEqual([[], []]);
  });
});
