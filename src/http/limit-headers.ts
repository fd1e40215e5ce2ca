import type { LimitState } from '../core/ports.js';
import type { LimitRule } from '../core/limits/rules.js';

/**
 * draft-ietf-httpapi-ratelimit-headers-11, the only place that knows its wire format: lists of quoted names with integer
 * parameters, structured fields (RFC 9651). Buckets shared with others show only when they said no, and concurrency too.
 */

export type Fields = readonly (readonly [name: string, value: string])[];

const NONE: Fields = Object.freeze([]);
const MOST_POLICIES = 1_000;

/** Makes the header fields for the limits of one response. */
export type LimitHeaders = (states: readonly LimitState[], refused: boolean) => Fields;

/** Keys of one plan share its rules, so their policy is written once: it is longer than the rest, and takes 1 µs. */
export function createLimitHeaders(): LimitHeaders {
  const policies = new Map<LimitRule, { readonly rules: readonly LimitRule[]; readonly text: string }>();
  const shown: LimitRule[] = [];
  const policy = (first: LimitRule): string => {
    const known = policies.get(first);
    if (known !== undefined && isSame(known.rules, shown)) return known.text;
    const text = shown.map(policyItem).join(', ');
    if (policies.size >= MOST_POLICIES) policies.clear();
    policies.set(first, { rules: [...shown], text });
    return text;
  };
  return (states, refused) => {
    let limits = '';
    shown.length = 0;
    for (let index = 0; index < states.length; index++) {
      const state = states[index] as LimitState;
      const { rule, violated } = state;
      const own = isOwn(rule);
      if (own || violated) shown.push(rule);
      if (refused ? violated : own && rule.kind === 'window') limits += limits === '' ? limitItem(state) : `, ${limitItem(state)}`;
    }
    const [first] = shown;
    if (first === undefined) return NONE;
    return limits === '' ? [['RateLimit-Policy', policy(first)]] : [['RateLimit-Policy', policy(first)], ['RateLimit', limits]];
  };
}

function isSame(some: readonly LimitRule[], others: readonly LimitRule[]): boolean {
  if (some.length !== others.length) return false;
  for (let index = 0; index < some.length; index++) if (some[index] !== others[index]) return false;
  return true;
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

// Rule names hold only letters, digits, `_`, `.` and `-`: nothing in them needs escaping in a quoted string.
function policyItem(rule: LimitRule): string {
  const quota = `"${rule.name}";q=${String(rule.limit)}`;
  return rule.kind === 'window' ? `${quota};w=${String(Math.ceil(rule.windowMs / 1_000))}` : `${quota};qu="concurrent-requests"`;
}

function limitItem({ rule, remaining, resetMs }: LimitState): string {
  const left = `"${rule.name}";r=${String(remaining)}`;
  return resetMs > 0 ? `${left};t=${String(Math.ceil(resetMs / 1_000))}` : left;
}
