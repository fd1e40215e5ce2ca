import { describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { perMinute } from '../../../src/core/limits/rules.js';
import type { KeySettings } from '../../../src/core/management/draft.js';
import type { Succession } from '../../../src/core/management/succession.js';
import { failure, ring, START, verdict } from '../support.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Every setting a key can have. */
const ALL: Required<KeySettings> = {
  name: 'Warehouse sync - production - Ops',
  environment: 'test',
  tenantId: 'acme',
  owner: { type: 'org', id: 'o1' },
  scopes: ['write'],
  plan: 'starter',
  limits: [perMinute(7)],
  access: { ips: { allow: ['192.0.2.0/24'] }, realtime: false },
  metadata: { deep: { list: [1] } },
  tags: ['a', 'b'],
  slot: 'secondary',
  notBefore: START - 5,
  expiresAt: START + 30 * DAY,
};

describe('rotate', () => {
  it('hands down every setting, and nothing of the history', async () => {
    const { keyring, clock } = ring();
    const { key, apiKey } = await keyring.create(ALL);
    await keyring.verify(key, { environment: 'test', ip: '192.0.2.7' });
    await keyring.update(apiKey.id, { name: 'renamed' });
    clock.time += HOUR;
    const next = await keyring.rotate(apiKey.id);
    expect(next.apiKey).toEqual({
      ...ALL, name: 'renamed', id: next.apiKey.id, masked: `awx_...${next.key.slice(-4)}`, version: 1, createdAt: START + HOUR, updatedAt: START + HOUR, rotatedFrom: apiKey.id, status: 'active',
    });
    expect(next.apiKey.id).not.toBe(apiKey.id);
    expect(await keyring.get(next.apiKey.id)).toEqual(next.apiKey);
    expect(next.previous).toEqual(await keyring.get(apiKey.id));
    const { slot: _slot, ...kept } = apiKey;
    expect(next.previous).toEqual({ ...kept, name: 'renamed', version: 3, updatedAt: START + HOUR, graceExpiresAt: START + HOUR + DAY, replacedBy: next.apiKey.id, lastUsedAt: START, lastUsedIp: '192.0.2.7', status: 'active' });
  });

  it('lets both keys work during the grace period, 24 hours unless said, and only the new one after', async () => {
    const { keyring, clock } = ring();
    const { key, apiKey } = await keyring.create({ name: 'one' });
    const next = await keyring.rotate(apiKey.id);
    for (const [time, old] of [[START, 'ok'], [START + DAY - 1, 'ok'], [START + DAY, 'expired_key'], [START + 9 * DAY, 'expired_key']] as const) {
      clock.time = time;
      expect([time, await verdict(keyring, key), await verdict(keyring, next.key)]).toEqual([time, old, 'ok']);
    }
    expect(await keyring.get(apiKey.id)).toMatchObject({ status: 'expired', graceExpiresAt: START + DAY });
  });

  it.each<[string, number | undefined, number | undefined, number]>([
    ['of the call', 10, undefined, 10],
    ['of the keyring', undefined, 20, 20],
    ['of the call before that of the keyring', 10, 20, 10],
    ['of no length', 0, 20, 0],
  ])('takes the grace period %s', async (_whose, gracePeriod, ofKeyring, expected) => {
    const { keyring } = ring(ofKeyring === undefined ? {} : { lifecycle: { gracePeriod: ofKeyring } });
    const { apiKey } = await keyring.create({ name: 'one' });
    const { previous } = await keyring.rotate(apiKey.id, gracePeriod === undefined ? {} : { gracePeriod });
    expect(previous?.graceExpiresAt).toBe(START + expected);
  });

  it('cuts the old key at once with a grace period of 0', async () => {
    const { keyring } = ring();
    const { key, apiKey } = await keyring.create({ name: 'one' });
    expect(await verdict(keyring, key)).toBe('ok');
    const next = await keyring.rotate(apiKey.id, { gracePeriod: 0 });
    expect([await verdict(keyring, key), await verdict(keyring, next.key), next.previous?.status]).toEqual(['expired_key', 'ok', 'expired']);
  });

  it('never makes the old key live longer than it would have', async () => {
    const { keyring, clock } = ring();
    const { key, apiKey } = await keyring.create({ name: 'one', expiresAt: START + 10 });
    const next = await keyring.rotate(apiKey.id, { gracePeriod: 1_000, expiresAt: null });
    expect(next.previous?.expiresAt).toBe(START + 10);
    clock.time = START + 9;
    expect(await verdict(keyring, key)).toBe('ok');
    clock.time = START + 10;
    expect([await verdict(keyring, key), await verdict(keyring, next.key)]).toEqual(['expired_key', 'ok']);
  });

  it.each([[undefined, START + 10], [START + 99, START + 99], [new Date(START + 5), START + 5], [null, undefined]])('gives the new key the end %p', async (expiresAt, expected) => {
    const { keyring, store } = ring();
    const { apiKey } = await keyring.create({ name: 'one', expiresAt: START + 10 });
    const next = await keyring.rotate(apiKey.id, expiresAt === undefined ? {} : { expiresAt });
    expect(next.apiKey.expiresAt).toBe(expected);
    // What is not set is absent, in the store as well: some would keep `undefined` as a value.
    const stored = await store.inner.find({ by: 'id', id: next.apiKey.id });
    expect(Object.entries(stored ?? {}).filter(([, value]) => value === undefined)).toEqual([]);
  });

  it('shows the new key masked in logs, and in JSON as it is', async () => {
    const { keyring } = ring();
    const { apiKey } = await keyring.create({ name: 'one' });
    const next = await keyring.rotate(apiKey.id);
    expect(inspect(next, { depth: 9, showHidden: true })).not.toContain(next.key.slice(22, 49));
    expect(inspect(next, { depth: 9 })).toContain(next.apiKey.masked);
    expect(JSON.parse(JSON.stringify(next))).toEqual({ key: next.key, apiKey: next.apiKey, previous: next.previous });
  });

  it('leaves the fields of keys without settings absent', async () => {
    const { keyring } = ring();
    const { apiKey } = await keyring.create({ name: 'one' });
    const next = await keyring.rotate(apiKey.id);
    expect(Object.keys(next.apiKey).sort()).toEqual([...Object.keys(apiKey), 'rotatedFrom'].sort());
  });
});

describe('a key that is rotated', () => {
  const rotated = async (): Promise<ReturnType<typeof ring> & { id: string; next: Succession }> => {
    const setting = ring();
    const { apiKey: { id } } = await setting.keyring.create({ name: 'one' });
    return { ...setting, id, next: await setting.keyring.rotate(id) };
  };

  it('cannot be rotated again, in its grace period or after; the message names its successor', async () => {
    const { keyring, clock, id, next } = await rotated();
    for (const time of [START, START + 2 * DAY]) {
      clock.time = time;
      await expect(keyring.rotate(id, { gracePeriod: 0 })).rejects.toMatchObject({ code: 'already_rotated', status: 409, message: expect.stringContaining(next.apiKey.id) });
    }
    expect((await keyring.get(id))?.graceExpiresAt).toBe(START + DAY);
    expect((await keyring.list()).keys).toHaveLength(2);
  });

  it('can be ended in its grace period; its successor lives on', async () => {
    const { keyring, id, next } = await rotated();
    await keyring.revoke(id, { reason: 'all have moved' });
    expect([(await keyring.get(id))?.status, await verdict(keyring, next.key)]).toEqual(['revoked', 'ok']);
  });

  it('is followed by a chain of successors', async () => {
    const { keyring, id, next } = await rotated();
    const third = await keyring.rotate(next.apiKey.id);
    expect([third.apiKey.rotatedFrom, (await keyring.get(next.apiKey.id))?.replacedBy, (await keyring.get(id))?.replacedBy]).toEqual([next.apiKey.id, third.apiKey.id, next.apiKey.id]);
  });
});

describe('rotate of a key', () => {
  it.each([['unknown', async () => undefined], ['deleted', async ({ keyring }: ReturnType<typeof ring>, id: string) => keyring.delete(id)]])('that is %s: key_not_found', async (what, end) => {
    const setting = ring();
    const { apiKey: { id } } = await setting.keyring.create({ name: 'one' });
    await end(setting, id);
    await expect(setting.keyring.rotate(what === 'unknown' ? 'nobody' : id)).rejects.toMatchObject({ code: 'key_not_found', status: 404 });
  });

  it('that is revoked: key_not_active, and no new key', async () => {
    const { keyring } = ring();
    const { apiKey } = await keyring.create({ name: 'one' });
    await keyring.revoke(apiKey.id);
    await expect(keyring.rotate(apiKey.id, { expiresAt: null })).rejects.toMatchObject({ code: 'key_not_active', status: 409 });
    expect((await keyring.list()).keys).toHaveLength(1);
  });

  it('that has expired: key_not_active, unless the new one gets an end of its own', async () => {
    const { keyring } = ring();
    const { key, apiKey } = await keyring.create({ name: 'one', expiresAt: START });
    await expect(keyring.rotate(apiKey.id)).rejects.toMatchObject({ code: 'key_not_active', status: 409 });
    await expect(keyring.rotate(apiKey.id, { expiresAt: START - 1 })).rejects.toMatchObject({ code: 'invalid_option', option: 'rotate.expiresAt' });
    const next = await keyring.rotate(apiKey.id, { expiresAt: START + 1 });
    expect([await verdict(keyring, next.key), await verdict(keyring, key)]).toEqual(['ok', 'expired_key']);
  });

  it('that is disabled: the new one is disabled too, until it is enabled', async () => {
    const { keyring } = ring();
    const { key, apiKey } = await keyring.create({ name: 'one' });
    await keyring.disable(apiKey.id);
    const next = await keyring.rotate(apiKey.id);
    expect([next.apiKey.status, await verdict(keyring, key), await verdict(keyring, next.key)]).toEqual(['disabled', 'disabled_key', 'disabled_key']);
    await keyring.enable(next.apiKey.id);
    expect([await verdict(keyring, key), await verdict(keyring, next.key)]).toEqual(['disabled_key', 'ok']);
  });

  it('that is not yet valid: the new one begins when it would have', async () => {
    const { keyring, clock } = ring();
    const { apiKey } = await keyring.create({ name: 'one', notBefore: START + 10 });
    const next = await keyring.rotate(apiKey.id);
    expect(await verdict(keyring, next.key)).toBe('scheduled_key');
    clock.time += 10;
    expect(await verdict(keyring, next.key)).toBe('ok');
  });

  it('that was imported by its hash: the new one is of the current format', async () => {
    const { keyring } = ring({ formats: ['{prefix}_{env}_{id}_{secret}{checksum}', 'old_{secret:hex:64}'] });
    const old = `old_${'5e'.repeat(32)}`;
    const imported = await keyring.import({ name: 'moved', hash: `sha256:${createHash('sha256').update(old).digest('hex')}`, highEntropy: true, id: 'old-1', scopes: ['read'] });
    expect(await verdict(keyring, old)).toBe('ok');
    const next = await keyring.rotate(imported.id);
    expect([keyring.format.matches(next.key), next.apiKey.scopes, await verdict(keyring, next.key), await verdict(keyring, old)]).toEqual([true, ['read'], 'ok', 'ok']);
  });

  it('whose scope or plan is no longer declared: handed down as it is', async () => {
    const { keyring, store, clock } = ring();
    const { apiKey } = await keyring.create({ name: 'one', scopes: ['read', 'write'] });
    const { keyring: later } = ring({ store, clock, scopes: { read: [] } });
    expect((await later.rotate(apiKey.id)).apiKey.scopes).toEqual(['read', 'write']);
  });
});

describe('a guard by version', () => {
  it('lets a rotation through only while nobody has changed the key', async () => {
    const { keyring } = ring();
    const { apiKey } = await keyring.create({ name: 'one' });
    await keyring.update(apiKey.id, { name: 'two' });
    await expect(keyring.rotate(apiKey.id, { version: 1 })).rejects.toMatchObject({ code: 'version_conflict', status: 409 });
    expect((await keyring.list()).keys).toHaveLength(1);
    expect((await keyring.rotate(apiKey.id, { version: 2 })).apiKey.name).toBe('two');
  });

  it('holds every other change back as well, where nothing is left to change too', async () => {
    const { keyring } = ring();
    const { apiKey: { id } } = await keyring.create({ name: 'one' });
    await keyring.update(id, { name: 'two' });
    for (const name of ['disable', 'enable', 'revoke', 'delete', 'undelete'] as const) {
      await expect(keyring[name](id, { version: 1 })).rejects.toMatchObject({ code: 'version_conflict' });
      await expect(keyring[name](id, { version: '2' as never })).rejects.toMatchObject({ code: 'invalid_option', option: `${name}.version` });
    }
    expect(await keyring.get(id)).toMatchObject({ status: 'active', version: 2 });
    expect((await keyring.disable(id, { version: 2 })).version).toBe(3);
    expect((await keyring.revoke(id, { version: 3 })).version).toBe(4);
    expect(await keyring.delete(id, { version: 4 })).toBe(true);
    expect((await keyring.undelete(id, { version: 5 })).version).toBe(6);
  });
});

describe('rotate refuses', () => {
  it.each<[object, string, string]>([
    [{ gracePeriod: -1 }, 'invalid_option', 'rotate.gracePeriod'],
    [{ gracePeriod: '1' }, 'invalid_option', 'rotate.gracePeriod'],
    [{ gracePeriod: NaN }, 'invalid_option', 'rotate.gracePeriod'],
    [{ gracePeriod: null }, 'invalid_option', 'rotate.gracePeriod'],
    [{ gracePeriod: 1e15 }, 'invalid_option', 'rotate.gracePeriod'],
    [{ expiresAt: 'tomorrow' }, 'invalid_option', 'rotate.expiresAt'],
    [{ expiresAt: new Date(NaN) }, 'invalid_option', 'rotate.expiresAt'],
    [{ by: '' }, 'invalid_option', 'rotate.by'],
    [{ ip: 5 }, 'invalid_option', 'rotate.ip'],
    [{ grace: 1 }, 'unknown_option', 'rotate.grace'],
    [{ scopes: ['write'] }, 'unknown_option', 'rotate.scopes'],
  ])('%p, before the store is asked', async (options, code, option) => {
    const { keyring, store } = ring();
    const { apiKey } = await keyring.create({ name: 'one' });
    store.calls.find = 0;
    expect(await failure(() => keyring.rotate(apiKey.id, options))).toEqual([code, option]);
    expect([store.calls.find, store.calls.replace]).toEqual([0, 0]);
  });

  it.each(['', 5, null, undefined, {}, 'x'.repeat(129)])('the id %p', async (id) => {
    expect(await failure(() => ring().keyring.rotate(id as string))).toEqual(['invalid_option', 'id']);
  });
});
