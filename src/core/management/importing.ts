import { randomText, systemRandom, ALPHABETS } from '../format/alphabets.js';
import type { FormatBook } from '../format/format-book.js';
import type { KeyFormat, KeyParts } from '../format/key-format.js';
import { ConfigurationError } from '../errors.js';
import { text } from './draft.js';

/** How an existing key is brought in: as the key itself, or as a hash of it. */
export interface ImportSource {
  /** The plaintext key; it must fit one of the keyring's formats. */
  readonly key?: string;
  /**
   * Its hash: `sha256:<hex or base64url>`, a bcrypt string (`$2b$…`), or any string of a hasher the keyring knows. An
   * unsalted hash also needs `highEntropy: true`.
   */
  readonly hash?: string;
  /** The public id inside the key; needed with `hash` where the key's format has `{id}`. */
  readonly id?: string;
  /** Your word that the hashed keys have 128 random bits: an unsalted hash of anything weaker can be guessed. */
  readonly highEntropy?: boolean;
  /** The last four characters of the key, for display. Only with `hash`. */
  readonly last4?: string;
}

/** What identifies an imported key: for `hash` the stored string is ready, for `key` it is still to be made. */
export interface ImportedIdentity {
  readonly id: string;
  readonly masked: string;
  readonly key?: string;
  readonly hash?: string;
  readonly parts?: KeyParts;
}

export const IMPORT_NAMES = ['key', 'hash', 'id', 'highEntropy', 'last4'];

/** An id for a key that carries none. */
export function newId(): string {
  return randomText(ALPHABETS.get('base62') ?? '', 12, systemRandom);
}

/** Reads where an imported key comes from; throws a `ConfigurationError` that names the field. */
export function readImport(source: ImportSource, formats: FormatBook, salted: (stored: string) => boolean | undefined): ImportedIdentity {
  if ((source.key === undefined) === (source.hash === undefined)) throw new ConfigurationError('invalid_option', 'key', 'give either key or hash');
  if (source.key !== undefined) return fromKey(source.key, formats);
  const hash = normalHash(source.hash);
  const isSalted = salted(hash);
  if (isSalted === undefined) throw new ConfigurationError('invalid_hash', 'hash', 'is of a scheme that no hasher of this keyring knows');
  if (!isSalted && source.highEntropy !== true) {
    throw new ConfigurationError('invalid_hash', 'highEntropy', 'an unsalted hash needs your word (true) that its key has 128 random bits');
  }
  if (source.last4 !== undefined && !/^[\w.-]{4}$/.test(source.last4)) throw new ConfigurationError('invalid_option', 'last4', 'must be the last four characters of the key');
  const masked = `...${source.last4 ?? '????'}`;
  if (source.id !== undefined) return { id: text(source.id, 'id', 128), masked, hash };
  if (isSalted) throw new ConfigurationError('invalid_option', 'id', 'a salted hash can only be found by the public id inside its key');
  if (formats.all.every((format) => format.has.id)) throw new ConfigurationError('invalid_option', 'id', 'every format of this keyring has {id}, so the public id inside the key is needed');
  return { id: newId(), masked, hash };
}

function fromKey(key: string, formats: FormatBook): ImportedIdentity {
  const fits = (format: KeyFormat): boolean => typeof key === 'string' && format.matches(key);
  const format = formats.all.find(fits);
  // The message must not repeat the key.
  if (format === undefined) throw new ConfigurationError('invalid_option', 'key', 'fits none of the formats of this keyring, so it could never be verified');
  const parts = format.parse(key);
  return { id: parts?.id ?? newId(), masked: format.mask(key), key, ...(parts && { parts }) };
}

/** bcrypt's own notation and hexadecimal digests are understood and written the way the hashers write theirs. */
function normalHash(hash: unknown): string {
  if (typeof hash !== 'string' || hash.length > 512) throw new ConfigurationError('invalid_hash', 'hash', 'must be a string');
  // Costs above 15 are left out: comparing one such key would keep a processor busy for seconds, 31 for days.
  if (/^(?:bcrypt:)?\$2[aby]\$(?:0[4-9]|1[0-5])\$[./A-Za-z0-9]{53}$/.test(hash)) return hash.startsWith('$') ? `bcrypt:${hash}` : hash;
  if (hash.startsWith('$2') || hash.startsWith('bcrypt:$')) throw new ConfigurationError('invalid_hash', 'hash', 'a bcrypt string looks like $2b$10$ and 53 characters, with a cost from 04 to 15');
  const hex = /^sha256:([0-9a-f]{64})$/i.exec(hash)?.[1];
  if (hex !== undefined) return `sha256:${Buffer.from(hex, 'hex').toString('base64url')}`;
  if (hash.startsWith('sha256:') && !/^sha256:[\w-]{43}$/.test(hash)) throw new ConfigurationError('invalid_hash', 'hash', 'a SHA-256 digest has 64 hexadecimal or 43 base64url characters');
  return hash;
}
