import type { Check, KeyEntry } from './entry.js';
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

/** In the order in which they are asked; `verify` stops at the first no, `explain` asks them all. */
export const CHECKS: readonly Check[] = [
  {
    name: 'status',
    judge(entry, _facts, now) {
      if (now >= entry.activeFrom && now < entry.activeUntil) return undefined;
      // An invalid date satisfies neither comparison and has no honest status: it denies.
      return STATUS_CODES[statusOf(entry.record, now)] ?? 'expired_key';
    },
  },
  {
    name: 'tenant',
    judge: (entry, facts) => (facts.tenant === null || (facts.tenant !== undefined && facts.tenant === entry.record.tenantId) ? undefined : 'wrong_tenant'),
  },
  {
    name: 'environment',
    judge: (entry, facts) => (facts.environment === entry.record.environment ? undefined : 'wrong_environment'),
  },
  {
    name: 'ip',
    concerns: ({ ips }) => ips !== undefined,
    judge: ({ access: { ips } }, facts) => (ips === undefined || ips(facts.clientIp()) ? undefined : 'ip_not_allowed'),
  },
  {
    name: 'origin',
    concerns: ({ origins }) => origins !== undefined,
    judge: ({ access: { origins } }, facts) => (origins === undefined || origins(facts.sender()) ? undefined : 'origin_not_allowed'),
  },
  {
    name: 'endpoint',
    concerns: ({ endpoints }) => endpoints !== undefined,
    judge: ({ access: { endpoints } }, facts) =>
      endpoints === undefined || facts.upgrade || endpoints(facts.method(), facts.target()) ? undefined : 'endpoint_not_allowed',
  },
  {
    name: 'realtime',
    judge: (entry, facts) => (!facts.realtime || entry.access.realtime ? undefined : 'realtime_not_allowed'),
  },
  {
    name: 'scopes',
    judge(entry, facts) {
      for (const scope of facts.scopes) if (!entry.scopes.has(scope)) return 'insufficient_scope';
      return undefined;
    },
  },
];

/** The first no, or `undefined`. */
export function firstRefusal(entry: KeyEntry, facts: RequestFacts, now: number): RefusalCode | undefined {
  for (const check of entry.checks) {
    const code = check.judge(entry, facts, now);
    if (code !== undefined) return code;
  }
  return undefined;
}
