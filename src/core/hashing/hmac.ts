import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { ConfigurationError } from '../errors.js';
import { checkOptions, isPlainObject, unknownName } from '../options.js';
import type { Hasher } from '../ports.js';
import { equalText } from './sha256.js';

/** Settings of {@link hmacSha256}. */
export interface HmacOptions {
  /** Peppers by name, 16 bytes or more each; text counts as UTF-8. Keep old ones until their keys have been re-hashed. */
  readonly peppers: Readonly<Record<string, string | Uint8Array>>;
  /** Name of the pepper for new hashes. */
  readonly current: string;
}

const SCHEME = 'hmac-sha256';

/**
 * HMAC-SHA-256 (RFC 2104) of the key under a server-side pepper, so that a stolen store alone cannot even test guesses.
 * To rotate the pepper, add a new one and make it `current`; each key moves over when it is next used. Strings look like
 * `hmac-sha256:<pepper>:<base64url>`.
 *
 * Throws a `ConfigurationError` for a short pepper (`weak_secret`) or a `current` that is not among them.
 *
 * @example
 * ```ts
 * const secret = process.env['KEY_PEPPER'] ?? 'read 32 random bytes from your secret manager';
 * createKeyring({ prefix: 'awx', hashing: hmacSha256({ peppers: { v1: secret }, current: 'v1' }) });
 * ```
 */
export function hmacSha256(options: HmacOptions): Hasher {
  const { peppers, current } = checkOptions(options, 'hmacSha256', ['peppers', 'current']);
  if (!isPlainObject(peppers)) throw new ConfigurationError('invalid_option', 'hmacSha256.peppers', 'must be an object of named peppers');
  const keys = new Map(Object.entries(peppers).map(([name, pepper]) => [name, pepperKey(name, pepper)]));
  const currentKey = typeof current === 'string' ? keys.get(current) : undefined;
  if (currentKey === undefined) throw unknownName('invalid_option', 'hmacSha256.current', current, [...keys.keys()], 'pepper');
  const under = (name: string, pepper: KeyObject, key: string): string =>
    `${SCHEME}:${name}:${createHmac('sha256', pepper).update(key).digest('base64url')}`;
  const currentPrefix = `${SCHEME}:${String(current)}:`;
  return {
    scheme: SCHEME,
    salted: false,
    hash: (key) => under(String(current), currentKey, key),
    verify(key, stored) {
      const name = stored.split(':')[1] ?? '';
      const pepper = keys.get(name);
      return pepper !== undefined && equalText(under(name, pepper, key), stored);
    },
    candidates: (key) => [
      under(String(current), currentKey, key),
      ...[...keys].filter(([name]) => name !== current).map(([name, pepper]) => under(name, pepper, key)),
    ],
    outdated: (stored) => !stored.startsWith(currentPrefix),
  };
}

function pepperKey(name: string, pepper: unknown): KeyObject {
  const path = `hmacSha256.peppers.${name}`;
  if (!/^[\w.-]{1,64}$/.test(name)) throw new ConfigurationError('invalid_option', path, 'a pepper is named by 1 to 64 of A-Z a-z 0-9 _ . -');
  if (typeof pepper !== 'string' && !(pepper instanceof Uint8Array)) throw new ConfigurationError('invalid_option', path, 'must be a string or bytes');
  const bytes = Buffer.from(pepper as string);
  if (bytes.length < 16) throw new ConfigurationError('weak_secret', path, 'must have at least 16 bytes, better 32');
  // A KeyObject shows nothing in util.inspect or JSON.
  return createSecretKey(bytes);
}
