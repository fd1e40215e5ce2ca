import type { Engine } from '../core/keyring.js';
import type { Principal } from '../core/principal.js';
import type { RequestFacts } from '../core/request.js';
import type { Refused } from '../core/verification.js';
import { createFacts } from './facts.js';
import { isDelegated } from './judge-again.js';
import type { ResolvedOptions } from './options.js';
import type { Host, HostRequest } from './types.js';

/** Calls `end` once the caller's key would no longer be let in from where it is. The answer stops watching. */
export type Watch = (req: HostRequest, principal: Principal, end: (refusal: Refused) => void) => () => void;

/**
 * What was true at the opening must stay so: whoever serves an open connection goes by the principal of that moment, so a key that
 * loses any of its scopes is let in again only anew. What a token has opened ends with the token.
 */
export function createWatch(engine: Engine, options: ResolvedOptions, host: Host): Watch {
  const factsOf = createFacts(engine, options, host);
  return (req, principal, end) => {
    const facts: RequestFacts = { ...factsOf(req, { tenant: principal.tenantId ?? null, cost: 1 }), scopes: principal.scopes, realtime: true };
    return engine.watch(principal.id, facts, end, isDelegated(principal) ? principal.expiresAt : undefined);
  };
}
