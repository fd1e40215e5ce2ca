import { chain, disown, isPromise } from '../core/awaitable.js';
import type { Principal } from '../core/principal.js';
import { isKeystileError, limiterUnavailable, storeUnavailable } from '../core/errors.js';
import { guarded } from '../core/guarded-store.js';
import type { Engine } from '../core/keyring.js';
import { ipBucket } from '../core/limits/buckets.js';
import type { Awaitable, LimitState } from '../core/ports.js';
import type { RequestFacts } from '../core/request.js';
import { limited, nothingToRelease, refused, type Refused, type Verification } from '../core/verification.js';
import { readCredential, type CredentialSource, type Presented } from './credentials.js';
import { clientIpOf, createFacts, type Answers } from './facts.js';
import { judgeAgain } from './judge-again.js';
import type { ResolvedOptions } from './options.js';
import { isCut } from './raw-request.js';
import { markTaken, principalFor, wasAnonymous } from './request-state.js';
import type { Host, HostRequest } from './types.js';

/** A request that may go on: with a key, or, without a principal, anonymously. */
export interface Passed {
  readonly ok: true;
  readonly principal: Principal | undefined;
  readonly limits: readonly LimitState[];
  readonly release: () => void;
}

/** What was decided, and where the key was found. */
export interface Decision {
  readonly verification: Passed | Refused;
  readonly source: CredentialSource | undefined;
}

/** Decides about one request. May throw or reject: {@link faulted} says what that means. */
export type Decide = (req: HostRequest) => Awaitable<Decision>;

const withoutSource = (verification: Passed | Refused): Decision => Object.freeze({ verification, source: undefined });

const ANONYMOUS = withoutSource({ ok: true, principal: undefined, limits: [], release: nothingToRelease });
const MISSING_KEY = withoutSource(refused('missing_key'));
const AMBIGUOUS = withoutSource(refused('ambiguous_credentials'));
const MALFORMED = withoutSource(refused('malformed_request'));
const INSECURE = withoutSource(refused('insecure_transport'));

export function createDecide(engine: Engine, options: ResolvedOptions, host: Host, isOther: (caller: Principal) => boolean): Decide {
  const { sources, required, tenant, cost, anonymousLimits } = options;
  const { looksLikeKey } = engine.formats;
  const factsOf = createFacts(engine, options, host);

  /** A refusal without a look at any key. */
  const without = (decision: Decision): Decision => {
    if (!decision.verification.ok) engine.unproven(decision.verification.code);
    return decision;
  };
  const callback = <T>(name: string, call: () => Awaitable<unknown>, fits: (value: unknown) => value is T): Awaitable<T> =>
    guarded(
      call,
      (value) => {
        if (fits(value)) return value;
        throw name === 'cost' ? limiterUnavailable('cost answered with something that is no cost') : storeUnavailable(`${name} answered with nonsense`);
      },
      name,
      engine.deadlineMs,
    );
  const costOf = (req: HostRequest): Awaitable<number> => (cost === undefined ? 1 : callback('cost', () => cost(req), isCost));

  const judge = (caller: string | Principal, facts: RequestFacts): Awaitable<Verification> =>
    typeof caller === 'string' ? engine.verify(caller, facts) : judgeAgain(engine, caller, facts);

  const verify = (req: HostRequest, caller: string | Principal, source: CredentialSource | undefined): Awaitable<Decision> => {
    const withAnswers = (answers: Answers): Awaitable<Decision> =>
      chain<Verification, Decision>(judge(caller, factsOf(req, answers)), (verification) => ({ verification, source }));
    if (tenant === undefined && cost === undefined) return withAnswers({ tenant: null, cost: 1 });
    const asked = tenant === undefined ? null : callback('tenant', () => tenant(req), isTenant);
    return chain<string | null | undefined, Decision>(asked, (wanted) => chain(costOf(req), (units) => withAnswers({ tenant: wanted, cost: units })));
  };

  const anonymous = (req: HostRequest): Awaitable<Decision> => {
    if (anonymousLimits.length === 0 || wasAnonymous(req, engine)) return ANONYMOUS;
    const buckets = [ipBucket('anonymous', 'anonymous', anonymousLimits, clientIpOf(req, options, host))];
    return chain(costOf(req), (units) =>
      chain(engine.spender.spend(buckets, units), (spent): Decision => {
        if (spent.outcome === 'full') throw limiterUnavailable('the limiter has no room for another address');
        if (spent.outcome === 'limited') return without(withoutSource(limited(spent.states, spent.retryAfterMs)));
        return withoutSource({ ok: true, principal: undefined, limits: spent.states, release: spent.release });
      }),
    );
  };

  const withoutKey = (req: HostRequest): Awaitable<Decision> => {
    const needed = typeof required === 'boolean' ? required : callback('required', () => required(req), isBoolean);
    return chain<boolean, Decision>(needed, (must) => (must ? without(MISSING_KEY) : anonymous(req)));
  };

  /** Somebody else's token beside the key stays where it is. Only functions read late, and those strip nothing. */
  const carries = (source: CredentialSource, req: HostRequest): boolean => {
    if (source.kind === 'function') return false;
    const keys = source.read(req, looksLikeKey);
    if (!isPromise(keys)) return keys.length > 0;
    disown(keys);
    return true;
  };

  const takeOut = (req: HostRequest, foundIn: CredentialSource): void => {
    for (const source of sources) if (carries(source, req)) source.strip(req);
    markTaken(req, foundIn);
  };

  const decide = (req: HostRequest, presented: Presented): Awaitable<Decision> => {
    const before = principalFor(req, engine);
    const other = before !== undefined && isOther(before) ? before : undefined;
    if (presented === 'none') return other === undefined ? withoutKey(req) : verify(req, other, undefined);
    // A key and a token on one request: nothing says whose rights count.
    if (presented === 'ambiguous' || other !== undefined) return without(AMBIGUOUS);
    if (options.stripCredential) takeOut(req, presented.source);
    return verify(req, presented.key, presented.source);
  };

  return (req) => {
    if (options.requireHttps && !host.secure(req)) return without(INSECURE);
    if (isCut(req)) return without(MALFORMED);
    const presented = readCredential(req, sources, looksLikeKey);
    if (!isPromise(presented)) return decide(req, presented);
    return chain(guarded(() => presented, (value) => value as Presented, 'credentials', engine.deadlineMs), (value) => decide(req, value));
  };
}

const isCost = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
const isTenant = (value: unknown): value is string | null | undefined => value === null || value === undefined || typeof value === 'string';
const isBoolean = (value: unknown): value is boolean => typeof value === 'boolean';

/** A fault is a 503, with its code; its cause goes to the `fault` event and nowhere else. */
export function faulted(engine: Engine, error: unknown): Decision {
  engine.report(error);
  const code = isKeystileError(error) && error.code === 'limiter_unavailable' ? 'limiter_unavailable' : 'store_unavailable';
  engine.unproven(code);
  return withoutSource(refused(code));
}
