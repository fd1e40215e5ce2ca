import { compileAccess, type CompiledAccess } from './access/access.js';
import { createBuckets, type BucketPlan } from './limits/buckets.js';
import type { LimitRule } from './limits/rules.js';
import type { Json, KeyRecord, Owner } from './record.js';
import type { ScopeBook } from './scopes.js';

/** Who is calling, as a handler sees it at `req.apiKey`: frozen, without hash or secret. */
export interface Principal<Scope extends string = string> {
  /** The key's public id. */
  readonly id: string;
  readonly name: string;
  readonly environment: string;
  readonly tenantId: string | undefined;
  readonly owner: Owner | undefined;
  /** Everything the key may do, implied scopes included. */
  readonly scopes: readonly Scope[];
  readonly plan: string | undefined;
  /** Whether the key may open WebSockets and event streams. */
  readonly realtime: boolean;
  readonly metadata: { readonly [key: string]: Json };
  /** Epoch milliseconds. */
  readonly expiresAt: number | undefined;
}

/** A record made ready for requests: all that can be worked out beforehand has been. */
export interface KeyEntry {
  readonly record: KeyRecord;
  readonly principal: Principal;
  readonly scopes: ReadonlySet<string>;
  readonly access: CompiledAccess;
  readonly limits: BucketPlan;
  /** Active while `activeFrom <= now < activeUntil`; outside, `statusOf` tells why. */
  readonly activeFrom: number;
  readonly activeUntil: number;
  readonly loadedAt: number;
  /** Set by a local change: verifications that hold this entry must look again. */
  stale: boolean;
}

/** What compiling a record needs from its keyring. */
export interface EntryContext {
  readonly scopes: ScopeBook;
  readonly plans: ReadonlyMap<string, readonly LimitRule[]>;
  readonly defaultLimits: readonly LimitRule[];
}

/** Compiles a record once; throws a `ConfigurationError` for rules that cannot be read. */
export function compileEntry(record: KeyRecord, context: EntryContext, now: number): KeyEntry {
  const scopes = context.scopes.expand(record.scopes);
  const access = compileAccess(record.access);
  const ended = record.revokedAt !== undefined || record.disabledAt !== undefined;
  return {
    record,
    principal: Object.freeze({
      id: record.id,
      name: record.name,
      environment: record.environment,
      tenantId: record.tenantId,
      owner: record.owner && Object.freeze({ ...record.owner }),
      scopes: Object.freeze([...scopes]),
      plan: record.plan,
      realtime: access.realtime,
      metadata: deepFreeze(structuredClone(record.metadata ?? {})),
      expiresAt: record.expiresAt,
    }),
    scopes,
    access,
    limits: createBuckets(record, effectiveLimits(record, context)),
    activeFrom: record.notBefore ?? -Infinity,
    activeUntil: ended ? -Infinity : Math.min(record.expiresAt ?? Infinity, record.graceExpiresAt ?? Infinity),
    loadedAt: now,
    stale: false,
  };
}

/** The key's own limits, else its plan's, else the keyring's: the most specific list replaces the whole list. */
export function effectiveLimits(record: KeyRecord, { plans, defaultLimits }: EntryContext): readonly LimitRule[] {
  if (record.limits !== undefined) return record.limits;
  if (record.plan === undefined) return defaultLimits;
  const rules = plans.get(record.plan);
  // A plan that has gone must not turn into "no limits".
  if (rules === undefined) throw new Error(`the plan '${record.plan}' of key ${record.id} is not declared`);
  return rules;
}

/** Freezes a JSON value through and through. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
