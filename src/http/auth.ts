import type { IncomingMessage, ServerResponse } from 'node:http';
import { chain, isPromise } from '../core/awaitable.js';
import { ConfigurationError, isKeystileError, KeystileError, limiterUnavailable, storeUnavailable } from '../core/errors.js';
import { guarded } from '../core/guarded-store.js';
import { engineOf, type Engine, type Keyring } from '../core/keyring.js';
import { ipBucket } from '../core/limits/buckets.js';
import type { Awaitable } from '../core/ports.js';
import { accepted, limited, nothingToRelease, refused, type Accepted, type Refused, type Verification } from '../core/verification.js';
import { readCredential, type CredentialSource, type Presented } from './credentials.js';
import { clientIpOf, httpFacts, type Answers } from './facts.js';
import { createGuards, type Guards } from './guards.js';
import { resolveOptions, type ApiKeyAuthOptions, type ResolvedOptions } from './options.js';
import { createResponder, type Responder } from './responder.js';
import { markCounted, wasCounted } from './request-state.js';
import type { Host, HostRequest, Middleware, Next } from './types.js';

/** The middleware, and the route guards that belong to it. */
export type ApiKeyAuth<Scope extends string = string> = Middleware & Guards<Scope>;

/** What was decided, and where the key was found. Without a principal the request is anonymous. */
interface Decision {
  readonly verification: Refused | Accepted | (Omit<Accepted, 'principal'> & { readonly principal: undefined });
  readonly source: CredentialSource | undefined;
}

/**
 * The one pipeline behind every host. It decides synchronously when everything it asks answers at once, calls `next` or
 * responds exactly once, and returns nothing: a returned promise would hang Connect and Express 4 when it rejects.
 */
export function createAuth<Scope extends string>(keyring: Keyring<Scope, string>, options: ApiKeyAuthOptions<Scope>, host: Host): ApiKeyAuth<Scope> {
  const engine = engineOf(keyring);
  if (engine === undefined) throw new ConfigurationError('invalid_option', 'keyring', 'must be made by createKeyring()');
  const resolved = resolveOptions(options, engine);
  const responder = createResponder(resolved, engine);
  const decide = createDecide(engine, resolved, host);
  const finish = createFinish(engine, responder);

  const middleware = (req: IncomingMessage, res: ServerResponse, next: Next): void => {
    let decision: Awaitable<Decision>;
    try {
      decision = decide(req);
    } catch (error) {
      finish(faulted(engine, error), req, res, next);
      return;
    }
    if (!isPromise(decision)) {
      finish(decision as Decision, req, res, next);
      return;
    }
    // A microtask of its own: what a handler throws must not become a rejection of this promise.
    const later = (value: Decision): void => {
      queueMicrotask(() => {
        finish(value, req, res, next);
      });
    };
    (decision as PromiseLike<Decision>).then(later, (error: unknown) => {
      later(faulted(engine, error));
    });
  };
  return Object.assign(middleware, createGuards<Scope>(engine, resolved, responder));
}

/** A fault is a 503, with its code; its cause goes to the `fault` event and nowhere else. */
function faulted(engine: Engine, error: unknown): Decision {
  engine.report(error);
  const limiter = isKeystileError(error) && error.code === 'limiter_unavailable';
  return { verification: refused(limiter ? 'limiter_unavailable' : 'store_unavailable'), source: undefined };
}

function createDecide(engine: Engine, options: ResolvedOptions, host: Host): (req: HostRequest) => Awaitable<Decision> {
  const { sources, required, tenant, cost, anonymousLimits } = options;
  const { looksLikeKey } = engine.formats;

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

  const verify = (req: HostRequest, key: string, source: CredentialSource): Awaitable<Decision> => {
    const withAnswers = (answers: Answers): Awaitable<Decision> =>
      chain<Verification, Decision>(engine.verify(key, httpFacts(req, options, host, answers)), (verification) => ({ verification, source }));
    const counted = wasCounted(req, engine);
    if (tenant === undefined && cost === undefined) return withAnswers({ tenant: null, cost: 1, counted });
    const asked = tenant === undefined ? null : callback('tenant', () => tenant(req), isTenant);
    return chain<string | null | undefined, Decision>(asked, (wanted) => chain(costOf(req), (units) => withAnswers({ tenant: wanted, cost: units, counted })));
  };

  const anonymous = (req: HostRequest): Awaitable<Decision> => {
    const pass = { ...accepted(undefined as never), principal: undefined };
    if (anonymousLimits.length === 0 || wasCounted(req, engine)) return { verification: pass, source: undefined };
    const buckets = [ipBucket('anonymous', 'anonymous', anonymousLimits, clientIpOf(req, options, host))];
    return chain(costOf(req), (units) =>
      chain(engine.spender.spend(buckets, units), (spent): Decision => {
        if (spent.outcome === 'full') throw limiterUnavailable('the limiter has no room for another address');
        if (spent.outcome === 'limited') return { verification: limited(spent.states, spent.retryAfterMs), source: undefined };
        return { verification: { ok: true, principal: undefined, limits: spent.states, release: spent.release }, source: undefined };
      }),
    );
  };

  const withoutKey = (req: HostRequest): Awaitable<Decision> => {
    const needed = typeof required === 'boolean' ? required : callback('required', () => required(req), isBoolean);
    return chain<boolean, Decision>(needed, (must) => (must ? { verification: refused('missing_key'), source: undefined } : anonymous(req)));
  };

  const judge = (req: HostRequest, presented: Presented): Awaitable<Decision> => {
    if (presented === 'none') return withoutKey(req);
    if (presented === 'ambiguous') return { verification: refused('ambiguous_credentials'), source: undefined };
    if (options.stripCredential) for (const source of sources) source.strip(req);
    return verify(req, presented.key, presented.source);
  };

  return (req) => {
    if (options.requireHttps && !host.secure(req)) return { verification: refused('insecure_transport'), source: undefined };
    const presented = readCredential(req, sources, looksLikeKey);
    if (!isPromise(presented)) return judge(req, presented as Presented);
    return chain(guarded(() => presented, (value) => value as Presented, 'credentials', engine.deadlineMs), (value) => judge(req, value));
  };
}

function createFinish(engine: Engine, responder: Responder): (decision: Decision, req: HostRequest, res: ServerResponse, next: Next) => void {
  return ({ verification, source }, req, res, next) => {
    if (!verification.ok) {
      responder.refuse(verification, source, req, res, next);
      return;
    }
    const { principal, limits, release } = verification;
    // The client may have gone while a store was asked: then nobody is left to serve, and nothing must stay held.
    if (res.destroyed || res.closed) {
      release();
      return;
    }
    // 'close' comes once for every response, finished or aborted; 'finish' only for finished ones.
    if (release !== nothingToRelease) res.on('close', release);
    if (limits.length > 0) markCounted(req, engine);
    if (principal !== undefined) req.apiKey = principal;
    responder.announce(res, limits, principal !== undefined);
    next();
  };
}

const isCost = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
const isTenant = (value: unknown): value is string | null | undefined => value === null || value === undefined || typeof value === 'string';
const isBoolean = (value: unknown): value is boolean => typeof value === 'boolean';

/** The caller of a request that has passed `apiKeyAuth`; throws a `KeystileError` (`no_principal`) where it has not. */
export function principalOf(req: IncomingMessage): NonNullable<HostRequest['apiKey']> {
  const { apiKey } = req as HostRequest;
  if (apiKey === undefined) throw new KeystileError('no_principal', 'this request has no API key: is apiKeyAuth() mounted before this route, with required keys?');
  return apiKey;
}
