import { ConfigurationError } from '../errors.js';
import type { KeyChanges, KeyRecord } from '../record.js';
import type { Lifecycle } from './lifecycle-options.js';

/** The fields with an end that the keyring's longest life allows, counted from `bornAt`; one that is too late is refused. */
export function withinLifetime<Fields extends KeyChanges>(fields: Fields, { maxLifetime }: Lifecycle, bornAt: number, path: string): Fields {
  if (maxLifetime === undefined) return fields;
  const latest = bornAt + maxLifetime;
  if (fields.expiresAt === undefined) return { ...fields, expiresAt: latest };
  if (fields.expiresAt > latest) throw new ConfigurationError('invalid_option', path, `must be within the keyring's longest life of a key, ${String(maxLifetime)} ms`);
  return fields;
}

/**
 * The end that a key hands down to one born at `bornAt`. One that the rule has set is none of its own: the new key has a life of
 * its own length. One that was set under a laxer rule comes as far as it may.
 */
export function inheritedEnd({ expiresAt, createdAt }: KeyRecord, { maxLifetime = Infinity }: Lifecycle, bornAt: number): number | undefined {
  return expiresAt === undefined || expiresAt === createdAt + maxLifetime ? undefined : Math.min(expiresAt, bornAt + maxLifetime);
}
