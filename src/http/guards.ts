import { isPromise, withDeadline } from '../core/awaitable.js';
import { ConfigurationError, storeUnavailable } from '../core/errors.js';
import type { Engine } from '../core/keyring.js';
import { refused, type Refused } from '../core/verification.js';
import { readCredential, type CredentialSource, type Presented } from './credentials.js';
import { carriesDelegatedToken } from './delegated-token.js';
import type { ResolvedOptions } from './options.js';
import type { createFacts } from './facts.js';
import { isGone, isQueued, releaseAtEnd } from './release.js';
import { principalFor, takenFrom } from './request-state.js';
import type { Responder } from './responder.js';
import type { HostRequest, Middleware } from './types.js';
import type { Watch } from './watch.js';

/** Guards for single routes; mount them behind the middleware they belong to. */
export interface Guards<Scope extends string = string> {
  /** Refuses a key that lacks one of the scopes. The request has spent its limits by then. */
  requireScopes(...scopes: readonly [Scope, ...Scope[]]): Middleware;
  /** Refuses a key that may not open event streams, and ends the response as soon as its key would no longer be let in. */
  requireRealtime(): Middleware;
  /** For routes of signed-in people: refuses whoever comes with an API key, or with a token that was exchanged for one, also where the middleware has not run. */
  forbidApiKeys(): Middleware;
}

type FactsOf = ReturnType<typeof createFacts>;

/** Of a request that has been judged, only its address, method and path are wanted. */
const NOTHING_ASKED = { tenant: null, cost: 0 } as const;

export function createGuards<Scope extends string>(engine: Engine, options: ResolvedOptions, responder: Responder, watch: Watch, factsOf: FactsOf): Guards<Scope> {
  /** A guard that asks something of the key; without one there is nobody to ask. */
  const guard =
    (judge: (principal: NonNullable<HostRequest['apiKey']>) => Refused | undefined): Middleware =>
    (req: HostRequest, res, next) => {
      const principal = principalFor(req, engine);
      const refusal = principal === undefined ? refused('missing_key') : judge(principal);
      if (refusal === undefined) {
        next();
        return;
      }
      engine.refusedLater(principal, factsOf(req, NOTHING_ASKED), refusal);
      responder.refuse(refusal, usedSource(req), req, res, next);
    };

  const usedSource = (req: HostRequest): CredentialSource | undefined =>
    takenFrom(req) ?? options.sources.find((source) => source.kind === 'bearer' && readable(source.read(req, engine.formats.looksLikeKey)));

  return {
    requireScopes(...scopes) {
      if (scopes.length === 0) throw new ConfigurationError('invalid_scope', 'requireScopes', 'needs at least one scope');
      const needed = engine.scopes.check(scopes, 'requireScopes');
      return guard((principal) => {
        const missing = needed.filter((scope) => !principal.scopes.includes(scope));
        return missing.length === 0 ? undefined : refused('insufficient_scope', { keyId: principal.id, missingScopes: missing });
      });
    },

    requireRealtime() {
      const allowed = guard((principal) => (principal.realtime ? undefined : refused('realtime_not_allowed', { keyId: principal.id })));
      return (req: HostRequest, res, next) => {
        allowed(req, res, (error) => {
          const principal = principalFor(req, engine);
          if (error !== undefined || principal === undefined) {
            next(error);
            return;
          }
          if (isGone(req, res)) return;
          // As if the client had left: a handler that goes on writing is used to that.
          releaseAtEnd(req, res, watch(req, principal, () => res.destroy()));
          const begin = (): void => {
            if (!res.destroyed) next();
          };
          // Node tells a queued response nothing when its client leaves: a stream begins when its turn has come.
          if (isQueued(res)) res.once('socket', begin);
          else begin();
        });
      };
    },

    forbidApiKeys: () => (req: HostRequest, res, next) => {
      const answer = (presented: Presented): void => {
        if (req.apiKey === undefined && presented === 'none' && !carriesDelegatedToken(req)) next();
        else responder.refuse(refused('api_key_not_accepted'), undefined, req, res, next);
      };
      const fault = (error: unknown): void => {
        engine.report(error);
        responder.refuse(refused('store_unavailable'), undefined, req, res, next);
      };
      let presented: ReturnType<typeof readCredential>;
      try {
        presented = readCredential(req, options.sources, engine.formats.looksLikeKey);
      } catch (error) {
        fault(error);
        return;
      }
      if (!isPromise(presented)) {
        answer(presented);
        return;
      }
      // As in the middleware: a deadline, and a microtask of its own for what the handler may throw.
      const settled = withDeadline(presented, engine.deadlineMs, () => storeUnavailable('credentials gave no answer in time'));
      settled.then((value) => { queueMicrotask(() => { answer(value); }); }, fault);
    },
  };
}

const readable = (keys: unknown): boolean => Array.isArray(keys) && keys.length > 0;
