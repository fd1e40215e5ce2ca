import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createKeyring, logRedaction, redactKeys, type KeyFormat } from 'keystile';
import { PLACES, samples, shows } from './support.js';

const redactFor = (...formats: readonly KeyFormat[]): ((text: string) => string) => logRedaction(createKeyring({ formats })).redactKeys;
const place = fc.constantFrom(...Object.keys(PLACES));
const written = (where: string, key: string): string => PLACES[where]?.(key) ?? '';

describe('keys of a known format', () => {
  it('are shown nowhere, whatever the format and the place', () => {
    fc.assert(
      fc.property(samples, place, ({ format, key, secret }, where) => {
        const shown = redactFor(format)(written(where, key));
        expect([where, shown, shows(shown, secret)]).toEqual([where, shown, false]);
      }),
      { numRuns: 1_500 },
    );
  });

  it('are not half shown where another format fits a part of them', () => {
    fc.assert(
      fc.property(samples, samples, samples, place, (one, two, three, where) => {
        const shown = redactFor(one.format, two.format, three.format)(written(where, two.key));
        expect([shown, shows(shown, two.secret)]).toEqual([shown, false]);
      }),
      { numRuns: 500 },
    );
  });

  it('are hidden with a letter too many, too few or wrong, where they begin like one', () => {
    const change = fc.record({ at: fc.double({ min: 0.5, max: 0.95, noNaN: true }), kind: fc.constantFrom('substitute', 'insert', 'delete', 'cut') });
    fc.assert(
      fc.property(samples.filter(({ format }) => format.fixedPrefix.length > 1), change, ({ format, key, secret }, { at, kind }) => {
        const index = Math.floor(key.length * at);
        const wrong = key.slice(0, index) + (kind === 'insert' || kind === 'substitute' ? 'Q' : '') + (kind === 'cut' ? '' : key.slice(index + (kind === 'insert' ? 0 : 1)));
        const shown = redactFor(format)(`refused ${wrong} today`);
        // What is left of the secret of a key that was cut short may be too little to be told from a word.
        if (secret.length - (key.length - wrong.length) > 24) expect([shown, shows(shown, secret)]).toEqual([shown, false]);
      }),
      { numRuns: 500 },
    );
  });

  it('are hidden with a letter missing or a piece cut off, where they begin like nothing', () => {
    const hexes = samples.filter(({ format, key, secret }) => format.fixedPrefix === '' && format.template.includes(':hex:') && key.endsWith(secret));
    fc.assert(
      fc.property(hexes, fc.integer({ min: 1, max: 15 }), fc.boolean(), ({ format, key, secret }, count, cut) => {
        const shown = redactFor(format)(`refused ${cut ? key.slice(0, -count) : key.slice(0, -count) + key.slice(1 - count || key.length)} today`);
        expect([shown, shows(shown, secret)]).toEqual([shown, false]);
      }),
      { numRuns: 300 },
    );
  });
});

describe('keys of unknown formats', () => {
  it('are hidden where they have a name, a separator and a secret in one piece', () => {
    const likely = samples.filter(({ format }) => /^(?:\{prefix\}|agg)[_-]/.test(format.template) && !format.template.includes('base64url'));
    fc.assert(
      fc.property(likely, place, ({ key, secret }, where) => {
        const shown = redactKeys(written(where, key));
        expect([where, shown, shows(shown, secret)]).toEqual([where, shown, false]);
      }),
      { numRuns: 1_000 },
    );
  });
});

/** Texts rich in what the rules look for. */
const pieces = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('"', "'", '\\', '%', '%25', '%5f', '\\u005f', '\\n', '&', '?', '=', ':', ' ', ', ', '[', '{', '}', '_', '-', '.', '...'),
  fc.constantFrom('authorization', 'authorization: ', 'Authorization": "Digest a="b1c2"', 'x-api-key', 'api_key', 'Bearer', 'basic', 'id_token', 'apiKey=', 'eyJhbGciOiJub25lIn0.e30.', '[redacted]', 'awx_...x4f2', 'awx_live_', 'awx_'),
  samples.map(({ key }) => key),
);
const texts = fc.array(pieces, { maxLength: 12 }).map((all) => all.join(''));

describe('any text', () => {
  const both = [redactKeys, redactFor(...fc.sample(samples, { numRuns: 8, seed: 5 }).map(({ format }) => format))];

  it('is the same after a second pass', () => {
    fc.assert(fc.property(texts, fc.constantFrom(...both), (text, redact) => {
      const once = redact(text);
      expect(redact(once)).toBe(once);
    }), { numRuns: 3_000 });
  });

  it('stays JSON if it was, with the same fields', () => {
    fc.assert(fc.property(fc.dictionary(fc.constantFrom('msg', 'url', 'authorization', 'x-api-key', 'apiKey', 'a'), fc.oneof(texts, fc.integer(), fc.array(texts, { maxLength: 3 }))), fc.constantFrom(...both), (value, redact) => {
      const parsed = JSON.parse(redact(JSON.stringify(value))) as object;
      expect(Object.keys(parsed)).toEqual(Object.keys(value));
    }), { numRuns: 600 });
  });

  it('is read without an exception, and so is what is no text', () => {
    for (const given of [undefined, null, 5, 10n, Symbol('x'), {}, [], Object.create(null), { toString: () => { throw new Error('no'); } }]) {
      expect(typeof redactKeys(given as string)).toBe('string');
    }
    expect(redactKeys(new Error('Bearer aX9-bY8_cZ7.dW6') as unknown as string)).toBe('Error: Bearer [redacted]');
  });
});
