import type { AccessRules } from './access/access.js';
import type { LimitRule } from './limits/rules.js';
import { isPlainObject } from './options.js';

/** JSON values, as metadata holds them. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** Who answers for a key. */
export interface Owner {
  readonly type: 'user' | 'org' | 'service';
  readonly id: string;
}

/** A place of which a tenant has one per environment, for keys that are exchanged in turn. */
export type KeySlot = 'primary' | 'secondary';

/**
 * A key as the store keeps it: plain JSON, times in epoch milliseconds, absent when not set.
 * The plaintext key is not in it; `hash` never leaves the store and the keyring.
 */
export interface KeyRecord {
  /** The public id: what a key with `{id}` carries in clear. */
  readonly id: string;
  /** Counts changes, from 1; guards updates. */
  readonly version: number;
  /** Self-describing: `sha256:…`, `hmac-sha256:pepper:…`, `bcrypt:…`. */
  readonly hash: string;
  /** For display: `awx_...x4f2`. */
  readonly masked: string;
  readonly name: string;
  readonly environment: string;
  readonly tenantId?: string;
  readonly owner?: Owner;
  readonly scopes: readonly string[];
  readonly plan?: string;
  /** The key's own limits: they replace the plan's as a whole. */
  readonly limits?: readonly LimitRule[];
  readonly access?: AccessRules;
  /** Reaches handlers. */
  readonly metadata?: { readonly [key: string]: Json };
  /** For management only. */
  readonly tags?: readonly string[];
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly notBefore?: number;
  readonly expiresAt?: number;
  readonly disabledAt?: number;
  readonly revokedAt?: number;
  readonly revokedReason?: string;
  readonly revokedBy?: string;
  /** When a rotated key stops working; separate from `expiresAt`, and the earlier of both counts. */
  readonly graceExpiresAt?: number;
  /** The id of the key that has taken this one's place. */
  readonly replacedBy?: string;
  /** The id of the key whose place this one has taken. */
  readonly rotatedFrom?: string;
  /** A claim: no other record of this tenant and environment has it. Given up on rotation, revocation and deletion. */
  readonly slot?: KeySlot;
  /** Deleted, and not yet purged: unknown to everything but `undelete` and `purge`. */
  readonly deletedAt?: number;
  readonly lastUsedAt?: number;
  readonly lastUsedIp?: string;
}

/** Fields a store may be asked to change; `undefined` clears one. */
export type KeyChanges = { readonly [K in Exclude<keyof KeyRecord, 'id' | 'version' | 'createdAt'>]?: KeyRecord[K] | undefined };

/** Derived from a record and the time; never stored. */
export type KeyStatus = 'active' | 'scheduled' | 'disabled' | 'expired' | 'revoked';

/** A key as management sees it: the record without its hash, with its status. */
export type ApiKey = Omit<KeyRecord, 'hash'> & { readonly status: KeyStatus };

/**
 * The status of a record at `now` (epoch milliseconds). The strongest word wins: revoked, disabled, expired, scheduled.
 * Comparisons are written so that an invalid number (`NaN`) never makes a key active.
 */
export function statusOf(record: KeyRecord, now: number): KeyStatus {
  if (record.revokedAt !== undefined) return 'revoked';
  if (record.disabledAt !== undefined) return 'disabled';
  if (record.expiresAt !== undefined && !(now < record.expiresAt)) return 'expired';
  if (record.graceExpiresAt !== undefined && !(now < record.graceExpiresAt)) return 'expired';
  if (record.notBefore !== undefined && !(now >= record.notBefore)) return 'scheduled';
  return 'active';
}

/** A record after changes, one version on. */
export function changed(record: KeyRecord, changes: KeyChanges): KeyRecord {
  return withoutEmpty({ ...record, ...changes, version: record.version + 1 }) as unknown as KeyRecord;
}

/** `undefined`, and `null`, which is what it becomes on the way through JSON, stand for a field that is absent. */
export function withoutEmpty(fields: object): { readonly [field: string]: unknown } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null));
}

/** The view of a record that may be shown: no hash. */
export function toApiKey(record: KeyRecord, now: number): ApiKey {
  const { hash: _hash, ...shown } = record;
  return { ...shown, status: statusOf(record, now) };
}

const OPTIONAL_TIMES = ['notBefore', 'expiresAt', 'graceExpiresAt', 'disabledAt', 'revokedAt', 'deletedAt'] as const;

/** Whether a record from a store has all that decisions rest on, in the right types: a half-read one must deny. */
export function isSound(record: { readonly [K in keyof KeyRecord]?: unknown }): boolean {
  return (
    [record.id, record.hash, record.name, record.environment, record.masked].every((field) => typeof field === 'string') &&
    [record.version, record.createdAt].every((field) => typeof field === 'number') &&
    Array.isArray(record.scopes) &&
    record.scopes.every((scope) => typeof scope === 'string') &&
    OPTIONAL_TIMES.every((field) => record[field] === undefined || typeof record[field] === 'number') &&
    [record.tenantId, record.plan].every((field) => field === undefined || typeof field === 'string') &&
    [record.access, record.metadata, record.owner].every((field) => field === undefined || isPlainObject(field)) &&
    (record.limits === undefined || Array.isArray(record.limits))
  );
}
