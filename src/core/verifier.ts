import { chain, isPromise } from './awaitable.js';
import { firstRefusal } from './checks.js';
import type { KeyEntry } from './entry.js';
import { limiterUnavailable, type RefusalCode } from './errors.js';
import { refusalTeller, type Events } from './events.js';
import { MAX_KEY_LENGTH } from './format/key-format.js';
import type { FailureGate } from './limits/failures.js';
import type { Spender, Spending } from './limits/spender.js';
import type { Lookup } from './lookup.js';
import type { LookupFailure } from './proof.js';
import type { Awaitable, Clock } from './ports.js';
import type { RequestFacts } from './request.js';
import { accepted, INVALID_KEY, limited, MALFORMED_KEY, refused, type Refused, type Verification } from './verification.js';
import type { Witness } from './witness.js';

/** Decides about one presented key. Answers at once when the key is cached and the limiter is in memory. */
export type Verify = (key: unknown, facts: RequestFacts) => Awaitable<Verification>;

export interface VerifierSettings {
  readonly lookup: Lookup;
  readonly spender: Spender;
  readonly failures: FailureGate;
  readonly events: Events;
  readonly witness: Witness;
  /** Hears of refusals of whoever has proven no key. */
  readonly unproven: (code: RefusalCode) => void;
  readonly clock: Clock;
}

/** The order of the checks is the contract: nothing about a key is told before its secret is proven, limits come last. */
export function createVerifier({ lookup, spender, failures, witness, unproven, events, clock }: VerifierSettings): Verify {
  const failed = (failure: LookupFailure, facts: RequestFacts): Awaitable<Refused> => {
    if (failure === 'busy') return failures.tooMany(facts);
    return failures.count(facts, failure === 'malformed' ? MALFORMED_KEY : INVALID_KEY);
  };

  const judge = (entry: KeyEntry, facts: RequestFacts, now: number): Refused | undefined => {
    const code = firstRefusal(entry, facts, now);
    if (code === undefined) return undefined;
    const keyId = entry.record.id;
    if (code !== 'insufficient_scope') return refused(code, { keyId });
    return refused(code, { keyId, missingScopes: facts.scopes.filter((scope) => !entry.scopes.has(scope)) });
  };

  /** Whether something has been changed since this entry, just loaded, was read. */
  const isPassed = (entry: KeyEntry): boolean => entry.generation !== lookup.generation();

  /** After a wait the key may have been changed: what was spent stays spent, what the key may do is asked again. */
  const settle = (key: string, entry: KeyEntry, facts: RequestFacts, spent: Spending, generation: number): Awaitable<Verification> => {
    if (spent.outcome === 'full') throw limiterUnavailable('the limiter has no room for another key');
    if (spent.outcome === 'limited') return limited(spent.states, spent.retryAfterMs, undefined, entry.record.id);
    if (generation === lookup.generation()) return accepted(entry.principal, spent.states, spent.release);
    const again = (found: KeyEntry | LookupFailure): Awaitable<Verification> => {
      const refusal = typeof found === 'string' ? failed(found, facts) : judge(found, facts, clock.now());
      if (refusal === undefined) return accepted((found as KeyEntry).principal, spent.states, spent.release);
      spent.release();
      return refusal;
    };
    const giveUp = (error: unknown): never => {
      spent.release();
      throw error;
    };
    const loaded = (found: KeyEntry | LookupFailure): Awaitable<Verification> =>
      typeof found !== 'string' && isPassed(found) ? settle(key, found, facts, spent, found.generation) : again(found);
    try {
      const now = clock.now();
      const found = lookup.known(key, now) ?? lookup.load(key, () => failures.mayTry(facts), now);
      return isPromise(found) ? found.then(loaded).then(undefined, giveUp) : again(found);
    } catch (error) {
      return giveUp(error);
    }
  };

  const consider = (key: string, entry: KeyEntry, facts: RequestFacts, now: number): Awaitable<Verification> => {
    const refusal = judge(entry, facts, now);
    if (refusal !== undefined) return refusal;
    if (entry.unlimited !== undefined) return entry.unlimited;
    if (facts.counted(entry.record.id)) return accepted(entry.principal);
    const generation = lookup.generation();
    const spent = spender.spend(entry.limits.for(facts), facts.cost);
    return isPromise(spent)
      ? spent.then((value) => settle(key, entry, facts, value, generation))
      : settle(key, entry, facts, spent, generation);
  };

  const admit: typeof consider = (key, entry, facts, now) => {
    const decision = consider(key, entry, facts, now);
    if (!isPromise(decision)) {
      witness.decided(entry, facts, now, decision);
      return decision;
    }
    return decision.then((verification) => {
      witness.decided(entry, facts, clock.now(), verification);
      return verification;
    });
  };

  const told = refusalTeller(events, clock, unproven);
  const decide = (key: unknown, facts: RequestFacts): Awaitable<Verification> => {
    if (typeof key !== 'string' || key.length > MAX_KEY_LENGTH) return failed('malformed', facts);
    const now = clock.now();
    const known = lookup.known(key, now);
    if (known === 'malformed') return failed(known, facts);
    if (known !== undefined) return admit(key, known, facts, now);
    return chain(lookup.load(key, () => failures.mayTry(facts), now), (found) => {
      if (typeof found === 'string') return failed(found, facts);
      // A change may have ended between the last step of the look-up and this one.
      return isPassed(found) ? decide(key, facts) : admit(key, found, facts, clock.now());
    });
  };
  return (key, facts) => {
    const verification = decide(key, facts);
    // Spelled out, not chained: this is every request's path, and an accepted one has nothing to tell.
    if ((verification as Verification).ok) return verification;
    return chain(verification, told);
  };
}
