import type { IncomingMessage, ServerResponse } from 'node:http';
import { isPromise } from '../core/awaitable.js';
import { ConfigurationError, KeystileError } from '../core/errors.js';
import { engineOf, type Engine, type Keyring } from '../core/keyring.js';
import type { Awaitable } from '../core/ports.js';
import type { Principal } from '../core/principal.js';
import { nothingToRelease } from '../core/verification.js';
import { createDecide, faulted, type Decision } from './decide.js';
import { createFacts } from './facts.js';
import { createGuards, type Guards } from './guards.js';
import { isDelegated } from './judge-again.js';
import { resolveOptions, type ApiKeyAuthOptions, type ResolvedOptions } from './options.js';
import { isGone, releaseAtEnd } from './release.js';
import { createResponder, type Responder } from './responder.js';
import { markAnonymous, setPrincipal } from './request-state.js';
import type { Host, HostRequest, Middleware, Next } from './types.js';
import { createWatch } from './watch.js';

/** The middleware, and the route guards that belong to it. */
export type ApiKeyAuth<Scope extends string = string> = Middleware & Guards<Scope>;

/**
 * The one pipeline behind every host. It decides synchronously when everything it asks answers at once, calls `next` or
 * responds exactly once, and returns nothing: a returned promise would hang Connect and Express 4 when it rejects.
 */
export function createAuth<Scope extends string>(keyring: Keyring<Scope>, options: ApiKeyAuthOptions<Scope>, host: Host): ApiKeyAuth<Scope> {
  const engine = engineOf(keyring);
  if (engine === undefined) throw new ConfigurationError('invalid_option', 'keyring', 'must be made by createKeyring()');
  return createPipeline<Scope>(engine, resolveOptions(options, engine), host, isDelegated);
}

/** The same for any kind of credential. `isOther` tells callers that have been let in with another kind before. */
export function createPipeline<Scope extends string>(engine: Engine, resolved: ResolvedOptions, host: Host, isOther: (caller: Principal) => boolean): ApiKeyAuth<Scope> {
  const responder = createResponder(resolved, engine);
  const decide = createDecide(engine, resolved, host, isOther);
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
      finish(decision, req, res, next);
      return;
    }
    // A microtask of its own: what a handler throws must not become a rejection of this promise.
    const later = (value: Decision): void => {
      queueMicrotask(() => {
        finish(value, req, res, next);
      });
    };
    (decision).then(later, (error: unknown) => {
      later(faulted(engine, error));
    });
  };
  return Object.assign(middleware, createGuards<Scope>(engine, resolved, responder, createWatch(engine, resolved, host), createFacts(engine, resolved, host)));
}

function createFinish(engine: Engine, responder: Responder): (decision: Decision, req: HostRequest, res: ServerResponse, next: Next) => void {
  return ({ verification, source }, req, res, next) => {
    if (!verification.ok) {
      responder.refuse(verification, source, req, res, next);
      return;
    }
    const { principal, limits, release } = verification;
    // The client may have gone while a store was asked: then nobody is left to serve, and nothing must stay held.
    if (isGone(req, res)) {
      release();
      return;
    }
    if (release !== nothingToRelease) releaseAtEnd(req, res, release);
    if (principal === undefined && limits.length > 0) markAnonymous(req, engine);
    setPrincipal(req, engine, principal);
    responder.announce(res, limits, principal !== undefined);
    next();
  };
}

/**
 * The caller of a request that has passed `apiKeyAuth`. Throws a `KeystileError` (`no_principal`) where none has: use
 * `req.apiKey` where keys are optional.
 *
 * @example
 * ```ts
 * app.get('/v1/orders', auth, (req, res) => res.json(ordersOf(principalOf(req).tenantId)));
 * ```
 */
export function principalOf(req: IncomingMessage): NonNullable<HostRequest['apiKey']> {
  const { apiKey } = req as HostRequest;
  if (apiKey === undefined) throw new KeystileError('no_principal', 'this request has no API key: is apiKeyAuth() mounted before this route, with required keys?');
  return apiKey;
}
