import { hash as digestOf } from 'node:crypto';
import bcryptjs from 'bcryptjs';
import { ConfigurationError } from '../errors.js';
import { checkOptions } from '../options.js';
import type { Hasher } from '../ports.js';

/** Settings of {@link bcrypt}. */
export interface BcryptOptions {
  /** log2 of the rounds, 4 to 15. Default: 10 (about 0.1 s of CPU a key that is not cached). */
  readonly cost?: number;
  /** Comparisons under way at once; further ones wait, up to 100, then fail as a fault. Default: 2. */
  readonly concurrency?: number;
}

const SCHEME = 'bcrypt';
const PREHASHED = 'sha256+';
const MODULAR = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
const MAX_QUEUE = 100;
/** bcrypt reads no further than byte 72. */
const MAX_BYTES = 72;

/**
 * bcrypt through bcryptjs, for rules that ask for it and for imported keys. New hashes are taken over the key's SHA-256 in
 * base64url (43 characters), so the 72-byte limit of bcrypt never cuts a key. Strings: `bcrypt:sha256+$2b$…` for those,
 * `bcrypt:$2b$…` for imported ones, made over the key itself.
 *
 * Its strings are salted, so its keys need `{id}` in their format. The verified-key cache keeps a key that is in use from
 * being hashed again; what is not cached is bounded by `concurrency`.
 *
 * @example
 * ```ts
 * createKeyring({ prefix: 'awx', hashing: bcrypt({ cost: 12 }) });
 * ```
 */
export function bcrypt(options: BcryptOptions = {}): Hasher {
  checkOptions(options, 'bcrypt', ['cost', 'concurrency']);
  const cost = wholeBetween(options.cost ?? 10, 4, 15, 'bcrypt.cost');
  const queue = boundedQueue(wholeBetween(options.concurrency ?? 2, 1, 64, 'bcrypt.concurrency'));
  return {
    scheme: SCHEME,
    salted: true,
    hash: (key) => queue(async () => `${SCHEME}:${PREHASHED}${await bcryptjs.hash(shortened(key), cost)}`),
    verify(key, stored) {
      const prehashed = stored.startsWith(PREHASHED, SCHEME.length + 1);
      const modular = stored.slice(SCHEME.length + 1 + (prehashed ? PREHASHED.length : 0));
      if (!MODULAR.test(modular)) return false;
      if (!prehashed && Buffer.byteLength(key) > MAX_BYTES) return false;
      return queue(() => bcryptjs.compare(prehashed ? shortened(key) : key, modular));
    },
    candidates: () => [],
    outdated(stored) {
      const rounds = /\$(\d\d)\$/.exec(stored)?.[1];
      return !stored.startsWith(PREHASHED, SCHEME.length + 1) || Number(rounds) !== cost;
    },
  };
}

const shortened = (key: string): string => digestOf('sha256', key, 'base64url');

function wholeBetween(value: number, min: number, max: number, path: string): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new ConfigurationError('invalid_option', path, `must be a whole number from ${String(min)} to ${String(max)}`);
}

/** Runs at most `width` jobs at once and lets at most 100 wait: a flood of guesses must not fill the memory or the CPU. */
function boundedQueue(width: number): <T>(job: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (job) => {
    if (running >= width) {
      if (waiting.length >= MAX_QUEUE) throw new Error('bcrypt is busy: too many keys wait to be compared');
      // Whoever ends hands its place over, so `running` stays as it is.
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else running++;
    try {
      return await job();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}
