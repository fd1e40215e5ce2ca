import { ConfigurationError } from '../errors.js';
import { keyFormat, type KeyFormat } from './key-format.js';

/** The formats a keyring accepts; the first makes new keys. */
export interface FormatBook {
  readonly current: KeyFormat;
  readonly all: readonly KeyFormat[];
  readonly environments: readonly string[];
  /** Cheap test that a text may be a key of some format; see `KeyFormat.plausible`. */
  readonly plausible: (text: string) => boolean;
  /** A text that begins like a key: with the fixed prefix of some format. What does not is somebody else's token. */
  readonly looksLikeKey: (text: string) => boolean;
}

/** Builds the book from the options `prefix` and `formats`; the default format needs a prefix. */
export function createFormatBook(prefix: unknown, formats: unknown): FormatBook {
  if (prefix !== undefined && typeof prefix !== 'string') throw new ConfigurationError('invalid_option', 'prefix', 'must be a string');
  const given: readonly unknown[] = formats === undefined ? [] : Array.isArray(formats) ? formats : [formats];
  const all = given.map((format, index) => toFormat(format, prefix, `formats[${String(index)}]`));
  if (prefix !== undefined && all.length === 0) all.push(keyFormat(undefined, { prefix }));
  const [current] = all;
  if (current === undefined) throw new ConfigurationError('invalid_option', 'prefix', 'a keyring needs a prefix or formats');
  const [only] = all.length === 1 ? all : [];
  const prefixes = all.map((format) => format.fixedPrefix);
  return {
    current,
    all,
    environments: [...new Set(['live', ...all.flatMap((format) => format.environments)])],
    plausible: only !== undefined ? (text) => only.plausible(text) : ((text) => all.some((format) => format.plausible(text))),
    looksLikeKey: (text) => prefixes.some((start) => text.startsWith(start)),
  };
}

/** A template text is a format with the keyring's prefix. */
function toFormat(value: unknown, prefix: string | undefined, path: string): KeyFormat {
  if (typeof value === 'string') return keyFormat(value, prefix === undefined ? {} : { prefix });
  const format = value as Partial<KeyFormat> | null;
  if (typeof format === 'object' && typeof format?.plausible === 'function' && typeof format.parse === 'function') return value as KeyFormat;
  throw new ConfigurationError('invalid_option', path, 'must be a template or made by keyFormat()');
}
