import type { LimitBucket, LimitState } from '../core/ports.js';
import type { LimitRule } from '../core/limits/rules.js';

/**
 * draft-ietf-httpapi-ratelimit-headers-11, the only place that knows its wire format: lists of quoted names with integer
 * parameters, structured fields (RFC 9651). Buckets shared with others show only when they said no, and concurrency too.
 */

/** Header fields for the limits of one response. */
export type LimitHeaders = (states: readonly LimitState[], refused: boolean) => readonly (readonly [name: string, value: string])[];

/** Made once per middleware; remembers the policy text of each key's bucket. */
export function createLimitHeaders(): LimitHeaders {
  const policies = new WeakMap<LimitBucket, string>();
  const ownPolicy = (bucket: LimitBucket): string => {
    let text = policies.get(bucket);
    if (text === undefined) policies.set(bucket, (text = bucket.rules.filter(isOwn).map(policyItem).join(', ')));
    return text;
  };
  return (states, refused) => {
    let policy = '';
    let limits = '';
    let lastOwn: LimitBucket | undefined;
    for (const state of states) {
      const { rule, bucket } = state;
      if (isOwn(rule) && bucket !== lastOwn) policy = joined(policy, ownPolicy((lastOwn = bucket)));
      else if (!isOwn(rule) && state.violated) policy = joined(policy, policyItem(rule));
      if (refused ? state.violated : isOwn(rule) && rule.kind === 'window') limits = joined(limits, limitItem(state));
    }
    if (policy === '') return [];
    return limits === '' ? [['RateLimit-Policy', policy]] : [['RateLimit-Policy', policy], ['RateLimit', limits]];
  };
}

/** The older, unspecified trio, for the tightest window of the key's own; `X-RateLimit-Reset` in epoch seconds. */
export function legacyHeaders(states: readonly LimitState[], nowMs: number): readonly (readonly [name: string, value: string])[] {
  let tightest: LimitState | undefined;
  for (const state of states) {
    if (state.rule.kind !== 'window' || !(isOwn(state.rule) || state.violated)) continue;
    if (tightest === undefined || state.remaining < tightest.remaining) tightest = state;
  }
  if (tightest === undefined) return [];
  return [
    ['X-RateLimit-Limit', String(tightest.rule.limit)],
    ['X-RateLimit-Remaining', String(tightest.remaining)],
    ['X-RateLimit-Reset', String(Math.ceil((nowMs + tightest.resetMs) / 1_000))],
  ];
}

const isOwn = (rule: LimitRule): boolean => rule.per === 'key';

const joined = (list: string, item: string): string => (list === '' ? item : `${list}, ${item}`);

// Rule names hold only letters, digits, `_`, `.` and `-`: nothing in them needs escaping in a quoted string.
function policyItem(rule: LimitRule): string {
  const quota = `"${rule.name}";q=${String(rule.limit)}`;
  return rule.kind === 'window' ? `${quota};w=${String(Math.ceil(rule.windowMs / 1_000))}` : `${quota};qu="concurrent-requests"`;
}

function limitItem({ rule, remaining, resetMs }: LimitState): string {
  const left = `"${rule.name}";r=${String(remaining)}`;
  return resetMs > 0 ? `${left};t=${String(Math.ceil(resetMs / 1_000))}` : left;
}
