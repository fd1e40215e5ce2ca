import type { AccessRules, EndpointRules, IpRules, OriginRules } from '../core/access/access.js';
import type { LimitRule } from '../core/limits/rules.js';
import { isPlainObject } from '../core/options.js';
import type { ApiKey } from '../core/record.js';
import type { ScopeBook } from '../core/scopes.js';

/** What a key may do, as far as it decides what it may hand on. */
export type Grant = Pick<ApiKey, 'environment' | 'scopes' | 'owner' | 'plan' | 'limits' | 'access' | 'metadata' | 'expiresAt' | 'graceExpiresAt'>;

/** The key that hands on, with the limits that really hold for it: `undefined` where nobody can tell. */
export interface Holder extends Grant {
  readonly effectiveLimits: readonly LimitRule[] | undefined;
}

type Within = (grant: Grant, holder: Holder, scopes: ScopeBook) => boolean;

/**
 * Where nothing is said, everything is allowed, so each question is asked of the whole grant. What cannot be compared counts
 * as more: a rule is kept as it is, or a list is shortened.
 */
const QUESTIONS: readonly (readonly [field: keyof Grant, within: Within])[] = [
  ['environment', (grant, holder) => grant.environment === holder.environment],
  // Handlers decide by owner and metadata: nobody may become somebody else, or lose what holds him back.
  ['owner', (grant, holder) => isSame(grant.owner, holder.owner)],
  ['metadata', (grant, holder) => isSame(grant.metadata ?? {}, holder.metadata ?? {})],
  ['scopes', (grant, holder, scopes) => [...scopes.expand(grant.scopes)].every((scope) => scopes.expand(holder.scopes).has(scope))],
  // Handlers may decide by the plan's name as well.
  ['plan', (grant, holder) => grant.plan === holder.plan || holder.effectiveLimits?.length === 0],
  ['limits', limitsWithin],
  ['access', (grant, holder) => accessWithin(grant.access ?? {}, holder.access ?? {})],
  ['expiresAt', (grant, holder) => endOf(grant) <= endOf(holder)],
];

/** The first field in which a grant is more than its holder has, or `undefined`. */
export const excessOf = (grant: Grant, holder: Holder, scopes: ScopeBook): keyof Grant | undefined => QUESTIONS.find(([, within]) => !within(grant, holder, scopes))?.[0];

/** Compared as JSON, whatever order their fields have and whichever realm they come from. */
const isSame = (a: unknown, b: unknown): boolean => sorted(a) === sorted(b);

const sorted = (value: unknown): string | undefined =>
  JSON.stringify(value, (_name, inner: unknown) => (isPlainObject(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner));

/** When a key ends by itself; `Infinity` for never. */
export const endOf = ({ expiresAt = Infinity, graceExpiresAt = Infinity }: Grant): number => Math.min(expiresAt, graceExpiresAt);

/** The same plan, or limits of its own of which each of the holder's is kept or lowered; a holder without limits may give any. */
function limitsWithin(grant: Grant, holder: Holder): boolean {
  const asHeld = grant.plan === holder.plan && isSame(grant.limits, holder.limits);
  const bounds = holder.effectiveLimits;
  if (asHeld || bounds === undefined) return asHeld;
  if (bounds.length === 0) return true;
  return grant.limits !== undefined && bounds.every((bound) => grant.limits?.some((limit) => isTighter(limit, bound)));
}

const isTighter = (limit: LimitRule, bound: LimitRule): boolean =>
  limit.kind === bound.kind && limit.per === bound.per && limit.limit <= bound.limit && (limit.kind !== 'window' || bound.kind !== 'window' || limit.windowMs === bound.windowMs);

function accessWithin(grant: AccessRules, holder: AccessRules): boolean {
  return (
    (holder.realtime !== false || grant.realtime === false) &&
    endpointsWithin(grant.endpoints ?? 'all', holder.endpoints ?? 'all') &&
    listsWithin(grant.ips ?? {}, holder.ips ?? {}) &&
    originsWithin(grant.origins ?? 'all', holder.origins ?? 'all')
  );
}

function endpointsWithin(grant: EndpointRules, holder: EndpointRules): boolean {
  if (holder === 'all' || grant === 'none') return true;
  if (holder === 'none' || grant === 'all') return false;
  return listsWithin(grant, holder);
}

/** What was allowed is allowed still or no longer; what was denied is denied still. */
function listsWithin(grant: IpRules | Exclude<EndpointRules, string>, holder: IpRules | Exclude<EndpointRules, string>): boolean {
  const fewer = holder.allow === undefined || (grant.allow?.every((rule) => holder.allow?.includes(rule)) ?? false);
  return fewer && (holder.deny ?? []).every((rule) => grant.deny?.includes(rule));
}

function originsWithin(grant: OriginRules, holder: OriginRules): boolean {
  if (holder === 'all' || grant === holder) return true;
  if (typeof grant === 'string') return false;
  return grant.every((rule) => typeof holder !== 'string' && holder.includes(rule));
}
