import { describe, expect, it } from '@jest/globals';
import type { Keyring } from '../../../src/core/keyring.js';
import { failure, ring, START, verdict } from '../support.js';

const PRIMARY = { name: 'one', tenantId: 'acme', slot: 'primary' } as const;
/** Whose the slot is, by the word of the keyring. */
const holder = async (keyring: Keyring, slot: 'primary' | 'secondary' = 'primary'): Promise<string | undefined> => (await keyring.list({ tenantId: 'acme', slot, environment: 'live' })).keys[0]?.id;

describe('a slot', () => {
  it('is claimed by create and import, one key per tenant, environment and slot', async () => {
    const { keyring } = ring();
    const made = [PRIMARY, { ...PRIMARY, slot: 'secondary' as const }, { ...PRIMARY, environment: 'test' }, { ...PRIMARY, tenantId: 'other' }];
    for (const settings of made) expect((await keyring.create(settings)).apiKey.slot).toBe(settings.slot);
    for (const settings of made) await expect(keyring.create(settings)).rejects.toMatchObject({ code: 'slot_taken', status: 409 });
    const { key } = keyring.format.generate({ environment: 'live' });
    await expect(keyring.import({ ...PRIMARY, key })).rejects.toMatchObject({ code: 'slot_taken' });
    expect((await keyring.import({ ...PRIMARY, tenantId: 'third', key })).slot).toBe('primary');
    expect((await keyring.list()).keys).toHaveLength(5);
  });

  it.each<[string, object, string]>([
    ['without a tenant', { name: 'one', slot: 'primary' }, 'create.slot'],
    ['that there is not', { ...PRIMARY, slot: 'third' }, 'create.slot'],
    ['that is no text', { ...PRIMARY, slot: 1 }, 'create.slot'],
  ])('%s is refused', async (_what, settings, option) => {
    expect(await failure(() => ring().keyring.create(settings as never))).toEqual(['invalid_option', option]);
  });

  it('moves to the new key by rotation; the old one has left it, in its grace period already', async () => {
    const { keyring } = ring();
    const { key, apiKey } = await keyring.create(PRIMARY);
    const next = await keyring.rotate(apiKey.id);
    expect([next.apiKey.slot, next.previous && 'slot' in next.previous, await holder(keyring)]).toEqual(['primary', false, next.apiKey.id]);
    expect(await verdict(keyring, key)).toBe('ok');
    expect(await failure(() => keyring.create(PRIMARY))).toEqual(['slot_taken']);
    // Ending the old one frees what it no longer has.
    await keyring.revoke(apiKey.id);
    expect(await holder(keyring)).toBe(next.apiKey.id);
  });

  it.each<[string, (keyring: Keyring, id: string) => Promise<unknown>]>([
    ['revoke', async (keyring, id) => keyring.revoke(id)],
    ['delete', async (keyring, id) => keyring.delete(id)],
    ['revokeAll', async (keyring) => keyring.revokeAll({ tenantId: 'acme' })],
    ['deleteAll', async (keyring) => keyring.deleteAll({ tenantId: 'acme' })],
  ])('is freed by %s', async (_name, end) => {
    const { keyring } = ring();
    const { apiKey } = await keyring.create(PRIMARY);
    await end(keyring, apiKey.id);
    expect((await keyring.create(PRIMARY)).apiKey.slot).toBe('primary');
  });

  it.each<[string, (keyring: Keyring, id: string) => Promise<unknown>]>([
    ['disable', async (keyring, id) => keyring.disable(id)],
    ['the end of the key', async (keyring, id) => keyring.update(id, { expiresAt: START })],
    ['an update', async (keyring, id) => keyring.update(id, { name: 'two' })],
  ])('is not freed by %s', async (_name, change) => {
    const { keyring } = ring();
    const { apiKey } = await keyring.create(PRIMARY);
    await change(keyring, apiKey.id);
    expect(await failure(() => keyring.create(PRIMARY))).toEqual(['slot_taken']);
    expect(await holder(keyring)).toBe(apiKey.id);
  });

  it('is not given back by undelete: another key may have it by then', async () => {
    const { keyring } = ring();
    const { key, apiKey } = await keyring.create(PRIMARY);
    await keyring.delete(apiKey.id);
    const { apiKey: other } = await keyring.create(PRIMARY);
    const back = await keyring.undelete(apiKey.id);
    expect([back.slot, await verdict(keyring, key), await holder(keyring)]).toEqual([undefined, 'ok', other.id]);
  });
});

describe('regenerate', () => {
  it('fills an empty slot with a key of the given settings, named after the slot unless said', async () => {
    const { keyring } = ring();
    const first = await keyring.regenerate('acme', 'primary');
    expect(first.apiKey).toEqual({ id: first.apiKey.id, masked: first.apiKey.masked, version: 1, name: 'primary', environment: 'live', tenantId: 'acme', slot: 'primary', scopes: [], createdAt: START, updatedAt: START, status: 'active' });
    expect([first.previous, await verdict(keyring, first.key)]).toEqual([undefined, 'ok']);
    const other = await keyring.regenerate('acme', 'secondary', { name: 'two', scopes: ['read'], environment: 'test', plan: 'starter', metadata: { a: 1 } });
    expect(other.apiKey).toMatchObject({ name: 'two', scopes: ['read'], environment: 'test', plan: 'starter', metadata: { a: 1 }, slot: 'secondary' });
  });

  it('ends the key before at once, with a reason, and takes over its settings', async () => {
    const { keyring, clock } = ring();
    const settings = { ...PRIMARY, scopes: ['read'], tags: ['a'], plan: 'starter', metadata: { a: 1 }, expiresAt: START + 99 };
    const { key, apiKey } = await keyring.create(settings);
    expect(await verdict(keyring, key)).toBe('ok');
    clock.time += 1;
    const next = await keyring.regenerate('acme', 'primary', { by: 'ops', ip: '192.0.2.1' });
    expect([await verdict(keyring, key), await verdict(keyring, next.key), await holder(keyring)]).toEqual(['revoked_key', 'ok', next.apiKey.id]);
    expect(next.apiKey).toMatchObject({ ...settings, rotatedFrom: apiKey.id, version: 1, createdAt: START + 1 });
    expect(next.previous).toEqual(await keyring.get(apiKey.id));
    expect(next.previous).toMatchObject({ status: 'revoked', revokedAt: START + 1, revokedReason: 'regenerated', revokedBy: 'ops', replacedBy: next.apiKey.id, version: 2 });
    expect(next.previous).not.toHaveProperty('slot');
  });

  it('takes what is given instead, and null for what is to be cleared', async () => {
    const { keyring } = ring();
    await keyring.create({ ...PRIMARY, scopes: ['read'], plan: 'starter', tags: ['a'], expiresAt: START + 99 });
    const { apiKey } = await keyring.regenerate('acme', 'primary', { scopes: ['write'], plan: null, expiresAt: null });
    expect(apiKey).toMatchObject({ name: 'one', scopes: ['write'], tags: ['a'] });
    expect(Object.keys(apiKey)).not.toEqual(expect.arrayContaining(['plan']));
    expect('expiresAt' in apiKey).toBe(false);
  });

  it('touches neither the other slot, nor other environments and tenants', async () => {
    const { keyring } = ring();
    const others = [{ ...PRIMARY, slot: 'secondary' as const }, { ...PRIMARY, environment: 'test' }, { ...PRIMARY, tenantId: 'acme2' }, { name: 'none', tenantId: 'acme' }];
    const made = await Promise.all(others.map(async (settings) => keyring.create(settings)));
    await keyring.create(PRIMARY);
    await keyring.regenerate('acme', 'primary');
    for (const { apiKey } of made) expect(await keyring.get(apiKey.id)).toEqual(apiKey);
  });

  it('of an expired key asks for an end, so that the new one is not born dead', async () => {
    const { keyring } = ring();
    const { key, apiKey } = await keyring.create({ ...PRIMARY, expiresAt: START });
    await expect(keyring.regenerate('acme', 'primary')).rejects.toMatchObject({ code: 'key_not_active', status: 409 });
    expect(await keyring.get(apiKey.id)).toEqual(apiKey);
    const next = await keyring.regenerate('acme', 'primary', { expiresAt: null });
    expect([await verdict(keyring, next.key), await verdict(keyring, key)]).toEqual(['ok', 'revoked_key']);
  });

  it('of a disabled key makes a disabled one: regenerating is no way around a suspension', async () => {
    const { keyring } = ring();
    const { key, apiKey } = await keyring.create(PRIMARY);
    await keyring.disable(apiKey.id);
    const next = await keyring.regenerate('acme', 'primary');
    expect([await verdict(keyring, key), await verdict(keyring, next.key)]).toEqual(['revoked_key', 'disabled_key']);
    await keyring.enable(next.apiKey.id);
    expect(await verdict(keyring, next.key)).toBe('ok');
  });

  it('leaves a key in its grace period its grace: it is not in the slot any more', async () => {
    const { keyring } = ring();
    const { key, apiKey } = await keyring.create(PRIMARY);
    const rotated = await keyring.rotate(apiKey.id);
    const next = await keyring.regenerate('acme', 'primary');
    expect([await verdict(keyring, key), await verdict(keyring, rotated.key), await verdict(keyring, next.key)]).toEqual(['ok', 'revoked_key', 'ok']);
  });

  it('after a revoke starts from nothing', async () => {
    const { keyring } = ring();
    const { apiKey } = await keyring.create({ ...PRIMARY, scopes: ['write'] });
    await keyring.revoke(apiKey.id);
    expect(await keyring.regenerate('acme', 'primary')).toMatchObject({ previous: undefined, apiKey: { name: 'primary', scopes: [] } });
  });

  it('takes the name of a regenerated key over again and again', async () => {
    const { keyring } = ring();
    for (const name of [undefined, 'second', undefined, undefined]) await keyring.regenerate('acme', 'primary', name === undefined ? {} : { name });
    expect((await keyring.list({ status: 'revoked' })).keys).toHaveLength(3);
    expect((await keyring.list({ status: 'active' })).keys).toMatchObject([{ name: 'second', slot: 'primary' }]);
  });

  it('does not call a key made that the store did not keep', async () => {
    const { keyring, store } = ring();
    store.insert = () => 'conflict';
    expect(await failure(() => keyring.regenerate('acme', 'primary'))).toEqual(['key_exists']);
  });

  it.each<[unknown, unknown, object, string, string]>([
    ['', 'primary', {}, 'invalid_option', 'regenerate.tenantId'],
    [5, 'primary', {}, 'invalid_option', 'regenerate.tenantId'],
    ['acme', 'third', {}, 'invalid_option', 'regenerate.slot'],
    ['acme', undefined, {}, 'invalid_option', 'regenerate.slot'],
    [undefined, 'primary', {}, 'invalid_option', 'regenerate.slot'],
    ['acme', null, {}, 'invalid_option', 'regenerate.slot'],
    ['acme', 'primary', { environment: 5 }, 'unknown_environment', 'regenerate.environment'],
    ['acme', 'primary', { environment: 'lvie' }, 'unknown_environment', 'regenerate.environment'],
    ['acme', 'primary', { scopes: ['raed'] }, 'unknown_scope', 'regenerate.scopes[0]'],
    ['acme', 'primary', { plan: 'x' }, 'unknown_plan', 'regenerate.plan'],
    ['acme', 'primary', { name: null }, 'invalid_option', 'regenerate.name'],
    ['acme', 'primary', { tenantId: 'other' }, 'unknown_option', 'regenerate.tenantId'],
    ['acme', 'primary', { slot: 'secondary' }, 'unknown_option', 'regenerate.slot'],
    ['acme', 'primary', { gracePeriod: 5 }, 'unknown_option', 'regenerate.gracePeriod'],
    ['acme', 'primary', { by: 'x'.repeat(257) }, 'invalid_option', 'regenerate.by'],
  ])('refuses %p, %p, %p before the store is asked', async (tenantId, slot, settings, code, option) => {
    const { keyring, store } = ring();
    expect(await failure(() => keyring.regenerate(tenantId as never, slot as never, settings))).toEqual([code, option]);
    expect(Object.values(store.calls).every((count) => count === 0)).toBe(true);
  });
});
