import { chain, isPromise } from './awaitable.js';
import { firstRefusal } from './checks.js';
import type { KeyEntry } from './entry.js';
import { limiterUnavailable } from './errors.js';
import type { Events } from './events.js';
import type { FailureGate } from './limits/failures.js';
import type { Spender, Spending } from './limits/spender.js';
import type { Lookup, LookupFailure } from './lookup.js';
import type { Awaitable, Clock } from './ports.js';
import type { RequestFacts } from './request.js';
import { accepted, limited, refused, type Refused, type Verification } from './verification.js';

/** Decides about one presented key. Answers at once when the key is cached and the limiter is in memory. */
export type Verify = (key: unknown, facts: RequestFacts) => Awaitable<Verification>;

export interface VerifierSettings {
  readonly lookup: Lookup;
  readonly spender: Spender;
  readonly failures: FailureGate;
  readonly events: Events;
  readonly clock: Clock;
}

const MAX_KEY_LENGTH = 512;

/** The order of the checks is the contract: nothing about a key is told before its secret is proven, limits come last. */
export function createVerifier({ lookup, spender, failures, events, clock }: VerifierSettings): Verify {
  const failed = (failure: LookupFailure, facts: RequestFacts): Awaitable<Refused> => {
    if (failure === 'busy') return failures.tooMany(facts);
    return failures.count(facts, refused(failure === 'malformed' ? 'malformed_key' : 'invalid_key'));
  };

  const judge = (entry: KeyEntry, facts: RequestFacts): Refused | undefined => {
    const code = firstRefusal(entry, facts, clock.now());
    if (code === undefined) return undefined;
    const keyId = entry.record.id;
    if (code !== 'insufficient_scope') return refused(code, { keyId });
    return refused(code, { keyId, missingScopes: facts.scopes.filter((scope) => !entry.scopes.has(scope)) });
  };

  /** After a wait the key may have been changed: what was spent stays spent, what the key may do is asked again. */
  const settle = (key: string, entry: KeyEntry, facts: RequestFacts, spent: Spending): Awaitable<Verification> => {
    if (spent.outcome === 'full') throw limiterUnavailable('the limiter has no room for another key');
    if (spent.outcome === 'limited') return limited(spent.states, spent.retryAfterMs, undefined, entry.record.id);
    if (!entry.stale) return accepted(entry.principal, spent.states, spent.release);
    const again = (found: KeyEntry | LookupFailure): Awaitable<Verification> => {
      const refusal = typeof found === 'string' ? failed(found, facts) : judge(found, facts);
      if (refusal === undefined) return accepted((found as KeyEntry).principal, spent.states, spent.release);
      spent.release();
      return refusal;
    };
    const giveUp = (error: unknown): never => {
      spent.release();
      throw error;
    };
    try {
      const found = lookup.find(key, () => failures.mayTry(facts), clock.now());
      return isPromise(found) ? (found as PromiseLike<KeyEntry | LookupFailure>).then(again, giveUp) : again(found as KeyEntry | LookupFailure);
    } catch (error) {
      return giveUp(error);
    }
  };

  const admit = (key: string, entry: KeyEntry, facts: RequestFacts): Awaitable<Verification> => {
    const refusal = judge(entry, facts);
    if (refusal !== undefined) return refusal;
    if (entry.limits.none || facts.counted) return accepted(entry.principal);
    const spent = spender.spend(entry.limits.for(() => facts.clientIp()), facts.cost);
    return isPromise(spent)
      ? (spent as PromiseLike<Spending>).then((value) => settle(key, entry, facts, value))
      : settle(key, entry, facts, spent as Spending);
  };

  const told = (verification: Verification): Verification => {
    if (!verification.ok && events.wanted('refused')) events.emit('refused', { at: clock.now(), code: verification.code, keyId: verification.keyId });
    return verification;
  };
  const decide = (key: unknown, facts: RequestFacts): Awaitable<Verification> => {
    if (typeof key !== 'string' || key.length > MAX_KEY_LENGTH) return failed('malformed', facts);
    return chain(
      lookup.find(key, () => failures.mayTry(facts), clock.now()),
      (found) => (typeof found === 'string' ? failed(found, facts) : admit(key, found, facts)),
    );
  };
  return (key, facts) => chain(decide(key, facts), told);
}
