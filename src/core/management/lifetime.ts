import { ConfigurationError } from '../errors.js';
import type { KeyChanges, KeyRecord } from '../record.js';
import type { Lifecycle } from './lifecycle-options.js';

/** The fields with an end that the keyring's longest life allows, counted from `bornAt`; one that is too late, or before the beginning, is refused. */
export function withinLife<Fields extends KeyChanges>(fields: Fields, { maxLifetime = Infinity }: Lifecycle, bornAt: number, path: string): Fields {
  const { expiresAt = bornAt + maxLifetime } = fields;
  if (expiresAt > bornAt + maxLifetime) throw new ConfigurationError('invalid_option', `${path}.expiresAt`, `must be within the keyring's longest life of a key, ${String(maxLifetime)} ms`);
  checkOrder({ ...fields, expiresAt }, `${path}.expiresAt`);
  return expiresAt === Infinity ? fields : { ...fields, expiresAt };
}

/** A key that ends before it begins would never work, which nobody can have wanted. */
export function checkOrder({ notBefore = -Infinity, expiresAt = Infinity }: KeyChanges, path: string): void {
  if (!(notBefore < expiresAt)) throw new ConfigurationError('invalid_option', path, 'must leave expiresAt later than notBefore');
}

/**
 * The end that a key hands down to one born at `bornAt`. One that the rule has set is none of its own: the new key has a life of
 * its own length. One that was set under a laxer rule comes as far as it may.
 */
export function inheritedEnd({ expiresAt, createdAt }: KeyRecord, { maxLifetime = Infinity }: Lifecycle, bornAt: number): number | undefined {
  return expiresAt === undefined || expiresAt === createdAt + maxLifetime ? undefined : Math.min(expiresAt, bornAt + maxLifetime);
}
