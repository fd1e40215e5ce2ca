import { describe, expect, it } from '@jest/globals';
import { bcrypt } from '../../src/core/hashing/bcrypt.js';
import { hmacSha256 } from '../../src/core/hashing/hmac.js';
import { perMinute } from '../../src/core/limits/rules.js';
import { sha256 } from '../../src/core/hashing/sha256.js';
import type { Hasher } from '../../src/core/ports.js';
import { createKeyring } from '../../src/keyring.js';
import { failure, latch, ring, tamper, turn, verdict, watchedStore } from './support.js';

const PEPPERS = { v1: 'the first pepper, 32 bytes long..', v2: 'the second pepper, 32 bytes too..' };
const pepper = (current: 'v1' | 'v2'): Hasher => hmacSha256({ peppers: current === 'v1' ? { v1: PEPPERS.v1 } : PEPPERS, current });
const settled = async (): Promise<void> => { for (let turns = 0; turns < 200; turns++) await turn(); };

/** bcrypt at its cheapest, counting its comparisons and how many of them run at once. */
function countedBcrypt(cost = 4): Hasher & { compared: number; most: number } {
  const hasher = bcrypt({ cost });
  let running = 0;
  const counted = {
    ...hasher, compared: 0, most: 0,
    async verify(key: string, stored: string) {
      counted.compared++;
      counted.most = Math.max(counted.most, ++running);
      try { return await hasher.verify(key, stored); } finally { running--; }
    },
  };
  return counted;
}

describe('a key moves to the current scheme when it is used', () => {
  it.each<[string, Hasher, Hasher, RegExp]>([
    ['sha256 to hmac-sha256', sha256(), pepper('v1'), /^hmac-sha256:v1:/],
    ['one pepper to the next', pepper('v1'), pepper('v2'), /^hmac-sha256:v2:/],
    ['sha256 to bcrypt', sha256(), bcrypt({ cost: 4 }), /^bcrypt:sha256\+\$2b\$04/],
    ['one bcrypt cost to another', bcrypt({ cost: 4 }), bcrypt({ cost: 5 }), /^bcrypt:sha256\+\$2b\$05/],
    ['hmac-sha256 back to sha256', pepper('v1'), sha256(), /^sha256:/],
  ])('%s', async (_name, before, after, scheme) => {
    const { keyring, store } = ring({ hashing: before });
    const { key, apiKey } = await keyring.create({ name: 'old', metadata: { kept: true } });
    const next = createKeyring({ prefix: 'awx', hashing: after.scheme === before.scheme ? after : [after, before], store });
    const again = createKeyring({ prefix: 'awx', hashing: after, store });
    expect(await verdict(next, key)).toBe('ok');
    await settled();
    const record = await store.find({ by: 'id', id: apiKey.id });
    expect(record?.hash).toMatch(scheme);
    expect(record).toMatchObject({ version: 2, name: 'old', metadata: { kept: true } });
    expect(await verdict(again, key)).toBe('ok');
    expect(await verdict(again, key.replace(/^awx_live_./, 'awx_live_.'))).toBe('malformed_key');
    await settled();
    expect((await store.find({ by: 'id', id: apiKey.id }))?.version).toBe(2);
  });

  it('and is not moved by a wrong secret', async () => {
    const { keyring, store } = ring({ formats: '{id}_{secret}', hashing: sha256() });
    const { key, apiKey } = await keyring.create({ name: 'old' });
    const next = createKeyring({ formats: '{id}_{secret}', hashing: pepper('v1'), store });
    expect(await verdict(next, key.slice(0, -1) + (key.endsWith('a') ? 'b' : 'a'))).toBe('invalid_key');
    await settled();
    expect(await store.find({ by: 'id', id: apiKey.id })).toMatchObject({ version: 1, hash: expect.stringMatching(/^sha256:/) });
  });

  it('and a re-hash that loses to a change, or fails, hurts nobody', async () => {
    const { keyring, store } = ring();
    const { key, apiKey } = await keyring.create({ name: 'old' });
    const next = createKeyring({ prefix: 'awx', hashing: pepper('v1'), store });
    const faults: unknown[] = [];
    next.on('fault', ({ error }) => void faults.push(error));
    const gate = latch();
    store.gate = { methods: ['find'], until: gate.opened };
    const verifying = verdict(next, key);
    await tamper(store, apiKey.id, { name: 'renamed elsewhere', version: 5 });
    gate.open();
    expect(await verifying).toBe('ok');
    await settled();
    expect(await store.find({ by: 'id', id: apiKey.id })).toMatchObject({ name: 'renamed elsewhere', version: 5, hash: expect.stringMatching(/^sha256:/) });
    const { key: other } = await keyring.create({ name: 'other' });
    const broken = createKeyring({ prefix: 'awx', hashing: bcrypt({ cost: 4 }), store: { ...store, update: () => { throw new Error('read only'); } } });
    broken.on('fault', ({ error }) => void faults.push(error));
    expect(await verdict(broken, other)).toBe('ok');
    await settled();
    expect(faults).toEqual([expect.objectContaining({ code: 'store_unavailable' })]);
  });
});

describe('keys without an id', () => {
  it('are found under every pepper and every unsalted scheme', async () => {
    const store = watchedStore();
    const formats = 'agg_{tenant}_{secret:hex:64}';
    const issued = await Promise.all([sha256(), pepper('v1'), pepper('v2')].map(async (hashing) => (await createKeyring({ formats, hashing, store }).create({ name: 'one', tenantId: 'shop' })).key));
    const keyring = createKeyring({ formats, hashing: pepper('v2'), store });
    for (const key of issued) {
      expect(await verdict(keyring, key)).toBe('ok');
      await settled();
      expect(await verdict(createKeyring({ formats, hashing: hmacSha256({ peppers: { v2: PEPPERS.v2 }, current: 'v2' }), store, cache: false }), key)).toBe('ok');
      expect(await verdict(keyring, key.replace(/.$/, (last) => (last === '0' ? '1' : '0')))).toBe('invalid_key');
    }
  });
});

describe('bcrypt', () => {
  it('never runs twice for a key while the cache holds it, also for a crowd that comes at once', async () => {
    const hasher = countedBcrypt();
    const { keyring } = ring({ hashing: hasher });
    const { key } = await keyring.create({ name: 'one' });
    expect(await Promise.all(Array.from({ length: 50 }, async () => verdict(keyring, key)))).toEqual(Array.from({ length: 50 }, () => 'ok'));
    for (let round = 0; round < 10; round++) await verdict(keyring, key);
    expect(hasher.compared).toBe(1);
  });

  it('does the same work for an unknown id as for a wrong secret', async () => {
    const hasher = countedBcrypt();
    const { keyring } = ring({ formats: 'k_{id}_{secret}', hashing: hasher });
    const { key } = await keyring.create({ name: 'one' });
    const { key: unknown } = keyring.format.generate();
    expect(await verdict(keyring, unknown)).toBe('invalid_key');
    expect(hasher.compared).toBe(1);
    expect(await verdict(keyring, key.slice(0, 15) + unknown.slice(15))).toBe('invalid_key');
    expect(hasher.compared).toBe(2);
  });

  it('does not run for an address that has failed too often, whatever it brings, unless the cache knows the key', async () => {
    const hasher = countedBcrypt();
    const { keyring } = ring({ formats: 'k_{id}_{secret}', hashing: hasher, limits: { failures: [perMinute(3, { per: 'ip' })] } });
    const [known, fresh] = [(await keyring.create({ name: 'known' })).key, (await keyring.create({ name: 'fresh' })).key];
    const ip = '192.0.2.1';
    expect(await verdict(keyring, known, { ip })).toBe('ok');
    const answers = [];
    for (let round = 0; round < 5; round++) answers.push(await verdict(keyring, keyring.format.generate().key, { ip }));
    expect(answers).toEqual(['invalid_key', 'invalid_key', 'invalid_key', 'too_many_failures', 'too_many_failures']);
    expect(hasher.compared).toBe(4);
    expect([await verdict(keyring, fresh, { ip }), await verdict(keyring, known, { ip }), hasher.compared]).toEqual(['too_many_failures', 'ok', 4]);
    expect(await verdict(keyring, fresh, { ip: '192.0.2.2' })).toBe('ok');
  });

  it('is busy, not endless: what finds the queue full is a fault', async () => {
    // The length of the queue is tried, not how fast this machine is at the moment.
    const { keyring } = ring({ formats: 'k_{id}_{secret}', hashing: bcrypt({ cost: 4, concurrency: 1 }), limits: { failures: [] }, deadlines: { storeMs: 60_000 } });
    await keyring.create({ name: 'one' });
    const guesses = Array.from({ length: 150 }, () => keyring.format.generate().key);
    const answers = await Promise.allSettled(guesses.map(async (guess) => verdict(keyring, guess)));
    const refused = answers.filter((answer) => answer.status === 'fulfilled').map(({ value }) => value);
    const faults = answers.filter((answer) => answer.status === 'rejected').map(({ reason }) => (reason as { code: unknown }).code);
    expect([new Set(refused), new Set(faults)]).toEqual([new Set(['invalid_key']), new Set(['store_unavailable'])]);
  }, 30_000);
});

describe('a scheme that no hasher knows', () => {
  it.each(['argon2id:$argon2id$v=19$m=1', 'plain', '', ':', '__proto__:x', 'hmac-sha256:gone:abc'])('denies: %j', async (hash) => {
    const { keyring, store } = ring();
    const { key, apiKey } = await keyring.create({ name: 'one' });
    await tamper(store, apiKey.id, { hash });
    expect(await verdict(keyring, key)).toBe('invalid_key');
  });
});

it('two hashers of one scheme are refused: one of them would be ignored', async () => {
  expect(await failure(() => createKeyring({ prefix: 'awx', hashing: [bcrypt({ cost: 5 }), bcrypt({ cost: 4 })] }))).toEqual(['invalid_option', 'hashing']);
});

describe('a hasher', () => {
  const broken = (part: Partial<Hasher>): Hasher => ({ ...sha256(), scheme: 'own', hash: (key) => `own:${key.length}`, verify: () => true, ...part });
  it.each<[string, Partial<Hasher>]>([
    ['throws', { verify: () => { throw new Error('hsm'); } }],
    ['rejects', { verify: async () => Promise.reject(new Error('hsm')) }],
    ['hangs', { verify: async () => new Promise<never>(() => undefined) }],
    ['answers with nonsense', { verify: () => 1 as never }],
    ['answers with nothing', { verify: () => undefined as never }],
  ])('that %s is a fault, never a yes', async (_how, part) => {
    const { keyring } = ring({ hashing: broken(part), deadlines: { storeMs: 20 } });
    const { key } = await keyring.create({ name: 'one' });
    await expect(keyring.verify(key)).rejects.toMatchObject({ code: 'store_unavailable', status: 503 });
  });

  it.each<[string, Partial<Hasher>]>([
    ['throws', { hash: () => { throw new Error('hsm'); } }],
    ['answers with another scheme', { hash: () => 'sha256:x' }],
    ['answers with nothing', { hash: () => undefined as never }],
  ])('whose hash() %s makes no key', async (_how, part) => {
    const { keyring, store } = ring({ hashing: broken(part) });
    await expect(keyring.create({ name: 'one' })).rejects.toThrow(Error);
    expect(store.calls.insert).toBe(0);
  });
});
