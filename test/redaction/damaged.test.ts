import { describe, expect, it } from '@jest/globals';
import { createKeyring, keyFormat, logRedaction, memoryActivity } from 'keystile';
import { shows } from './support.js';

const redactFor = (template: string): ((text: string) => string) => logRedaction(createKeyring({ formats: template })).redactKeys;
const HEX = '0f3a9b27c4d81e56'.repeat(4);

describe('a damaged key', () => {
  it('is hidden up to its end where its format has dots', () => {
    const format = keyFormat('sk.{id}.{secret}{checksum}');
    const { key, parts } = format.generate();
    const redact = redactFor('sk.{id}.{secret}{checksum}');
    for (const wrong of [key.slice(0, -1), key.slice(0, -8), `${key.slice(0, 20)}${key.slice(21)}`]) {
      const shown = redact(`We refused ${wrong}. Sorry.`);
      expect(shown).toMatch(/^We refused sk\.\.\.\.\w{4}\. Sorry\.$/);
      expect(shows(shown, parts.secret)).toBe(false);
    }
    expect(redact('task.handlers.createOrderForCustomer.then')).toBe('task.handlers.createOrderForCustomer.then');
  });

  it.each([
    ['a letter missing', HEX.slice(1)],
    ['a letter wrong', `${HEX.slice(0, 32)}Q${HEX.slice(33)}`],
    ['a letter too many in the middle', `${HEX.slice(0, 32)}Q${HEX.slice(32)}`],
    ['the end missing', HEX.slice(0, 33)],
    ['the end missing, and glued to other text', `xyz${HEX.slice(0, 40)}xyz`],
  ])('is hidden without a prefix, with %s', (_what, wrong) => {
    const shown = redactFor('{secret:hex:64}')(`refused ${wrong} today`);
    expect(shown).toMatch(/^refused \.\.\.\w{4} today$/);
  });

  it('is hidden where words surround it and letters are capitals, too', () => {
    expect(redactFor('{tenant}_{secret:base62:27}')('refused shop_kR3x9QzpW7bTv2LmVP today')).toBe('refused shop_...LmVP today');
    expect(redactFor('{secret:base64url:43}')('refused kR3x9Qzp-W7bTv2Lm_VP8dFs4HjAN6gY today')).toBe('refused ...N6gY today');
  });

  it.each([
    ['{secret:hex:64}', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 1763800000000 {"ms":1.2345678901234567e-7}'],
    ['{secret:base62:27}', '{"time":1763800000000,"ms":0.12345678901234567} keepTheConnectionAlive XMLHttpRequestUpload'],
    ['{id}_{secret}', 'the key w469LPQsy0pq was seen'],
    ['{secret:base64url:43}', 'f47ac10b-58cc-4372-a567-0e02b2c3d479 my-service-7d4b9c6f5d-x2x9z'],
  ])('is none of these under %s: %s', (template, text) => {
    expect(redactFor(template)(text)).toBe(text);
  });
});

describe('the activity of a key', () => {
  it('shows no piece of a key that a long path was cut in', async () => {
    const keyring = createKeyring({ formats: '{secret:hex:64}', activity: memoryActivity() });
    const { key } = await keyring.create({ name: 'test' });
    const encoded = Array.from(key, (letter) => `%${letter.charCodeAt(0).toString(16)}`).join('');
    const starts = ['', '/a', '/v1/a'].map((start) => `${start}/${'a'.repeat(480)}/`);
    for (const start of starts) for (const rest of [`${encoded.repeat(4)}/x`, `${'b'.repeat(500)},${key}${key}`]) await keyring.verify(key, { path: start + rest });
    await keyring.verify(key, { path: `/v1/${'z'.repeat(600)}?a=${key.repeat(20)}` });
    const paths = (await keyring.activity()).entries.flatMap(({ path = [] }) => path);
    expect(paths).toHaveLength(7);
    for (const path of paths) expect([path, shows(path, key)]).toEqual([path, false]);
    expect(paths[0]).toBe(`/v1/${'z'.repeat(508)}`);
  });
});
