import { describe, expect, it } from '@jest/globals';
import type { KeyStore } from '../../src/core/ports.js';
import { statusOf, type KeyRecord } from '../../src/core/record.js';
import { ring, START, tamper, verdict } from './support.js';

describe('status', () => {
  it.each<[Partial<Record<keyof KeyRecord, unknown>>, string, string]>([
    [{}, 'active', 'ok'],
    [{ expiresAt: START + 1 }, 'active', 'ok'],
    [{ expiresAt: START }, 'expired', 'expired_key'],
    [{ expiresAt: 0 }, 'expired', 'expired_key'],
    [{ graceExpiresAt: START }, 'expired', 'expired_key'],
    [{ graceExpiresAt: START + 1, expiresAt: START }, 'expired', 'expired_key'],
    [{ graceExpiresAt: START, expiresAt: START + 1 }, 'expired', 'expired_key'],
    [{ notBefore: START }, 'active', 'ok'],
    [{ notBefore: START + 1 }, 'scheduled', 'scheduled_key'],
    [{ notBefore: START + 1, expiresAt: START }, 'expired', 'expired_key'],
    [{ disabledAt: START + 9, expiresAt: START }, 'disabled', 'disabled_key'],
    [{ disabledAt: 0 }, 'disabled', 'disabled_key'],
    [{ revokedAt: 0, disabledAt: START }, 'revoked', 'revoked_key'],
    [{ revokedAt: START + 1_000 }, 'revoked', 'revoked_key'],
    // An invalid date has no honest meaning, so it denies.
    [{ expiresAt: NaN }, 'expired', 'expired_key'],
    [{ graceExpiresAt: NaN }, 'expired', 'expired_key'],
    [{ graceExpiresAt: NaN, expiresAt: START + 1 }, 'expired', 'expired_key'],
    [{ notBefore: NaN }, 'scheduled', 'scheduled_key'],
    [{ revokedAt: NaN }, 'revoked', 'revoked_key'],
    [{ disabledAt: NaN }, 'disabled', 'disabled_key'],
    [{ expiresAt: -Infinity }, 'expired', 'expired_key'],
    [{ notBefore: Infinity }, 'scheduled', 'scheduled_key'],
  ])('%j is %s', async (fields, status, code) => {
    const { keyring, store } = ring();
    const { key, apiKey } = await keyring.create({ name: 'one' });
    await tamper(store, apiKey.id, fields);
    expect(statusOf(fields as unknown as KeyRecord, START)).toBe(status);
    expect(await keyring.get(apiKey.id)).toMatchObject({ status });
    expect(await verdict(keyring, key)).toBe(code);
  });

  it('changes with the clock, cached or not', async () => {
    for (const cache of [{}, false as const]) {
      const { keyring, clock } = ring({ cache });
      const { key } = await keyring.create({ name: 'one', notBefore: START + 10, expiresAt: new Date(START + 20) });
      const at = async (time: number): Promise<string> => { clock.time = time; return verdict(keyring, key); };
      expect([await at(START), await at(START + 10), await at(START + 19), await at(START + 20), await at(START + 19)]).toEqual(['scheduled_key', 'ok', 'ok', 'expired_key', 'ok']);
    }
  });

  it('denies while the clock itself is broken', async () => {
    const { keyring, clock } = ring();
    const { key } = await keyring.create({ name: 'one' });
    expect(await verdict(keyring, key)).toBe('ok');
    clock.time = NaN;
    expect(await verdict(keyring, key)).toBe('expired_key');
  });
});

describe('a record that cannot be read denies, as a fault', () => {
  it.each<[Partial<Record<keyof KeyRecord, unknown>>]>([
    [{ hash: undefined }], [{ hash: 5 }], [{ scopes: undefined }], [{ scopes: 'read' }], [{ scopes: [5] }], [{ environment: undefined }], [{ version: '1' }],
    [{ expiresAt: '2020-01-01' }], [{ expiresAt: null }], [{ expiresAt: {} }], [{ notBefore: '0' }], [{ revokedAt: false }], [{ disabledAt: null }], [{ graceExpiresAt: '' }],
    [{ tenantId: 5 }], [{ owner: 'acme' }], [{ metadata: 'x' }], [{ metadata: [] }], [{ plan: 5 }], [{ plan: 'gone' }], [{ plan: '' }], [{ plan: '__proto__' }], [{ plan: 'toString' }],
    [{ limits: {} }], [{ limits: [{ kind: 'window' }] }], [{ limits: [{ kind: 'window', name: 'minute', limit: -1, windowMs: 60_000, per: 'key' }] }], [{ limits: [{ kind: 'burst', name: 'x', limit: 1, per: 'key' }] }], [{ limits: [null] }],
    [{ access: [] }], [{ access: null }], [{ access: 'all' }], [{ access: { ips: ['10.0.0.1'] } }], [{ access: { ips: { allow: ['nonsense'] } } }], [{ access: { ips: { alow: [] } } }], [{ access: { ip: { allow: [] } } }],
    [{ access: { endpoints: { allow: ['no slash'] } } }], [{ access: { endpoints: {} } }], [{ access: { endpoints: 'some' } }], [{ access: { origins: ['*'] } }], [{ access: { origins: 'none' } }], [{ access: { realtime: 'no' } }],
  ])('%j', async (fields) => {
    const { keyring, store } = ring({ plans: { starter: [] } });
    const { key, apiKey } = await keyring.create({ name: 'one', plan: 'starter' });
    await tamper(store, apiKey.id, fields);
    for (let round = 0; round < 2; round++) await expect(keyring.verify(key)).rejects.toMatchObject({ code: 'store_unavailable', status: 503 });
    await expect(keyring.explain(apiKey.id)).rejects.toMatchObject({ code: 'store_unavailable' });
  });
});

describe('an empty allow-list allows nothing', () => {
  it.each([
    ['ips', { ips: { allow: [] } }, 'ip_not_allowed'],
    ['origins', { origins: [] }, 'origin_not_allowed'],
    ['endpoints', { endpoints: { allow: [] } }, 'endpoint_not_allowed'],
  ] as const)('%s', async (_what, access, code) => {
    const { keyring } = ring();
    const { key, apiKey } = await keyring.create({ name: 'one', access });
    const request = { ip: '192.0.2.1', origin: 'https://ok.example', method: 'GET', path: '/' };
    expect([await verdict(keyring, key, request), await verdict(keyring, key)]).toEqual([code, code]);
    await keyring.update(apiKey.id, { access: null });
    expect(await verdict(keyring, key, request)).toBe('ok');
  });
});

describe('a tenant', () => {
  it.each([['acme', 'acme', 'ok'], ['acme', 'Acme', 'wrong_tenant'], ['acme', null, 'ok'], ['acme', '', 'wrong_tenant'], [undefined, 'acme', 'wrong_tenant'], [undefined, null, 'ok'], ['acme', undefined, 'wrong_tenant'], [undefined, undefined, 'wrong_tenant']])('of a key %j asked for as %j: %s', async (tenantId, tenant, code) => {
    const { keyring } = ring();
    const { key } = await keyring.create({ name: 'one', ...(tenantId !== undefined && { tenantId }) });
    expect(await verdict(keyring, key, { tenant: tenant as string })).toBe(code);
    expect(await verdict(keyring, key)).toBe('ok');
  });
});

describe('a store', () => {
  const lost = new Error('connection lost');
  it.each<[string, Partial<KeyStore>]>([
    ['throws', { find: () => { throw lost; } }],
    ['rejects', { find: async () => Promise.reject(lost) }],
    ['rejects with nothing', { find: async () => { throw undefined as unknown as Error; } }],
    ['hangs', { find: async () => new Promise<never>(() => undefined) }],
    ['answers true', { find: () => true as never }],
    ['answers a text', { find: () => 'record' as never }],
    ['answers a list', { find: () => [] as never }],
    ['answers half a record', { find: () => ({ id: 'x' }) as never }],
  ])('that %s is a fault: neither a yes nor a no', async (_how, part) => {
    const { keyring, store } = ring();
    const { key } = await keyring.create({ name: 'one' });
    const { keyring: broken } = ring({ store: { ...store, ...part }, deadlines: { storeMs: 20 } });
    await expect(broken.verify(key)).rejects.toMatchObject({ code: 'store_unavailable', status: 503 });
    await expect(broken.get('x')).rejects.toMatchObject({ code: 'store_unavailable' });
    await expect(broken.revoke('x')).rejects.toMatchObject({ code: 'store_unavailable' });
  });

  it('recovers: nothing of a fault is remembered', async () => {
    const { keyring, store } = ring();
    const { key } = await keyring.create({ name: 'one' });
    let down = true;
    const { keyring: other } = ring({ store: { ...store, find: (lookup) => { if (down) throw lost; return store.find(lookup); } } });
    await expect(other.verify(key)).rejects.toThrow('store.find failed');
    down = false;
    expect(await verdict(other, key)).toBe('ok');
  });

  it('that answers with the record of another key lets nobody in', async () => {
    const { keyring, store } = ring();
    const [one, two] = [await keyring.create({ name: 'one' }), await keyring.create({ name: 'two' })];
    const { keyring: confused } = ring({ store: { ...store, find: () => store.find({ by: 'id', id: two.apiKey.id }) } });
    expect(await verdict(confused, one.key)).toBe('invalid_key');
  });
});
