import { describe, expect, it } from '@jest/globals';
import bcryptjs from 'bcryptjs';
import { createHash, createHmac } from 'node:crypto';
import { bcrypt } from '../../src/core/hashing/bcrypt.js';
import { hmacSha256 } from '../../src/core/hashing/hmac.js';
import { sha256 } from '../../src/core/hashing/sha256.js';
import type { Hasher } from '../../src/core/ports.js';
import { createKeyring } from '../../src/keyring.js';
import { failure } from './support.js';

const KEY = 'awx_live_0123456789ab_0123456789abcdefghijklmnopqABCDEF';
const PEPPERS = { v1: 'the first pepper, 32 bytes long..', v2: Buffer.alloc(32, 7) };
const fast = (): Hasher => bcrypt({ cost: 4 });

describe('stored strings tell how they were made', () => {
  it('sha256', async () => {
    expect(await sha256().hash(KEY)).toBe(`sha256:${createHash('sha256').update(KEY).digest('base64url')}`);
  });

  it('hmac-sha256', async () => {
    const hasher = hmacSha256({ peppers: PEPPERS, current: 'v2' });
    expect(await hasher.hash(KEY)).toBe(`hmac-sha256:v2:${createHmac('sha256', PEPPERS.v2).update(KEY).digest('base64url')}`);
  });

  it('bcrypt, over the SHA-256 of the key', async () => {
    const stored = await fast().hash(KEY);
    expect(stored).toMatch(/^bcrypt:sha256\+\$2b\$04\$[./A-Za-z0-9]{53}$/);
    expect(await bcryptjs.compare(createHash('sha256').update(KEY).digest('base64url'), stored.slice('bcrypt:sha256+'.length))).toBe(true);
  });
});

describe.each<[string, () => Hasher]>([
  ['sha256', sha256],
  ['hmac-sha256', () => hmacSha256({ peppers: PEPPERS, current: 'v1' })],
  ['bcrypt', fast],
])('%s', (scheme, make) => {
  const hasher = make();

  it('verifies the key and no other', async () => {
    const stored = await hasher.hash(KEY);
    expect(stored.startsWith(`${scheme}:`)).toBe(true);
    expect(await hasher.verify(KEY, stored)).toBe(true);
    for (const wrong of ['', KEY.slice(0, -1), `${KEY}x`, KEY.toLowerCase(), `${KEY}\0`]) expect(await hasher.verify(wrong, stored)).toBe(false);
  });

  it('answers false to strings it cannot read, and throws for none of them', async () => {
    const stored = await hasher.hash(KEY);
    for (const broken of ['', ':', scheme, `${scheme}:`, stored.slice(0, -1), `${stored}x`, stored.toUpperCase(), `${scheme}:\u0141`, `${scheme}:${'x'.repeat(100_000)}`, `${scheme}:__proto__:x`]) {
      expect([broken.slice(0, 80), await hasher.verify(KEY, broken)]).toEqual([broken.slice(0, 80), false]);
    }
  });

  it('says whether the key can be found by its hash', async () => {
    expect(hasher.candidates(KEY)).toEqual(hasher.salted ? [] : expect.arrayContaining([await hasher.hash(KEY)]));
    expect(hasher.salted).toBe((await hasher.hash(KEY)) !== (await hasher.hash(KEY)));
    expect(hasher.outdated(await hasher.hash(KEY))).toBe(false);
  });
});

describe('peppers', () => {
  const [old, rotated, forgotten] = [hmacSha256({ peppers: { v1: PEPPERS.v1 }, current: 'v1' }), hmacSha256({ peppers: PEPPERS, current: 'v2' }), hmacSha256({ peppers: { v2: PEPPERS.v2 }, current: 'v2' })];

  it('are rotated: old strings still verify, count as outdated, and can be found', async () => {
    const stored = await old.hash(KEY);
    expect([await rotated.verify(KEY, stored), rotated.outdated(stored), await forgotten.verify(KEY, stored)]).toEqual([true, true, false]);
    expect(rotated.candidates(KEY)).toEqual([await rotated.hash(KEY), stored]);
  });

  it.each([
    [{ peppers: { v1: 'fifteen bytes..' }, current: 'v1' }, 'weak_secret', 'hmacSha256.peppers.v1'],
    [{ peppers: { v1: new Uint8Array(15) }, current: 'v1' }, 'weak_secret', 'hmacSha256.peppers.v1'],
    [{ peppers: PEPPERS, current: 'v3' }, 'invalid_option', 'hmacSha256.current'],
    [{ peppers: PEPPERS }, 'invalid_option', 'hmacSha256.current'],
    [{ peppers: PEPPERS, current: 'toString' }, 'invalid_option', 'hmacSha256.current'],
    [{ peppers: {}, current: 'v1' }, 'invalid_option', 'hmacSha256.current'],
    [{ peppers: { 'v:1': PEPPERS.v1 }, current: 'v:1' }, 'invalid_option', 'hmacSha256.peppers.v:1'],
    [{ peppers: { v1: 16 }, current: 'v1' }, 'invalid_option', 'hmacSha256.peppers.v1'],
    [{ peppers: [PEPPERS.v1], current: '0' }, 'invalid_option', 'hmacSha256.peppers'],
    [{ pepper: PEPPERS.v1, current: 'v1' }, 'unknown_option', 'hmacSha256.pepper'],
  ])('%j are refused', async (options, code, option) => {
    expect(await failure(() => hmacSha256(options as never))).toEqual([code, option]);
  });
});

describe('bcrypt', () => {
  it('tells keys apart that differ past byte 72, where bcrypt itself stops reading', async () => {
    const [one, other] = [`${'x'.repeat(72)}1`, `${'x'.repeat(72)}2`];
    expect(await bcryptjs.compare(other, await bcryptjs.hash(one, 4))).toBe(true);
    expect(await fast().verify(other, await fast().hash(one))).toBe(false);
  });

  it('verifies imported hashes of the key itself, up to 72 bytes', async () => {
    const imported = async (key: string): Promise<string> => `bcrypt:${await bcryptjs.hash(key, 4)}`;
    const longest = 'é'.repeat(36);
    for (const key of [KEY, longest]) expect(await fast().verify(key, await imported(key))).toBe(true);
    expect(await fast().verify(`${longest}x`, await imported(longest))).toBe(false);
    expect(await fast().verify(`${longest}x`, await imported(`${longest}x`))).toBe(false);
    expect(fast().outdated(await imported(KEY))).toBe(true);
  });

  it('calls strings of another cost outdated', async () => {
    expect(bcrypt({ cost: 5 }).outdated(await fast().hash(KEY))).toBe(true);
    expect(fast().outdated(await bcrypt({ cost: 5 }).hash(KEY))).toBe(true);
  });

  it('lets so many comparisons run at once as it is told, a hundred more wait, and fails the rest', async () => {
    const hasher = bcrypt({ cost: 4, concurrency: 2 });
    const answers = await Promise.allSettled(Array.from({ length: 110 }, async () => hasher.hash(KEY)));
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(102);
    expect(await hasher.hash(KEY)).toMatch(/^bcrypt:/);
  }, 30_000);

  it.each([
    [{ cost: 3 }, 'invalid_option', 'bcrypt.cost'],
    [{ cost: 16 }, 'invalid_option', 'bcrypt.cost'],
    [{ cost: 10.5 }, 'invalid_option', 'bcrypt.cost'],
    [{ cost: '10' }, 'invalid_option', 'bcrypt.cost'],
    [{ concurrency: 0 }, 'invalid_option', 'bcrypt.concurrency'],
    [{ rounds: 10 }, 'unknown_option', 'bcrypt.rounds'],
  ])('%j is refused', async (options, code, option) => {
    expect(await failure(() => bcrypt(options as never))).toEqual([code, option]);
  });
});

it('a salted hash needs {id} in every format', async () => {
  expect(await failure(() => createKeyring({ formats: '{secret}', hashing: bcrypt() }))).toEqual(['invalid_format', 'formats']);
  expect(await failure(() => createKeyring({ prefix: 'awx', formats: ['{id}_{secret}', '{secret}'], hashing: bcrypt() }))).toEqual(['invalid_format', 'formats']);
  expect(await failure(() => createKeyring({ formats: '{id}_{secret}', hashing: bcrypt() }))).toBeUndefined();
});
