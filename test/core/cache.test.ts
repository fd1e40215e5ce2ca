import { describe, expect, it } from '@jest/globals';
import { createKeyCache } from '../../src/core/cache.js';
import type { KeyEntry } from '../../src/core/entry.js';
import { createKeyring } from '../../src/keyring.js';
import { CHANGES } from './changes.js';
import { failure, ring, START, tamper, verdict, watchedStore } from './support.js';

const REQUEST = { scopes: ['read'], ip: '192.0.2.1' };

describe.each(['now', 'later'] as const)('with a store that answers %s', (answers) => {
  it.each(CHANGES)('%s holds for the very next verification', async (_name, change, code) => {
    for (const formats of ['{prefix}_{id}_{secret}{checksum}', '{prefix}_{secret}']) {
      const { keyring } = ring({ formats, store: watchedStore(answers) });
      const { key, apiKey } = await keyring.create({ name: 'one', scopes: ['read'] });
      for (let round = 0; round < 3; round++) expect(await verdict(keyring, key, REQUEST)).toBe('ok');
      await change(keyring, apiKey.id);
      expect(await verdict(keyring, key, REQUEST)).toBe(code);
      expect(await verdict(keyring, key, REQUEST)).toBe(code);
    }
  });

  it('enable and a widened key hold at once as well', async () => {
    const { keyring } = ring({ store: watchedStore(answers) });
    const { key, apiKey } = await keyring.create({ name: 'one' });
    await keyring.disable(apiKey.id);
    expect(await verdict(keyring, key)).toBe('disabled_key');
    await keyring.enable(apiKey.id);
    expect(await verdict(keyring, key)).toBe('ok');
    expect(await verdict(keyring, key, { scopes: ['read'] })).toBe('insufficient_scope');
    await keyring.update(apiKey.id, { scopes: ['write'], metadata: { seen: 1 } });
    expect(await keyring.verify(key, { scopes: ['read'] })).toMatchObject({ ok: true, principal: { metadata: { seen: 1 } } });
  });

  it('a change that the store breaks off after making it holds too', async () => {
    const store = watchedStore(answers);
    const { keyring } = ring({ store: { ...store, update: async (...args) => { await store.update(...args); throw new Error('connection lost'); } } });
    const { key, apiKey } = await keyring.create({ name: 'one' });
    expect(await verdict(keyring, key)).toBe('ok');
    expect(await failure(() => keyring.revoke(apiKey.id))).toEqual(['store_unavailable']);
    expect(await verdict(keyring, key)).toBe('revoked_key');
  });
});

describe('the cache', () => {
  it('asks the store once per lifetime; a change made elsewhere is seen after it', async () => {
    const { keyring, clock, store } = ring({ cache: { ttlMs: 30_000 } });
    const { key, apiKey } = await keyring.create({ name: 'one' });
    for (let round = 0; round < 10; round++) await verdict(keyring, key);
    expect(store.calls.find).toBe(1);
    await tamper(store, apiKey.id, { revokedAt: START });
    clock.time += 29_999;
    expect(await verdict(keyring, key)).toBe('ok');
    clock.time += 1;
    expect(await verdict(keyring, key)).toBe('revoked_key');
    expect(store.calls.find).toBe(2);
  });

  it('trusts no entry from the future: a clock that was set back asks again', async () => {
    const { keyring, clock, store } = ring();
    const { key, apiKey } = await keyring.create({ name: 'one' });
    await verdict(keyring, key);
    await tamper(store, apiKey.id, { revokedAt: START });
    clock.time -= 1;
    expect(await verdict(keyring, key)).toBe('revoked_key');
  });

  it.each([[false as const], [{ max: 0 }], [{ ttlMs: 0 }]])('%j asks the store every time', async (cache) => {
    const { keyring, store } = ring({ cache });
    const { key, apiKey } = await keyring.create({ name: 'one' });
    for (let round = 0; round < 4; round++) await verdict(keyring, key);
    expect(store.calls.find).toBe(4);
    await tamper(store, apiKey.id, { revokedAt: START });
    expect(await verdict(keyring, key)).toBe('revoked_key');
  });

  it('knows nothing of keys that were refused for their secret', async () => {
    const { keyring, store } = ring({ formats: 'k_{id}_{secret}' });
    const { key } = keyring.format.generate();
    for (let round = 0; round < 3; round++) expect(await verdict(keyring, key)).toBe('invalid_key');
    expect(store.calls.find).toBe(3);
  });

  it('holds no more keys than it may, and the ones in use rather than the others', async () => {
    const { keyring, clock, store } = ring({ cache: { max: 10 } });
    const keys = [];
    for (let index = 0; index < 30; index++) keys.push((await keyring.create({ name: 'one' })).key);
    const [used = ''] = keys;
    await verdict(keyring, used);
    for (const key of keys.slice(1)) {
      await verdict(keyring, key);
      clock.time += 1_000;
      await verdict(keyring, used);
    }
    expect(store.calls.find).toBe(30);
    for (const key of keys.slice(1, 20)) await verdict(keyring, key);
    expect(store.calls.find).toBe(49);
  });

  it('forgets by id exactly the one entry, also when a key changes its digest or its id', () => {
    const cache = createKeyCache({ max: 3, ttlMs: 100 });
    const entry = (id: string): KeyEntry => ({ record: { id }, loadedAt: 0 }) as unknown as KeyEntry;
    const [one, two, again] = [entry('1'), entry('2'), entry('1')];
    cache.set('a', one);
    cache.set('b', two);
    cache.set('c', again);
    expect([cache.get('a', 0), cache.get('b', 0), cache.get('c', 0)]).toEqual([undefined, two, again]);
    cache.forget('1');
    expect([cache.get('c', 0), cache.get('b', 0)]).toEqual([undefined, two]);
    cache.clear();
    expect(cache.get('b', 0)).toBeUndefined();
  });

  it.each([[{ max: -1 }, 'invalid_option', 'cache.max'], [{ max: 1.5 }, 'invalid_option', 'cache.max'], [{ ttlMs: NaN }, 'invalid_option', 'cache.ttlMs'], [{ ttlMs: 86_400_001 }, 'invalid_option', 'cache.ttlMs'], [{ ttl: 5 }, 'unknown_option', 'cache.ttl'], [true, 'invalid_option', 'cache']])('refuses %j', async (cache, code, option) => {
    expect(await failure(() => createKeyring({ prefix: 'awx', cache: cache as never }))).toEqual([code, option]);
  });
});
