import { limitAddress } from '../access/ips.js';
import type { LimitBucket } from '../ports.js';
import type { KeyRecord } from '../record.js';
import type { LimitRule, LimitSubject } from './rules.js';

/** The buckets that a key's requests count in. */
export interface BucketPlan {
  /** What one request counts in; its address is only asked for where a rule counts by address. */
  for(facts: { clientIp(): string | undefined }): readonly LimitBucket[];
  /** No rule at all: the limiter need not be asked. */
  readonly none: boolean;
}

/** Sorts a key's rules into buckets by subject. Keys without a tenant (or owner) count together as one. */
export function createBuckets(record: KeyRecord, rules: readonly LimitRule[]): BucketPlan {
  const tenant = encodeURIComponent(record.tenantId ?? '');
  const group = `t:${tenant}`;
  const owner = record.owner === undefined ? '' : `${record.owner.type}:${encodeURIComponent(record.owner.id)}`;
  const of = (subject: LimitSubject): readonly LimitRule[] => rules.filter((rule) => rule.per === subject);
  const ids: readonly (readonly [LimitSubject, string])[] = [
    ['key', `key:${record.id}`],
    ['tenant', `tenant:${tenant}`],
    ['owner', `owner:${tenant}:${owner}`],
  ];
  const fixed = Object.freeze(
    ids.filter(([subject]) => of(subject).length > 0).map(([subject, id]): LimitBucket => Object.freeze({ id, group, rules: of(subject), whenFull: 'refuse' })),
  );
  const ipRules = of('ip');
  const plan = ipRules.length === 0 ? () => fixed : (facts: { clientIp(): string | undefined }) => [...fixed, ipBucket(`ip:${tenant}`, group, ipRules, facts.clientIp())];
  return { for: plan, none: rules.length === 0 };
}

/** The bucket of one address: an IPv4 address or an IPv6 /56. Addresses that cannot be read share one. */
export function ipBucket(name: string, group: string, rules: readonly LimitRule[], clientIp: string | undefined): LimitBucket {
  return { id: `${name}:${limitAddress(clientIp) ?? 'unknown'}`, group, rules, whenFull: 'share' };
}
