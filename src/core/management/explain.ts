import { chain } from '../awaitable.js';
import { existing } from './changes.js';
import { CHECKS, type CheckName } from '../checks.js';
import { readAddress } from '../access/address.js';
import { compileEntry } from '../compile-entry.js';
import { ConfigurationError, type RefusalCode } from '../errors.js';
import type { GuardedStore } from '../guarded-store.js';
import type { Spender } from '../limits/spender.js';
import type { Clock, LimitState } from '../ports.js';
import type { RequestFacts } from '../request.js';
import { unknownName } from '../options.js';
import { limited } from '../verification.js';
import type { DraftContext } from './draft.js';

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

export function createExplain(store: GuardedStore, spender: Spender, context: DraftContext, clock: Clock): Explain {
  return async (id, facts) => {
    checkQuestion(facts, context);
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

/** A misspelt scope would be explained as one that the key lacks: somebody would then give it more. */
function checkQuestion(facts: RequestFacts, { scopes, environments }: DraftContext): void {
  scopes.check(facts.scopes, 'request.scopes');
  if (!environments.includes(facts.environment)) throw unknownName('unknown_environment', 'request.environment', facts.environment, environments, 'environment');
  const address = facts.clientIp();
  if (address !== undefined && readAddress(address) === undefined) throw new ConfigurationError('invalid_option', 'request.ip', 'must be an IPv4 or IPv6 address');
}

function explained(check: ExplainedCheck['check'], code: RefusalCode | undefined): ExplainedCheck {
  return code === undefined ? { check, ok: true } : { check, ok: false, code };
}
