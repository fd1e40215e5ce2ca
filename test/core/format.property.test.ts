import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isKeystileError } from '../../src/core/errors.js';
import { ALPHABETS } from '../../src/core/format/alphabets.js';
import { keyFormat, type KeyFormat } from '../../src/core/format/key-format.js';
import { createKeyring } from '../../src/keyring.js';
import { verdict, watchedStore } from './support.js';

const alphabet = fc.constantFrom('', ...ALPHABETS.keys());
const sized = (name: string, min: number, max: number): fc.Arbitrary<string> =>
  fc.tuple(alphabet, fc.option(fc.integer({ min, max }))).map(([letters, length]) => `{${[name, letters, length ?? ''].filter((part) => part !== '').join(':')}}`);
const between = fc.constantFrom('', '_', '-', '.', 'x', '0', '_k1_', 'a-', '-b', 'live', 'v2.');
const environments = fc.uniqueArray(fc.constantFrom('live', 'test', 'alive', 'e', 'xlive', 'production', 'prod', 'Live2', '0', 'sandbox'), { minLength: 1, maxLength: 4 });

/** Any order of any placeholders with anything between them: what is ambiguous must be refused when the format is made. */
const template = fc
  .tuple(
    fc.constantFrom('', '{prefix}_', 'k-', '{prefix}'),
    fc.shuffledSubarray(['env', 'tenant', 'id', 'secret'] as const, { minLength: 1 }).filter((parts) => parts.includes('secret')),
    fc.record({ env: fc.constant('{env}'), tenant: sized('tenant', 1, 12).chain((whole) => fc.constantFrom('{tenant}', '{tenant}', whole)), id: sized('id', 10, 30), secret: sized('secret', 22, 64) }),
    fc.array(between, { minLength: 4, maxLength: 4 }),
    fc.constantFrom('', '{checksum}', '_{checksum}'),
  )
  .map(([start, order, parts, gaps, end]) => start + order.map((name, index) => (index === 0 ? '' : (gaps[index] ?? '')) + parts[name]).join('') + end);
const settings = fc.record({ template, prefix: fc.constantFrom('awx', 'my-app', 'a_b', 'K9'), environments });

/** The format, or `undefined` for a template that is refused. */
function made({ template: text, prefix, environments: names }: { template: string; prefix: string; environments: string[] }): KeyFormat | undefined {
  try {
    return keyFormat(text, { prefix, environments: names });
  } catch (error) {
    expect(isKeystileError(error) && ['invalid_format', 'ambiguous_format', 'weak_secret'].includes(error.code)).toBe(true);
    return undefined;
  }
}

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const ownership = (format: KeyFormat, environment: string): fc.Arbitrary<{ environment: string; tenantId: string }> => {
  const { alphabet: name = '', length } = /\{tenant(?::(?<alphabet>[a-z]\w*))?(?::(?<length>\d+))?\}/.exec(format.template)?.groups ?? {};
  const characters = [...(ALPHABETS.get(name) ?? `${letters}_-_-`)];
  const size = length === undefined ? { minLength: 1, maxLength: 64 } : { minLength: Number(length), maxLength: Number(length) };
  const random = fc.array(fc.constantFrom(...characters), size).map((tenant) => tenant.join(''));
  // Tenants that end in what may follow them.
  const unlucky = fc.tuple(fc.constantFrom('a', 'a_', 'live', '-'), fc.constantFrom('x', 'xlive', 'a', '_live', '0', '_k1_', 'v2', '_')).map((both) => both.join(''));
  return (name === '' && length === undefined ? fc.oneof(random, unlucky) : random).map((tenantId) => ({ environment, tenantId }));
};
/** A format and a key of it. */
const generated = settings
  .map((given) => ({ given, format: made(given) }))
  .filter(({ format }) => format !== undefined)
  .chain(({ given, format }) => fc.constantFrom(...given.environments).chain((environment) => ownership(format!, environment).map((parts) => ({ format: format!, parts, key: format!.generate(parts).key }))));

describe('every template', () => {
  it('parses what it generates into the same parts', () => {
    let accepted = 0;
    fc.assert(
      fc.property(generated, ({ format, key, parts }) => {
        const { environment, tenantId } = parts;
        const made = format.parse(key);
        expect(made).toEqual({ ...(format.has.environment && { environment }), ...(format.has.tenant && { tenantId }), ...(format.has.id && { id: made?.id }), secret: made?.secret });
        expect(key).toContain(made!.secret);
        expect(format.matches(key) && format.plausible(key)).toBe(true);
        expect(key.startsWith(format.fixedPrefix)).toBe(true);
        accepted++;
      }),
      { numRuns: 1_500 },
    );
    expect(accepted).toBe(1_500);
  });

  it('gives its id and secret back exactly as they were made', () => {
    fc.assert(fc.property(generated, ({ format, key }) => {
      const { parts, key: other } = format.generate({ environment: format.environments[0], tenantId: format.parse(key)?.tenantId });
      expect(format.parse(other)).toEqual(parts);
      expect(other).not.toBe(key);
    }), { numRuns: 500 });
  });

  it('shows no more than brand and last four characters', () => {
    fc.assert(fc.property(generated, ({ format, key }) => {
      const [brand, shown, ...rest] = format.mask(key).split('...');
      expect({ shown, rest }).toEqual({ shown: key.slice(-4), rest: [] });
      expect(format.fixedPrefix.startsWith(brand!)).toBe(true);
    }), { numRuns: 200 });
  });

  it('has a scanner pattern that finds its keys in a text, and nowhere inside a longer word', () => {
    const around = fc.constantFrom('', ' ', '"', "'", '=', ':', '\n', '/', ',', '(', '<', '\u00e9', '$', '\\');
    fc.assert(fc.property(generated, around, around, fc.constantFrom('a', 'Z', '0', '_', '-'), ({ format, key }, before, after, glued) => {
      expect(format.pattern.exec(`x${before || ' '}${key}${after || '.'}`)?.[0]).toBe(key);
      expect(format.pattern.flags).toBe('');
      // A tenant may be of any length, so that a glued character may belong to one.
      if (format.has.tenant) return;
      // What is found is the whole word or nothing: with an `a` before it, a key of `live` can be one of `alive`.
      for (const word of [`${glued}${key}`, `${key}${glued}`]) expect([undefined, word]).toContain(format.pattern.exec(word)?.[0]);
    }), { numRuns: 500 });
  });
});

const change = fc.record({ at: fc.nat(), kind: fc.constantFrom('substitute', 'insert', 'delete'), character: fc.oneof(fc.constantFrom(...letters, '_', '-', '.'), fc.string({ minLength: 1, maxLength: 1 }), fc.constantFrom('\u0141', '\u0131', '\0', '\n', ' ')) });

describe('one changed character', () => {
  const changed = (key: string, { at, kind, character }: { at: number; kind: string; character: string }): string => {
    const index = at % (key.length + (kind === 'insert' ? 1 : 0));
    if (kind === 'insert') return key.slice(0, index) + character + key.slice(index);
    return key.slice(0, index) + (kind === 'delete' ? '' : character) + key.slice(index + 1);
  };

  it('is refused by every template with {checksum}', () => {
    fc.assert(fc.property(generated.filter(({ format }) => format.has.checksum), change, ({ format, key }, how) => {
      const wrong = changed(key, how);
      if (wrong === key) return;
      expect([wrong, format.matches(wrong)]).toEqual([wrong, false]);
      expect(format.parse(wrong)).toBeUndefined();
    }), { numRuns: 2_000 });
  });

  it('is refused at every place by the default format, without a question to the store', async () => {
    const store = watchedStore();
    const keyring = createKeyring({ prefix: 'awx', store });
    const { key } = await keyring.create({ name: 'one' });
    for (let at = 0; at <= key.length; at++) {
      for (const kind of ['substitute', 'insert', 'delete']) {
        for (const character of ['a', '0', '_', String.fromCharCode((key.charCodeAt(at % key.length) & 0xff) + 0x100)]) {
          const wrong = changed(key, { at, kind, character });
          if (wrong !== key) expect([wrong, await verdict(keyring, wrong)]).toEqual([wrong, 'malformed_key']);
        }
      }
    }
    expect(store.calls.find).toBe(0);
    expect(await verdict(keyring, key)).toBe('ok');
  });
});

describe('any text at all', () => {
  it('is read without an exception, and only what a format would write is a key', () => {
    const format = keyFormat('{tenant}_{env}_{id}_{secret}', { environments: ['live', 'test'] });
    fc.assert(fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constantFrom('', '_'.repeat(200), 'a'.repeat(100_000))), (text) => {
      expect(format.parse(text) === undefined).toBe(!format.matches(text));
      expect(format.matches(text)).toBe(false);
    }));
  });
});
