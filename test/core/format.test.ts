import { describe, expect, it } from '@jest/globals';
import { crc32 } from 'node:zlib';
import { keyFormat, type KeyFormatOptions } from '../../src/core/format/key-format.js';
import { createKeyring } from '../../src/keyring.js';
import { failure } from './support.js';

const made = (template: string | undefined, options: KeyFormatOptions = { prefix: 'awx' }) => () => keyFormat(template, options);

describe('a template is refused', () => {
  it.each<readonly [string, string, KeyFormatOptions | null]>([
    ['{prefix}_{env}_{id}', 'invalid_format', null],
    ['{prefix}_{secret}_{secret}', 'invalid_format', null],
    ['{env}_{env}_{secret}', 'invalid_format', null],
    ['{checksum}{secret}', 'invalid_format', null],
    ['{secret}{checksum}{id}', 'invalid_format', null],
    ['{secret}_end', 'invalid_format', null],
    ['{prefix}_{secret', 'invalid_format', null],
    ['{prefix} {secret}', 'invalid_format', null],
    ['{prefix}+{secret}', 'invalid_format', null],
    ['é_{secret}', 'invalid_format', null],
    ['}{secret}', 'invalid_format', null],
    ['{{secret}}', 'invalid_format', null],
    ['{secret:64:hex}', 'invalid_format', null],
    ['{secret:hex:hex}', 'invalid_format', null],
    ['{secret:hex:0}', 'invalid_format', null],
    ['{secret:hex:1000}', 'invalid_format', null],
    ['{secret:hex:-64}', 'invalid_format', null],
    ['{checksum:hex}{secret}', 'invalid_format', null],
    ['{env:4}_{secret}', 'invalid_format', null],
    ['{id:7}_{secret}', 'invalid_format', null],
    ['{prefix}_{secret}', 'invalid_format', {}],
    ['x'.repeat(257), 'invalid_format', null],
    ['{secret:hex:35}', 'weak_secret', null],
    ['{secret:24}', 'weak_secret', null],
    ['{secret:25}{checksum}', 'weak_secret', null],
    ['{secret:hex:31}_{id}', 'weak_secret', null],
    ['{env}{secret}', 'ambiguous_format', { environments: ['live', 'sandbox'] }],
    ['{env}x_{secret}', 'ambiguous_format', { environments: ['live', 'livex'] }],
    ['{tenant}{env}_{secret}', 'ambiguous_format', { environments: ['live', 'alive'] }],
    ['{tenant}x{env}_{secret}', 'ambiguous_format', { environments: ['live', 'xlive'] }],
    ['{tenant}{id}{env}_{secret}', 'ambiguous_format', { environments: ['live', 'alive'] }],
  ])('%s: %s', async (template, code, options) => {
    expect((await failure(made(template, options ?? undefined)))?.[0]).toBe(code);
  });

  it('with the nearest right name', () => {
    expect(made('{prefix}_{secert}')).toThrow("did you mean 'secret'?");
    expect(made('{secret:hx:64}')).toThrow("did you mean 'hex'?");
    expect(made('{secret:base64}')).toThrow("did you mean 'base62'?");
  });

  it('through createKeyring as well, before anything is made', async () => {
    expect(await failure(() => createKeyring({ formats: '{secret:hex:20}' }))).toEqual(['weak_secret', "format '{secret:hex:20}'"]);
    expect(await failure(() => createKeyring({ prefix: 'awx', formats: ['{prefix}_{id}_{secret}', '{tenant}{env}{secret:hx}'] }))).toEqual(['invalid_format', "format '{tenant}{env}{secret:hx}'"]);
  });
});

it.each(['a', '', 'x'.repeat(33), '_a', 'a_', '-a', 'a b', 'é1', 'a{b'])('the prefix %j is refused', async (prefix) => {
  expect(await failure(made(undefined, { prefix }))).toEqual(['invalid_format', 'prefix']);
});

it.each([[[]], [['live', 'live']], [['a_b']], [['']], [['x'.repeat(33)]], [[1]], ['live'], [[null]]])('the environments %j are refused', async (environments) => {
  expect(await failure(made(undefined, { prefix: 'awx', environments: environments as string[] }))).toEqual(['invalid_format', 'environments']);
});

describe('strength is counted without the four characters that are kept', () => {
  it.each(['{secret:hex:36}', '{secret:hex:32}_{id}', '{secret:26}', '{secret:26}{checksum}', '{secret:22}_{id}', '{secret:base64url:26}', '{id}{secret:base58:26}', '{secret:base32:30}'])('%s is enough', (template) => {
    expect(made(template)().generate().key).not.toBe('');
  });
});

describe('the default format', () => {
  const format = keyFormat(undefined, { prefix: 'awx' });

  it('looks like awx_live_<id>_<secret><checksum>, 55 characters: one block of SHA-256', () => {
    const { key, parts } = format.generate({ environment: 'live' });
    expect(key).toMatch(/^awx_live_[0-9A-Za-z]{12}_[0-9A-Za-z]{33}$/);
    expect(key).toHaveLength(55);
    expect(parts).toEqual({ environment: 'live', id: key.slice(9, 21), secret: key.slice(22, 49) });
    expect(format).toMatchObject({ fixedPrefix: 'awx_', environments: ['live', 'test'], has: { environment: true, tenant: false, id: true, checksum: true } });
    expect(format.mask(key)).toBe(`awx_...${key.slice(-4)}`);
  });

  it('carries the CRC-32 that zlib knows, in six base62 digits', () => {
    const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
    for (let round = 0; round < 200; round++) {
      const { key } = format.generate({ environment: 'test' });
      const value = [...key.slice(-6)].reduce((sum, digit) => sum * 62 + digits.indexOf(digit), 0);
      expect(value).toBe(crc32(key.slice(0, -6)));
    }
  });

  it('spells each checksum in one way: 2^32 added is another text, and refused', () => {
    const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
    const { key } = format.generate({ environment: 'live' });
    let value = [...key.slice(-6)].reduce((sum, digit) => sum * 62 + digits.indexOf(digit), 0) + 2 ** 32;
    let spelt = '';
    for (let index = 0; index < 6; index++, value = Math.floor(value / 62)) spelt = digits.charAt(value % 62) + spelt;
    expect([format.matches(key.slice(0, -6) + spelt), format.plausible(key.slice(0, -6) + spelt)]).toEqual([false, false]);
    // A stranger among the digits counts as nothing, not as one less than 0.
    const ending = Array.from({ length: 5_000 }, () => format.generate({ environment: 'live' }).key).find((one) => /[0-8]z$/.test(one)) ?? '';
    const borrowed = `${ending.slice(0, -2)}${String(Number(ending.at(-2)) + 1)}!`;
    expect([format.plausible(ending), format.plausible(borrowed)]).toEqual([true, false]);
  });

  it.each([' ', '\n', '\r\n', '\0', '%20', 'a'])('refuses its keys with %j before or behind', (extra) => {
    const { key } = format.generate({ environment: 'live' });
    expect([format.matches(extra + key), format.matches(key + extra)]).toEqual([false, false]);
  });

  it('needs an environment that it knows', async () => {
    expect(await failure(() => format.generate())).toEqual(['invalid_option', 'environment']);
    expect(await failure(() => format.generate({ environment: 'staging' }))).toEqual(['invalid_option', 'environment']);
  });
});

describe('randomness', () => {
  it('comes from the given source; bytes that would favour some characters are thrown away', () => {
    // 248 is the largest multiple of 62 in a byte: 248 to 255 would be 0 to 7 once more.
    const format = keyFormat('{secret:base62:62}', { random: () => Uint8Array.from({ length: 256 }, (_, index) => (index % 2 === 0 ? 248 + (index % 8) : 247 - (index >> 1) % 62)) });
    expect(new Set(format.generate().key).size).toBe(62);
  });

  it('makes no key twice', () => {
    const format = keyFormat('agg_{tenant}_{secret:hex:64}');
    const keys = Array.from({ length: 1_000 }, () => format.generate({ tenantId: 'shop_7-b' }).key);
    expect(new Set(keys).size).toBe(1_000);
    expect(keys.every((key) => /^agg_shop_7-b_[0-9a-f]{64}$/.test(key))).toBe(true);
  });
});

it.each(['', 'shop 7', 'shop/7', 'shöp', 'x'.repeat(65), 'a\n'])('a tenant that does not fit the key is refused: %j', async (tenantId) => {
  expect(await failure(() => keyFormat('agg_{tenant}_{secret:hex:64}').generate({ tenantId }))).toEqual(['invalid_option', 'tenantId']);
});
