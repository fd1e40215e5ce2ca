import { bodyOf, type KeyFormat } from '../format/key-format.js';
import { bareSecrets } from './bare-secrets.js';
import type { Rule } from './spans.js';
import { randomness } from './words.js';

/** All that may belong to a key: a longer one of another format, or one with a letter too many, must not be half shown. */
const REST = '[A-Za-z0-9_-]*';
/** The same for keys with dots; one at the end closes a sentence. */
const DOTTED_REST = `${REST}(?:\\.[A-Za-z0-9_-]+)*`;

/** How much of what follows a format's prefix has to be random: about half of the shortest secret. */
const ENOUGH = 12;

/** Keys of known formats, wherever they stand, also glued to other text. */
export function ownKeys(formats: readonly KeyFormat[]): Rule {
  const finders = formats.flatMap((format) => [exact(format), format.fixedPrefix.length < 2 ? bareSecrets(format) : damaged(format)]);
  return (text) => finders.flatMap((find) => find(text));
}

/** What may follow the beginning of a key and belong to it. */
const restOf = (format: KeyFormat): string => (bodyOf(format).includes('\\.') ? DOTTED_REST : REST);

function exact(format: KeyFormat): Rule {
  const pattern = new RegExp(`(?:${bodyOf(format)})${restOf(format)}`, 'g');
  return (text) => [...text.matchAll(pattern)].map(({ index, 0: key }) => ({ start: index, end: index + key.length, stub: format.mask(key) }));
}

/** What begins like a key and goes on at random: mistyped, cut off, or of a length that is no longer made. */
function damaged(format: KeyFormat): Rule {
  const pattern = new RegExp(`${format.fixedPrefix.replace(/[.-]/g, '\\$&')}(${restOf(format)})`, 'g');
  return (text) =>
    [...text.matchAll(pattern)].flatMap(({ index, 0: key, 1: rest = '' }) =>
      rest.length < ENOUGH || randomness(rest.split(/[._-]/)).total < ENOUGH ? [] : [{ start: index, end: index + key.length, stub: format.mask(key) }],
    );
}
