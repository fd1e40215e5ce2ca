import type { IncomingMessage } from 'node:http';
import { signed, type Principal } from '../core/principal.js';
import type { HostRequest } from '../http/types.js';
import { delegated, isDelegated, type Judge } from '../http/judge-again.js';
import type { TokenClaims } from './claims.js';

/**
 * Who is calling with an exchanged token: the key, in the name of a user. It stands at `req.apiKey`, where guards and
 * handlers look for keys; its scopes are the token's, as far as the key still has them, and its end is the token's.
 */
export interface TokenPrincipal<Scope extends string = string> extends Principal<Scope> {
  /** The user in whose name the key acts. */
  readonly subject: string;
  /** Who acts: the key, by its id (RFC 8693 §4.1). */
  readonly act: { readonly sub: string };
  /** `jti` of the token. */
  readonly tokenId: string;
  readonly audience: readonly string[];
}

/** The caller that a token stands for. `key` is the key's own principal. */
export function tokenPrincipal(key: Principal, claims: TokenClaims, identity: symbol, judge: Judge): Principal {
  const principal: TokenPrincipal = {
    ...key,
    scopes: Object.freeze(claims.scopes.filter((scope) => key.scopes.includes(scope))),
    expiresAt: claims.expiresAtSeconds * 1_000,
    subject: claims.subject,
    act: Object.freeze({ sub: claims.keyId }),
    tokenId: claims.tokenId,
    audience: Object.freeze([...claims.audience]),
  };
  return signed(delegated(principal, judge), identity);
}

/** The key as a token alone describes it. What only the key's record has is unknown, and so not allowed. */
export function keyOf(claims: TokenClaims, scopes: readonly string[]): Principal {
  const { keyId, environment, tenantId } = claims;
  return { id: keyId, name: keyId, environment, tenantId, owner: undefined, scopes, plan: undefined, realtime: false, metadata: Object.freeze({}), expiresAt: undefined };
}

/**
 * The caller of a request that has come with an exchanged token; `undefined` for one that has come with a key, or with
 * nothing.
 *
 * @example
 * ```ts
 * app.get('/v1/profile', (req, res) => res.json(profileOf(tokenOf(req)?.subject)));
 * ```
 */
export function tokenOf(req: IncomingMessage): TokenPrincipal | undefined {
  const { apiKey } = req as HostRequest;
  return apiKey !== undefined && isDelegated(apiKey) ? (apiKey as TokenPrincipal) : undefined;
}
