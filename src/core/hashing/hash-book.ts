import { ConfigurationError, storeUnavailable } from '../errors.js';
import type { Awaitable, Hasher } from '../ports.js';
import { chain, disown } from '../awaitable.js';
import { bcrypt } from './bcrypt.js';
import { sha256 } from './sha256.js';

/** All the schemes a keyring understands, the current one first. */
export interface HashBook {
  readonly current: Hasher;
  /** Compares a key with a stored string of any known scheme; an unknown scheme is `'unknown_scheme'`. */
  verify(key: string, stored: string): Awaitable<boolean | 'unknown_scheme'>;
  /** The current scheme's work on a key that has no record, so that its absence does not show in the time. */
  pretend(key: string): Awaitable<false>;
  /** Every string under which a key without an id may be stored. */
  candidates(key: string): readonly string[];
  /** The stored string is not what the current scheme would make. */
  outdated(stored: string): boolean;
  /** Whether the stored string's scheme salts, and so is made to be slow; `undefined` for an unknown scheme. */
  salted(stored: string): boolean | undefined;
  /** A new key's stored string. */
  hash(key: string): Awaitable<string>;
}

/** Joins the chosen hasher with the ones that imported and older records may need. */
export function createHashBook(hashing: unknown): HashBook {
  const chosen: readonly unknown[] = hashing === undefined ? [sha256()] : Array.isArray(hashing) ? hashing : [hashing];
  const byScheme = new Map<string, Hasher>();
  for (const hasher of chosen.map(checkHasher)) {
    // One of them would be silently ignored: old peppers belong into one hmacSha256(), old costs are read in any case.
    if (byScheme.has(hasher.scheme)) throw new ConfigurationError('invalid_option', 'hashing', `names two hashers for '${hasher.scheme}'`);
    byScheme.set(hasher.scheme, hasher);
  }
  const current = [...byScheme.values()][0];
  if (current === undefined) throw new ConfigurationError('invalid_option', 'hashing', 'must name a hasher');
  for (const known of [sha256(), bcrypt()]) if (!byScheme.has(known.scheme)) byScheme.set(known.scheme, known);
  const of = (stored: string): Hasher | undefined => byScheme.get(stored.slice(0, stored.indexOf(':')));
  const decoy = lazily(() => current.hash('keystile: a key nobody has'));
  return {
    current,
    verify(key, stored) {
      const hasher = of(stored);
      return hasher === undefined ? 'unknown_scheme' : hasher.verify(key, stored);
    },
    pretend: (key) => chain(decoy(), (stored) => chain(current.verify(key, stored), () => false as const)),
    candidates: (key) => [...byScheme.values()].flatMap((hasher) => fitting(hasher.candidates(key), isTexts)),
    outdated: (stored) => of(stored) !== current || fitting(current.outdated(stored), isBoolean),
    salted: (stored) => of(stored)?.salted,
    hash: (key) =>
      chain(current.hash(key), (stored: unknown) => {
        if (typeof stored === 'string' && stored.startsWith(`${current.scheme}:`)) return stored;
        throw storeUnavailable('the hasher answered with something that is no hash of its scheme');
      }),
  };
}

const isTexts = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every((text) => typeof text === 'string');
const isBoolean = (value: unknown): value is boolean => typeof value === 'boolean';

/** The answer of a method that has to answer at once; a promise is nonsense here, and its rejection nobody's. */
function fitting<T>(answer: unknown, fits: (value: unknown) => value is T): T {
  if (fits(answer)) return answer;
  disown(answer);
  throw storeUnavailable('the hasher answered with something unexpected');
}

function checkHasher(value: unknown): Hasher {
  const hasher = value as Partial<Hasher> | null;
  const complete =
    typeof hasher === 'object' && hasher !== null && typeof hasher.scheme === 'string' && /^[a-z0-9-]{1,32}$/.test(hasher.scheme) && typeof hasher.salted === 'boolean' &&
    [hasher.hash, hasher.verify, hasher.candidates, hasher.outdated].every((method) => typeof method === 'function');
  if (!complete) throw new ConfigurationError('invalid_option', 'hashing', 'must be a hasher, such as sha256(), hmacSha256({ … }) or bcrypt()');
  return hasher as Hasher;
}

/** Computes once, on first use; a failure is not kept. */
function lazily(make: () => Awaitable<string>): () => Awaitable<string> {
  let made: string | undefined;
  return () => made ?? chain(make(), (value) => (made = value));
}
