import { chain } from '../awaitable.js';
import type { Awaitable, LimitBucket } from '../ports.js';
import type { RequestFacts } from '../request.js';
import { limited, type Refused } from '../verification.js';
import { ipBucket } from './buckets.js';
import type { LimitRule } from './rules.js';
import type { Spender } from './spender.js';

/** Makes guessing slow: failed attempts are counted by address. */
export interface FailureGate {
  /** Counts a failed attempt; past the limit the answer is `too_many_failures` instead of `refusal`. */
  count(facts: RequestFacts, refusal: Refused): Awaitable<Refused>;
  /** Whether this address may still cause slow comparisons. Asking spends nothing. */
  mayTry(facts: RequestFacts): Awaitable<boolean>;
  /** What an address over its limit is told. */
  tooMany(facts: RequestFacts): Awaitable<Refused>;
}

export function createFailureGate(rules: readonly LimitRule[], spender: Spender): FailureGate {
  const bucketsOf = (facts: RequestFacts): readonly LimitBucket[] => [ipBucket('failures', 'failures', rules, facts.clientIp())];
  const off = (facts: RequestFacts): boolean => rules.length === 0 || !facts.remote;
  return {
    count(facts, refusal) {
      if (off(facts)) return refusal;
      return chain(spender.spend(bucketsOf(facts), 1), (spent) => {
        if (spent.outcome === 'limited') return limited(spent.states, spent.retryAfterMs, 'too_many_failures');
        if (spent.outcome === 'admitted') spent.release();
        return refusal;
      });
    },
    mayTry: (facts) => off(facts) || chain(spender.peek(bucketsOf(facts), 1), (answer) => answer.outcome === 'admitted'),
    tooMany: (facts) =>
      chain(spender.peek(bucketsOf(facts), 1), (answer) =>
        answer.outcome === 'limited' ? limited(answer.states, answer.retryAfterMs, 'too_many_failures') : limited([], 1_000, 'too_many_failures'),
      ),
  };
}
