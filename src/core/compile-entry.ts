import type { AccessBook } from './access/access-book.js';
import type { KeyEntry, Term } from './entry.js';
import { signed, type Principal } from './principal.js';
import { storeUnavailable } from './errors.js';
import { deepFreeze } from './freeze.js';
import { createBuckets } from './limits/buckets.js';
import { checkRules, type LimitRule } from './limits/rules.js';
import { isSound, type KeyRecord } from './record.js';
import type { ScopeBook } from './scopes.js';
import { accepted } from './verification.js';

/** What compiling a record needs from its keyring. */
export interface EntryContext {
  /** Whose principals it makes. */
  readonly identity: symbol;
  readonly scopes: ScopeBook;
  readonly access: AccessBook;
  readonly plans: ReadonlyMap<string, readonly LimitRule[]>;
  readonly defaultLimits: readonly LimitRule[];
}

const NO_METADATA: Principal['metadata'] = Object.freeze({});

/** Compiles a record once. One that cannot be read denies: it throws a `KeystileError` (`store_unavailable`). */
export function compileEntry(record: KeyRecord, context: EntryContext, now: number, generation: number): KeyEntry {
  try {
    return compile(record, context, now, generation);
  } catch (error) {
    throw storeUnavailable(`the record of key ${record.id} cannot be used`, error);
  }
}

function compile(record: KeyRecord, context: EntryContext, now: number, generation: number): KeyEntry {
  if (!isSound(record)) throw new Error('it lacks what decisions rest on');
  const scopes = context.scopes.expand(record.scopes);
  const access = context.access(record.access);
  const principal = signed({
    id: record.id,
    name: record.name,
    environment: record.environment,
    tenantId: record.tenantId,
    owner: record.owner && Object.freeze({ ...record.owner }),
    scopes: Object.freeze([...scopes]),
    plan: record.plan,
    realtime: access.realtime,
    metadata: record.metadata === undefined ? NO_METADATA : deepFreeze(structuredClone(record.metadata)),
    expiresAt: record.expiresAt,
  }, context.identity);
  const limits = createBuckets(record, effectiveLimits(record, context));
  return {
    record,
    principal,
    scopes,
    access,
    limits,
    environment: record.environment,
    tenantId: record.tenantId,
    term: termOf(record),
    unlimited: limits.none ? Object.freeze(accepted(principal)) : undefined,
    use: { at: -Infinity, tally: undefined },
    loadedAt: now,
    generation,
  };
}

function termOf({ notBefore, expiresAt, graceExpiresAt, revokedAt, disabledAt }: KeyRecord): Term | undefined {
  if (revokedAt !== undefined || disabledAt !== undefined) return { from: Infinity, until: -Infinity };
  if (notBefore === undefined && expiresAt === undefined && graceExpiresAt === undefined) return undefined;
  return { from: notBefore ?? -Infinity, until: Math.min(expiresAt ?? Infinity, graceExpiresAt ?? Infinity) };
}

/** The key's own limits, else its plan's, else the keyring's: the most specific list replaces the whole list. Throws for a plan that has gone. */
export function effectiveLimits(record: Pick<KeyRecord, 'id' | 'limits' | 'plan'>, { plans, defaultLimits }: Pick<EntryContext, 'plans' | 'defaultLimits'>): readonly LimitRule[] {
  // Checked anew: a rule that a store has garbled must not be skipped.
  if (record.limits !== undefined) return checkRules(record.limits, 'limits');
  if (record.plan === undefined) return defaultLimits;
  const rules = plans.get(record.plan);
  // A plan that has gone must not turn into "no limits".
  if (rules === undefined) throw new Error(`the plan '${record.plan}' of key ${record.id} is not declared`);
  return rules;
}
