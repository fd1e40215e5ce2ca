import { describe, expect, it } from '@jest/globals';
import type { Keyring } from '../../../src/core/keyring.js';
import type { BulkFilter } from '../../../src/core/management/bulk.js';
import { failure, ring, START, verdict } from '../support.js';

type All = (keyring: Keyring, filter: BulkFilter) => Promise<number>;
const OPERATIONS: readonly (readonly [name: 'disableAll' | 'revokeAll' | 'deleteAll', all: All, code: string])[] = [
  ['disableAll', async (keyring, filter) => keyring.disableAll(filter), 'disabled_key'],
  ['revokeAll', async (keyring, filter) => keyring.revokeAll(filter, { reason: 'account closed' }), 'revoked_key'],
  ['deleteAll', async (keyring, filter) => keyring.deleteAll(filter), 'invalid_key'],
];
const OWNER = { type: 'user', id: 'u1' } as const;

describe.each(OPERATIONS)('%s', (name, all, code) => {
  it.each<[string, BulkFilter, string]>([
    ['a tenant', { tenantId: 'acme' }, 'a b c'],
    ['an owner', { owner: OWNER }, 'b d'],
    ['an owner within a tenant', { tenantId: 'acme', owner: OWNER }, 'b'],
    ['a tenant in one environment', { tenantId: 'acme', environment: 'test' }, 'c'],
    ['a tenant without keys', { tenantId: 'nobody' }, ''],
    ['a tenant, exactly', { tenantId: 'acm' }, ''],
  ])('is for all keys of %s and for no other', async (_whose, filter, expected) => {
    const { keyring } = ring();
    const settings = { a: { tenantId: 'acme' }, b: { tenantId: 'acme', owner: OWNER }, c: { tenantId: 'acme', environment: 'test' }, d: { tenantId: 'other', owner: OWNER }, e: { owner: { type: 'org', id: 'u1' } as const }, f: {} };
    const made = await Promise.all(Object.entries(settings).map(async ([key, fields]) => keyring.create({ name: key, ...fields })));
    for (const { key, apiKey } of made) expect(await verdict(keyring, key, { environment: apiKey.environment })).toBe('ok');
    expect(await all(keyring, filter)).toBe(expected.split(' ').filter(Boolean).length);
    const ended = [];
    for (const { key, apiKey } of made) {
      const answer = await verdict(keyring, key, { environment: apiKey.environment });
      if (answer === code) ended.push(apiKey.name);
      else expect(answer).toBe('ok');
    }
    expect(ended.join(' ')).toBe(expected);
  });

  it('changes every key once; done again it changes none', async () => {
    const { keyring } = ring();
    for (let index = 0; index < 3; index++) await keyring.create({ name: 'one', tenantId: 'acme' });
    const told: unknown[] = [];
    for (const event of ['disabled', 'revoked', 'deleted'] as const) keyring.on(event, (one) => void told.push(one.apiKey.id));
    expect([await all(keyring, { tenantId: 'acme' }), await all(keyring, { tenantId: 'acme' })]).toEqual([3, 0]);
    expect(new Set(told).size).toBe(3);
    expect(told).toHaveLength(3);
  });

  it('goes through every page', async () => {
    const { keyring } = ring();
    for (let index = 0; index < 230; index++) await keyring.create({ name: 'one', tenantId: 'acme' });
    expect(await all(keyring, { tenantId: 'acme' })).toBe(230);
  });

  it('passes over keys that go meanwhile', async () => {
    const { keyring, store } = ring();
    const { apiKey } = await keyring.create({ name: 'one', tenantId: 'acme' });
    await keyring.create({ name: 'two', tenantId: 'acme' });
    const list = store.list.bind(store);
    store.list = async (query) => { const page = await list(query); await store.inner.delete(apiKey.id); return page; };
    expect(await all(keyring, { tenantId: 'acme' })).toBe(1);
  });

  it('ends with a fault of the store; what was done until then stays', async () => {
    const { keyring, store } = ring();
    for (let index = 0; index < 3; index++) await keyring.create({ name: 'one', tenantId: 'acme' });
    const update = store.update.bind(store);
    let left = 2;
    store.update = (...args) => { if (left-- === 0) throw new Error('down'); return update(...args); };
    expect(await failure(() => all(keyring, { tenantId: 'acme' }))).toEqual(['store_unavailable']);
    expect(await all(keyring, { tenantId: 'acme' })).toBe(1);
  });

  it.each<[unknown, string, string]>([
    [{}, 'invalid_option', 'filter'],
    [{ tenantId: undefined }, 'invalid_option', 'filter'],
    [{ tenantId: undefined, owner: undefined }, 'invalid_option', 'filter'],
    [{ environment: 'live' }, 'invalid_option', 'filter'],
    [{ tenant: 'acme' }, 'unknown_option', 'filter.tenant'],
    [{ tenantId: 5 }, 'invalid_option', 'list.tenantId'],
    [{ owner: 'u1' }, 'invalid_option', 'list.owner'],
    [null, 'invalid_option', 'filter'],
    [undefined, 'invalid_option', 'filter'],
  ])('refuses the filter %p: nothing must mean all keys of all customers', async (filter, wrong, option) => {
    const { keyring, store } = ring();
    await keyring.create({ name: 'one' });
    expect([name, await failure(() => all(keyring, filter as never))]).toEqual([name, [wrong, option]]);
    expect([store.calls.update, store.calls.list]).toEqual([0, 0]);
  });
});

describe('enableAll', () => {
  it('takes a suspension back, and leaves what else ends a key', async () => {
    const { keyring } = ring();
    const keys = await Promise.all(['a', 'b', 'c'].map(async (name) => keyring.create({ name, tenantId: 'acme' })));
    await keyring.revoke(keys[0]?.apiKey.id ?? '');
    expect(await keyring.disableAll({ tenantId: 'acme' })).toBe(3);
    expect(await keyring.enableAll({ tenantId: 'acme' })).toBe(3);
    expect(await Promise.all(keys.map(async ({ key }) => verdict(keyring, key)))).toEqual(['revoked_key', 'ok', 'ok']);
  });
});

describe('revokeAll', () => {
  it('keeps reason and actor with each key', async () => {
    const { keyring } = ring();
    const { apiKey } = await keyring.create({ name: 'one', tenantId: 'acme' });
    await keyring.revokeAll({ tenantId: 'acme' }, { reason: 'leaked', by: 'ops' });
    expect(await keyring.get(apiKey.id)).toMatchObject({ revokedAt: START, revokedReason: 'leaked', revokedBy: 'ops' });
  });
});
