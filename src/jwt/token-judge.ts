import { chain } from '../core/awaitable.js';
import type { Engine } from '../core/keyring.js';
import type { Principal } from '../core/principal.js';
import { accepted, refused, type Refused, type Verification } from '../core/verification.js';
import type { Verify } from '../core/verifier.js';
import type { RequestFacts } from '../core/request.js';
import { PROBLEMS } from '../http/refusals.js';
import type { Judge } from '../http/judge-again.js';
import type { TokenClaims } from './claims.js';
import type { IssuerEngine } from './issuer.js';
import { keyOf, tokenPrincipal } from './token-principal.js';

const INVALID_TOKEN = refused('invalid_token');

/** Decides about one token: its signature and times, then what it may do. In the place of a keyring's `verify`. */
export function createTokenVerify(engine: Engine, issuer: IssuerEngine, audience: string, diesWithKey: boolean): Verify {
  const judge = diesWithKey ? byKey : byItself;
  return (token, facts) =>
    chain(issuer.verify(String(token), audience), (claims): ReturnType<Judge> => {
      if (claims === undefined) return engine.failed(facts, INVALID_TOKEN);
      const judgeClaims: Judge = (asked) => judge(engine, claims, asked, judgeClaims);
      return judgeClaims(facts);
    });
}

/** The key decides, with all its restrictions and limits, as if it had come itself; the token can only narrow that. */
function byKey(engine: Engine, claims: TokenClaims, facts: RequestFacts, again: Judge): ReturnType<Judge> {
  const missing = missingScopes(claims, facts);
  if (missing !== undefined) return missing;
  return chain(engine.vouch(claims.keyId, facts), (answer): Verification => {
    if (answer.ok) return { ...answer, principal: tokenPrincipal(answer.principal, claims, engine.identity, again) };
    // Whoever holds the token need not know what became of the key. Its owner hears of it by the event `refused`.
    return PROBLEMS[answer.code].status === 401 ? refused('invalid_token', { keyId: claims.keyId }) : answer;
  });
}

/** The token alone decides, until it expires: nobody asks what has become of its key. */
function byItself(engine: Engine, claims: TokenClaims, facts: RequestFacts, again: Judge): Verification {
  if (facts.tenant !== null && (facts.tenant === undefined || facts.tenant !== claims.tenantId)) return refused('wrong_tenant', { keyId: claims.keyId });
  if (facts.environment !== claims.environment) return refused('wrong_environment', { keyId: claims.keyId });
  const key: Principal = keyOf(claims, engine.scopes.names);
  return missingScopes(claims, facts) ?? accepted(tokenPrincipal(key, claims, engine.identity, again));
}

function missingScopes(claims: TokenClaims, facts: RequestFacts): Refused | undefined {
  const missing = facts.scopes.filter((scope) => !claims.scopes.includes(scope));
  return missing.length === 0 ? undefined : refused('insufficient_scope', { keyId: claims.keyId, missingScopes: missing });
}
