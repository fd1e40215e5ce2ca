import { chain } from '../awaitable.js';
import { existing } from './changes.js';
import { CHECKS, type CheckName } from '../checks.js';
import { compileEntry, type EntryContext } from '../compile-entry.js';
import type { RefusalCode } from '../errors.js';
import type { GuardedStore } from '../guarded-store.js';
import type { Spender } from '../limits/spender.js';
import type { Clock, LimitState } from '../ports.js';
import type { RequestFacts } from '../request.js';
import { limited } from '../verification.js';

/** One check and its verdict. */
export interface ExplainedCheck {
  readonly check: CheckName | 'limits';
  readonly ok: boolean;
  /** The code with which this check alone would refuse. */
  readonly code?: RefusalCode;
}

/** What would happen to a request with a key, without spending anything. */
export interface Explanation {
  readonly ok: boolean;
  /** The first refusal, which is the one a client would get. */
  readonly code?: RefusalCode;
  /** Every check, in the order they are asked, each judged for itself. */
  readonly checks: readonly ExplainedCheck[];
  /** Where each limit stands. */
  readonly limits: readonly LimitState[];
}

export type Explain = (id: string, facts: RequestFacts) => Promise<Explanation>;

export function createExplain(store: GuardedStore, spender: Spender, context: EntryContext, clock: Clock): Explain {
  return async (id, facts) => {
    const record = await existing(store, id);
    const now = clock.now();
    const entry = compileEntry(record, context, now, 0);
    const judged = CHECKS.map((check) => explained(check.name, check.judge(entry, facts, now)));
    const answer = entry.limits.none ? undefined : await chain(spender.peek(entry.limits.for(facts), facts.cost), (value) => value);
    const full = answer?.outcome === 'full' ? 'limiter_unavailable' : undefined;
    const limits = answer === undefined || answer.outcome === 'full' ? [] : answer.states;
    const code = answer?.outcome === 'limited' ? limited(answer.states, answer.retryAfterMs).code : full;
    const checks = [...judged, explained('limits', code)];
    const first = checks.find((check) => !check.ok);
    return { ok: first === undefined, ...(first?.code !== undefined && { code: first.code }), checks, limits };
  };
}

function explained(check: ExplainedCheck['check'], code: RefusalCode | undefined): ExplainedCheck {
  return code === undefined ? { check, ok: true } : { check, ok: false, code };
}
