import type { LimitState } from '../core/ports.js';
import type { LimitRule } from '../core/limits/rules.js';

/**
 * draft-ietf-httpapi-ratelimit-headers-11, the only place that knows its wire format: lists of quoted names with integer
 * parameters, structured fields (RFC 9651). Buckets shared with others show only when they said no, and concurrency too.
 */

type Fields = readonly (readonly [name: string, value: string])[];

const NONE: Fields = Object.freeze([]);

/** Header fields for the limits of one response. Writing the policy anew costs less than remembering it for every key. */
export function limitHeaders(states: readonly LimitState[], refused: boolean): Fields {
  let policy = '';
  let limits = '';
  for (const state of states) {
    const { rule, violated } = state;
    const own = isOwn(rule);
    if (own || violated) policy = joined(policy, policyItem(rule));
    if (refused ? violated : own && rule.kind === 'window') limits = joined(limits, limitItem(state));
  }
  if (policy === '') return NONE;
  return limits === '' ? [['RateLimit-Policy', policy]] : [['RateLimit-Policy', policy], ['RateLimit', limits]];
}

/** The older, unspecified trio, for the tightest window of the key's own; `X-RateLimit-Reset` in epoch seconds. */
export function legacyHeaders(states: readonly LimitState[], nowMs: number): Fields {
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
