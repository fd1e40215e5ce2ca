import { ConfigurationError } from '../errors.js';
import type { KeyChanges } from '../record.js';
import type { Lifecycle } from './lifecycle-options.js';

/** The fields with an end that the keyring's longest life allows, counted from `bornAt`; one that is too late is refused. */
export function withinLifetime<Fields extends KeyChanges>(fields: Fields, { maxLifetime }: Lifecycle, bornAt: number, path: string): Fields {
  if (maxLifetime === undefined) return fields;
  const latest = bornAt + maxLifetime;
  if (fields.expiresAt === undefined) return { ...fields, expiresAt: latest };
  if (fields.expiresAt > latest) throw new ConfigurationError('invalid_option', path, `must be within the keyring's longest life of a key, ${String(maxLifetime)} ms`);
  return fields;
}

/** An end that was allowed when it was set, as far as a new key may have it: the keyring's rule may be stricter by now. */
export function cappedEnd(expiresAt: number | undefined, { maxLifetime = Infinity }: Lifecycle, bornAt: number): number | undefined {
  return expiresAt === undefined ? undefined : Math.min(expiresAt, bornAt + maxLifetime);
}
