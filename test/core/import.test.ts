import { describe, expect, it } from '@jest/globals';
import bcryptjs from 'bcryptjs';
import { createHash } from 'node:crypto';
import { bcrypt } from '../../src/core/hashing/bcrypt.js';
import { hmacSha256 } from '../../src/core/hashing/hmac.js';
import { createKeyring } from '../../src/keyring.js';
import { failure, ring, verdict, watchedStore } from './support.js';

const WITH_ID = 'old_{id:hex:16}_{secret:hex:64}';
const PLAIN = 'agg_{tenant}_{secret:hex:64}';
const ID = '0123456789abcdef';
const SECRET = 'ab'.repeat(32);
const KEY = `old_${ID}_${SECRET}`;
const LONE = `agg_shop_7_${SECRET}`;
const digest = (key: string, encoding: 'hex' | 'base64url'): string => createHash('sha256').update(key).digest(encoding);

describe('a key is imported', () => {
  it('by itself', async () => {
    const { keyring, store } = ring({ formats: [WITH_ID, PLAIN] });
    const apiKey = await keyring.import({ key: KEY, name: 'moved', scopes: ['write'], metadata: { from: 'old' } });
    expect(apiKey).toMatchObject({ id: ID, masked: 'old_...abab', name: 'moved', scopes: ['write'], status: 'active', version: 1, environment: 'live' });
    expect(await keyring.verify(KEY)).toMatchObject({ ok: true, principal: { id: ID, scopes: ['write', 'read'], metadata: { from: 'old' } } });
    expect(JSON.stringify(await store.list({ limit: 10, now: 0 }))).not.toContain(SECRET);
  });

  it('with what it says about its tenant and environment', async () => {
    const { keyring } = ring({ formats: ['{env}-{tenant}-{secret:hex:64}'] });
    const key = `test-shop_7-${SECRET}`;
    expect(await keyring.import({ key, name: 'moved' })).toMatchObject({ environment: 'test', tenantId: 'shop_7' });
    expect(await verdict(keyring, key)).toBe('wrong_environment');
    expect(await verdict(keyring, key, { environment: 'test', tenant: 'shop_7' })).toBe('ok');
    const other = `test-shop_8-${SECRET}`;
    expect(await failure(() => keyring.import({ key: other, name: 'x', tenantId: 'shop_7' }))).toEqual(['invalid_option', 'import.tenantId']);
    expect(await failure(() => keyring.import({ key: other, name: 'x', environment: 'live' }))).toEqual(['invalid_option', 'import.environment']);
  });

  it.each([
    ['SHA-256 in hex', `sha256:${digest(KEY, 'hex')}`],
    ['SHA-256 in upper-case hex', `sha256:${digest(KEY, 'hex').toUpperCase()}`],
    ['SHA-256 in base64url', `sha256:${digest(KEY, 'base64url')}`],
  ])('by its %s', async (_how, hash) => {
    const { keyring } = ring({ formats: WITH_ID });
    expect(await keyring.import({ hash, id: ID, highEntropy: true, last4: 'abab', name: 'moved' })).toMatchObject({ id: ID, masked: '...abab' });
    expect(await verdict(keyring, KEY)).toBe('ok');
    expect(await verdict(keyring, KEY.replace(/.$/, '0'))).toBe('invalid_key');
  });

  it.each(['$2b$', '$2a$', '$2y$'])('by its bcrypt hash, %s', async (version) => {
    const { keyring, store } = ring({ formats: 'o_{id:hex:16}_{secret:hex:40}', hashing: bcrypt({ cost: 4 }) });
    const key = `o_${ID}_${'cd'.repeat(20)}`;
    const hash = (await bcryptjs.hash(key, 4)).replace('$2b$', version);
    expect(await keyring.import({ hash, id: ID, name: 'moved' })).toMatchObject({ masked: '...????' });
    expect(await verdict(keyring, key)).toBe('ok');
    expect(await verdict(keyring, key.replace(/.$/, '0'))).toBe('invalid_key');
    expect(await store.find({ by: 'id', id: ID })).toMatchObject({ hash: expect.stringMatching(/^bcrypt:/) });
  });

  it('by a hash alone where its format has no id', async () => {
    const { keyring } = ring({ formats: PLAIN });
    const { id } = await keyring.import({ hash: `sha256:${digest(LONE, 'hex')}`, highEntropy: true, tenantId: 'shop_7', name: 'moved' });
    expect(await keyring.verify(LONE, { tenant: 'shop_7' })).toMatchObject({ ok: true, principal: { id } });
  });

  it('by a hash that only another hasher of the keyring knows', async () => {
    const store = watchedStore();
    const hasher = hmacSha256({ peppers: { v1: 'a pepper with 16 bytes and more' }, current: 'v1' });
    const keyring = createKeyring({ formats: WITH_ID, hashing: [bcrypt({ cost: 4 }), hasher], store });
    await keyring.import({ hash: await hasher.hash(KEY), id: ID, highEntropy: true, name: 'moved' });
    expect(await verdict(keyring, KEY)).toBe('ok');
  });
});

describe('an import is refused', () => {
  const hash = `sha256:${digest(KEY, 'hex')}`;
  const modular = `$2b$04$${'a'.repeat(53)}`;
  it.each<[string, Record<string, unknown>, string, string]>([
    ['neither key nor hash', {}, 'invalid_option', 'key'],
    ['both', { key: KEY, hash }, 'invalid_option', 'key'],
    ['a key of no format', { key: 'sk_live_123' }, 'invalid_option', 'key'],
    ['a key that is no text', { key: 5 }, 'invalid_option', 'key'],
    ['an unsalted hash without a word about its key', { hash, id: ID }, 'invalid_hash', 'highEntropy'],
    ['the same, with a word that is not true', { hash, id: ID, highEntropy: 'yes' }, 'invalid_hash', 'highEntropy'],
    ['no id where the key has one', { hash, highEntropy: true }, 'invalid_option', 'id'],
    ['a salted hash without an id', { hash: modular }, 'invalid_option', 'id'],
    ['half a digest', { hash: hash.slice(0, 40), id: ID, highEntropy: true }, 'invalid_hash', 'hash'],
    ['a digest with a stranger in it', { hash: `${hash.slice(0, -1)}g`, id: ID, highEntropy: true }, 'invalid_hash', 'hash'],
    ['an unknown scheme', { hash: 'md5:abc', id: ID, highEntropy: true }, 'invalid_hash', 'hash'],
    ['the key in place of a hash', { hash: KEY, id: ID, highEntropy: true }, 'invalid_hash', 'hash'],
    ['broken bcrypt', { hash: `bcrypt:${modular.slice(0, -1)}`, id: ID }, 'invalid_hash', 'hash'],
    ['bcrypt of an endless cost', { hash: modular.replace('04', '31'), id: ID }, 'invalid_hash', 'hash'],
    ['a hash that is no text', { hash: 5, id: ID }, 'invalid_hash', 'hash'],
    ['five last characters', { hash, id: ID, highEntropy: true, last4: 'abcde' }, 'invalid_option', 'last4'],
    ['an empty id', { hash, id: '', highEntropy: true }, 'invalid_option', 'id'],
    ['an unknown field', { key: KEY, scope: ['read'] }, 'unknown_option', 'import.scope'],
    ['an unknown scope', { key: KEY, scopes: ['raed'] }, 'unknown_scope', 'import.scopes[0]'],
    ['no name', { key: KEY, name: undefined }, 'invalid_option', 'import.name'],
  ])('%s', async (_what, source, code, option) => {
    const { keyring, store } = ring({ formats: WITH_ID });
    expect(await failure(() => keyring.import({ name: 'moved', ...source }))).toEqual([code, option]);
    expect(store.calls.insert).toBe(0);
  });

  it('twice', async () => {
    const { keyring } = ring({ formats: [WITH_ID, PLAIN] });
    await keyring.import({ key: LONE, name: 'one' });
    expect(await failure(() => keyring.import({ key: LONE, name: 'two' }))).toEqual(['key_exists']);
    await keyring.import({ key: KEY, name: 'one' });
    expect(await failure(() => keyring.import({ hash: `sha256:${digest('other', 'hex')}`, id: ID, highEntropy: true, name: 'two' }))).toEqual(['key_exists']);
    expect((await keyring.list()).keys.map(({ name }) => name)).toEqual(['one', 'one']);
  });

  it('without repeating the key', async () => {
    const { keyring } = ring({ formats: WITH_ID });
    const error: unknown = await keyring.import({ key: `sk_live_${SECRET}`, name: 'x' }).catch((reason: unknown) => reason);
    expect(String((error as Error).stack)).not.toContain(SECRET);
  });
});
