import { hash as digestOf, timingSafeEqual } from 'node:crypto';
import type { Hasher } from '../ports.js';

const SCHEME = 'sha256';

/**
 * Unsalted SHA-256 of the whole key, the default. Right for secrets with 128 random bits or more: there is nothing to
 * guess, so a slow hash would only slow the server. Strings look like `sha256:<base64url>`.
 *
 * @example
 * ```ts
 * createKeyring({ prefix: 'awx', hashing: sha256() });
 * ```
 */
export function sha256(): Hasher {
  const hash = (key: string): string => `${SCHEME}:${digestOf('sha256', key, 'base64url')}`;
  return {
    scheme: SCHEME,
    salted: false,
    hash,
    verify: (key, stored) => equalText(hash(key), stored),
    candidates: (key) => [hash(key)],
    outdated: () => false,
  };
}

/** Constant-time comparison of two ASCII texts; their length is no secret. */
export function equalText(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1'));
}
