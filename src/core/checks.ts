import type { KeyEntry } from './entry.js';
import type { RefusalCode } from './errors.js';
import { statusOf } from './record.js';
import type { RequestFacts } from './request.js';

const STATUS_CODES = {
  revoked: 'revoked_key',
  disabled: 'disabled_key',
  expired: 'expired_key',
  scheduled: 'scheduled_key',
  active: undefined,
} as const;

type Judge = (entry: KeyEntry, facts: RequestFacts, now: number) => RefusalCode | undefined;

const status: Judge = ({ term, record }, _facts, now) => {
  if (term === undefined ? !Number.isNaN(now) : now >= term.from && now < term.until) return undefined;
  // An invalid date satisfies neither comparison and has no honest status: it denies.
  return STATUS_CODES[statusOf(record, now)] ?? 'expired_key';
};

const tenant: Judge = (entry, facts) =>
  facts.tenant === null || (facts.tenant !== undefined && facts.tenant === entry.tenantId) ? undefined : 'wrong_tenant';

const environment: Judge = (entry, facts) => (facts.environment === entry.environment ? undefined : 'wrong_environment');

const ip: Judge = ({ access: { ips } }, facts) => (ips === undefined || ips(facts.clientIp()) ? undefined : 'ip_not_allowed');

const origin: Judge = ({ access: { origins } }, facts) => (origins === undefined || origins(facts.sender()) ? undefined : 'origin_not_allowed');

const endpoint: Judge = ({ access: { endpoints } }, facts) =>
  endpoints === undefined || facts.upgrade || endpoints(facts.method(), facts.target()) ? undefined : 'endpoint_not_allowed';

const realtime: Judge = (entry, facts) => (!facts.realtime || entry.access.realtime ? undefined : 'realtime_not_allowed');

const scopes: Judge = (entry, facts) => {
  // By index: V8 walks a frozen array several times slower with for-of.
  for (let index = 0; index < facts.scopes.length; index++) if (!entry.scopes.has(facts.scopes[index] as string)) return 'insufficient_scope';
  return undefined;
};

export type CheckName = 'status' | 'tenant' | 'environment' | 'ip' | 'origin' | 'endpoint' | 'realtime' | 'scopes';

/** One question between the proof of the secret and the limits: `undefined` is a yes. */
export interface Check {
  readonly name: CheckName;
  readonly judge: Judge;
}

/** In the order in which they are asked, for `explain`, which asks them all. */
export const CHECKS: readonly Check[] = [
  { name: 'status', judge: status },
  { name: 'tenant', judge: tenant },
  { name: 'environment', judge: environment },
  { name: 'ip', judge: ip },
  { name: 'origin', judge: origin },
  { name: 'endpoint', judge: endpoint },
  { name: 'realtime', judge: realtime },
  { name: 'scopes', judge: scopes },
];

/** The first no, or `undefined`. The same questions written out: V8 inlines these calls, a loop over functions it cannot. */
export function firstRefusal(entry: KeyEntry, facts: RequestFacts, now: number): RefusalCode | undefined {
  return (
    status(entry, facts, now) ??
    tenant(entry, facts, now) ??
    environment(entry, facts, now) ??
    ip(entry, facts, now) ??
    origin(entry, facts, now) ??
    endpoint(entry, facts, now) ??
    realtime(entry, facts, now) ??
    scopes(entry, facts, now)
  );
}
