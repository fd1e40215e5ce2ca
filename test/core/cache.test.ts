import { describe, expect, it } from '@jest/globals';
import { createKeyCache } from '../../src/core/cache.js';
import type { KeyEntry } from '../../src/core/entry.js';
import { sha256 } from '../../src/core/hashing/sha256.js';
import { createKeyring } from '../../src/keyring.js';
import { CHANGEABLE, CHANGES } from './changes.js';
import { failure, ring, START, tamper, verdict, watchedStore } from './support.js';

const REQUEST = { scopes: ['read'], ip: '192.0.2.1' };

describe.each(['now', 'later'] as const)('with a store that answers %s', (answers) => {
  it.each(CHANGES)('%s holds for the very next verification', async (_name, change, code) => {
    for (const formats of ['{prefix}_{id}_{secret}{checksum}', '{prefix}_{secret}']) {
      const { keyring } = ring({ formats, store: watchedStore(answers) });
      const { key, apiKey } = await keyring.create(CHANGEABLE);
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

  it('a clock that was set back makes no entry live longer', async () => {
    const { keyring, clock, store } = ring({ cache: { ttlMs: 30_000 } });
    const { key, apiKey } = await keyring.create({ name: 'one' });
    await verdict(keyring, key);
    await tamper(store, apiKey.id, { revokedAt: START });
    clock.time += 10_000;
    expect(await verdict(keyring, key)).toBe('ok');
    clock.time -= 3_600_000;
    expect(await verdict(keyring, key)).toBe('ok');
    clock.time += 19_999;
    expect(await verdict(keyring, key)).toBe('ok');
    clock.time += 1;
    expect(await verdict(keyring, key)).toBe('revoked_key');
  });

  it('asks a given store again after 30 s by default, one of its own never', async () => {
    const { keyring, clock, store } = ring();
    const { key } = await keyring.create({ name: 'one' });
    await verdict(keyring, key);
    clock.time += 29_999;
    await verdict(keyring, key);
    expect(store.calls.find).toBe(1);
    clock.time += 1;
    await verdict(keyring, key);
    expect(store.calls.find).toBe(2);

    let compared = 0;
    const hasher = sha256();
    const own = createKeyring({ prefix: 'awx', clock, hashing: { ...hasher, verify: (text, stored) => (compared++, hasher.verify(text, stored)) } });
    const made = await own.create({ name: 'one' });
    for (let hour = 0; hour < 100; hour++, clock.time += 3_600_000) expect(await verdict(own, made.key)).toBe('ok');
    expect(compared).toBe(1);
  });

  it('tells keys with the same last characters apart', async () => {
    const { keyring, store } = ring({ formats: 'k_{secret:hex:64}' });
    const made = [];
    for (let index = 0; index < 900; index++) made.push(await keyring.create({ name: 'one', metadata: { index } }));
    // Of 900 texts with 65,536 ends, some share one: made certain by three that do.
    const ends = await Promise.all(['a', 'b', 'c'].map((digit) => keyring.import({ key: `k_${digit.repeat(60)}ffff`, name: digit })));
    for (let round = 0; round < 3; round++) {
      for (const { key, apiKey } of made) expect(await keyring.verify(key)).toMatchObject({ ok: true, principal: { id: apiKey.id } });
      for (const { id, name } of ends) expect(await keyring.verify(`k_${name.repeat(60)}ffff`)).toMatchObject({ ok: true, principal: { id } });
    }
    expect(store.calls.find).toBe(903);
    const [first] = ends;
    await keyring.revoke(String(first?.id));
    expect(await verdict(keyring, `k_${'a'.repeat(60)}ffff`)).toBe('revoked_key');
    expect(await verdict(keyring, `k_${'b'.repeat(60)}ffff`)).toBe('ok');
    expect(await verdict(keyring, `k_${'d'.repeat(60)}ffff`)).toBe('invalid_key');
  });

  it('refuses a damaged key that ends like one in use as malformed', async () => {
    const { keyring, store } = ring();
    const { key } = await keyring.create({ name: 'one' });
    await verdict(keyring, key);
    expect(await verdict(keyring, key.replace('awx_live_', 'awx_test_'))).toBe('malformed_key');
    expect(store.calls.find).toBe(1);
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

  it('forgets by id exactly the one entry, also when a key changes its text or shares its end', () => {
    const cache = createKeyCache({ max: 3, ttlMs: 100 });
    const entry = (id: string): KeyEntry => ({ record: { id }, loadedAt: 0 }) as unknown as KeyEntry;
    const held = (name: string): KeyEntry | undefined => cache.at(name)?.entry;
    const [one, two, again] = [entry('1'), entry('2'), entry('1')];
    cache.set('1-same', 'digest 1', one);
    cache.set('2-same', 'digest 2', two);
    expect([held('same'), held('digest 1'), held('digest 2')]).toEqual([one, undefined, two]);
    cache.set('1-else', 'digest 3', again);
    expect([held('same'), held('else'), held('digest 2')]).toEqual([undefined, again, two]);
    cache.forget('1');
    expect([held('else'), held('digest 2')]).toEqual([undefined, two]);
    cache.clear();
    expect(held('digest 2')).toBeUndefined();
  });

  it.each([[{ max: -1 }, 'invalid_option', 'cache.max'], [{ max: 1.5 }, 'invalid_option', 'cache.max'], [{ ttlMs: NaN }, 'invalid_option', 'cache.ttlMs'], [{ ttlMs: 86_400_001 }, 'invalid_option', 'cache.ttlMs'], [{ ttl: 5 }, 'unknown_option', 'cache.ttl'], [true, 'invalid_option', 'cache']])('refuses %j', async (cache, code, option) => {
    expect(await failure(() => createKeyring({ prefix: 'awx', cache: cache as never }))).toEqual([code, option]);
  });
});
