import { compileAccess } from './access/access.js';
import { CHECKS } from './checks.js';
import type { KeyEntry } from './entry.js';
import { storeUnavailable } from './errors.js';
import { deepFreeze } from './freeze.js';
import { createBuckets } from './limits/buckets.js';
import { checkRules, type LimitRule } from './limits/rules.js';
import type { KeyRecord } from './record.js';
import type { ScopeBook } from './scopes.js';

/** What compiling a record needs from its keyring. */
export interface EntryContext {
  readonly scopes: ScopeBook;
  readonly plans: ReadonlyMap<string, readonly LimitRule[]>;
  readonly defaultLimits: readonly LimitRule[];
}

/** Compiles a record once. One that cannot be read denies: it throws a `KeystileError` (`store_unavailable`). */
export function compileEntry(record: KeyRecord, context: EntryContext, now: number): KeyEntry {
  try {
    return compile(record, context, now);
  } catch (error) {
    throw storeUnavailable(`the record of key ${record.id} cannot be used`, error);
  }
}

function compile(record: KeyRecord, context: EntryContext, now: number): KeyEntry {
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
    checks: CHECKS.filter((check) => check.concerns?.(access) !== false),
    limits: createBuckets(record, effectiveLimits(record, context)),
    activeFrom: record.notBefore ?? -Infinity,
    activeUntil: ended ? -Infinity : Math.min(record.expiresAt ?? Infinity, record.graceExpiresAt ?? Infinity),
    loadedAt: now,
  };
}

/** The key's own limits, else its plan's, else the keyring's: the most specific list replaces the whole list. */
export function effectiveLimits(record: KeyRecord, { plans, defaultLimits }: EntryContext): readonly LimitRule[] {
  // Checked anew: a rule that a store has garbled must not be skipped.
  if (record.limits !== undefined) return checkRules(record.limits, 'limits');
  if (record.plan === undefined) return defaultLimits;
  const rules = plans.get(record.plan);
  // A plan that has gone must not turn into "no limits".
  if (rules === undefined) throw new Error(`the plan '${record.plan}' of key ${record.id} is not declared`);
  return rules;
}
