// No type of jose here: the declarations of this entry have to hold in CommonJS projects, too.
/** A payload as JSON. */
export interface Payload {
  readonly [claim: string]: unknown;
}

/** What a token says, in keystile's words. */
export interface TokenClaims {
  /** The user in whose name the key acts: `sub`. */
  readonly subject: string;
  /** The key that acts: `act.sub` (RFC 8693 §4.1) and `client_id` (RFC 9068 §2.2). */
  readonly keyId: string;
  readonly scopes: readonly string[];
  readonly audience: readonly string[];
  readonly tenantId: string | undefined;
  readonly environment: string;
  /** `jti`, unique for each token. */
  readonly tokenId: string;
  /** Epoch seconds, as in the token. */
  readonly issuedAtSeconds: number;
  readonly expiresAtSeconds: number;
}

export const MAX_LIFETIME_SECONDS = 3_600;

/** Clocks of two machines differ a little: a token that is used at once must not be "not valid yet". */
const BACKDATED_SECONDS = 30;

export const REQUIRED_CLAIMS: string[] = ['sub', 'iat', 'nbf', 'exp', 'jti', 'scope', 'client_id', 'act', 'environment'];

/** The payload of a token: RFC 9068 §2.2 and RFC 8693 §4. */
export function toPayload(issuer: string, claims: TokenClaims): Payload {
  const [first, ...others] = claims.audience;
  return {
    iss: issuer,
    aud: first !== undefined && others.length === 0 ? first : [...claims.audience],
    sub: claims.subject,
    iat: claims.issuedAtSeconds,
    nbf: claims.issuedAtSeconds - BACKDATED_SECONDS,
    exp: claims.expiresAtSeconds,
    jti: claims.tokenId,
    scope: claims.scopes.join(' '),
    client_id: claims.keyId,
    act: { sub: claims.keyId },
    ...(claims.tenantId !== undefined && { tenant: claims.tenantId }),
    environment: claims.environment,
  };
}

const isTime = (value: unknown): value is number => Number.isSafeInteger(value);

/** The claims of a verified payload, or `undefined` for one that this library has not made. */
export function fromPayload(payload: Payload): TokenClaims | undefined {
  const { sub, iat, exp, jti, aud, scope, client_id: clientId, act, tenant, environment } = payload;
  const actor = typeof act === 'object' && act !== null && 'sub' in act ? act.sub : undefined;
  if (typeof clientId !== 'string' || clientId === '' || actor !== clientId) return undefined;
  if (typeof sub !== 'string' || typeof jti !== 'string' || typeof scope !== 'string' || typeof environment !== 'string') return undefined;
  // JSON has numbers beyond all times: 1e999 never comes. No token of this library lives longer than an hour.
  if (!isTime(iat) || !isTime(exp) || exp - iat > MAX_LIFETIME_SECONDS) return undefined;
  if (tenant !== undefined && typeof tenant !== 'string') return undefined;
  const audience = typeof aud === 'string' ? [aud] : aud;
  if (!Array.isArray(audience)) return undefined;
  return {
    subject: sub,
    keyId: clientId,
    scopes: scope.split(' ').filter((name) => name !== ''),
    audience: audience as readonly string[],
    tenantId: tenant,
    environment,
    tokenId: jti,
    issuedAtSeconds: iat,
    expiresAtSeconds: exp,
  };
}
