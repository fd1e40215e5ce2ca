import { errors, jwtVerify, SignJWT, type JWTVerifyOptions } from 'jose';
import { ConfigurationError } from '../core/errors.js';
import { checkOptions } from '../core/options.js';
import { checkSpan } from '../core/management/lifecycle-options.js';
import type { Clock } from '../core/ports.js';
import type { Middleware } from '../http/types.js';
import { isTokenShaped, MAX_TOKEN_LENGTH, unverifiedClaims } from '../http/delegated-token.js';
import { fromPayload, MAX_LIFETIME_SECONDS, REQUIRED_CLAIMS, toPayload, type TokenClaims } from './claims.js';
import { createJwksHandler } from './jwks-handler.js';
import { resolveKeys, type Jwk, type ResolvedKey, type SigningKey } from './signing-keys.js';

/** Settings of `tokenIssuer`. */
export interface TokenIssuerOptions {
  /** Who issues: the `iss` of every token, an address of this service as a rule. */
  readonly issuer: string;
  /** Whom tokens are for: `aud`. The first is meant where an exchange names none. Default: the issuer itself. */
  readonly audience?: string | readonly string[];
  /** The first signs; all are in the JWKS, and tokens of all are accepted. */
  readonly keys: readonly SigningKey[];
  /** For how long a token is valid, in milliseconds, a second to an hour. Default: 5 minutes. */
  readonly lifetime?: number;
  /** Where time comes from. Default: `Date`. */
  readonly clock?: Clock;
}

/** Signs tokens, and publishes the keys by which others verify them. */
export interface TokenIssuer {
  readonly issuer: string;
  readonly audiences: readonly string[];
  /** The public keys, as a JSON Web Key Set (RFC 7517 §5). */
  jwks(): { keys: Jwk[] };
  /** Answers GET with the set, for any path it is mounted at. Caches may keep it for five minutes. */
  readonly jwksHandler: Middleware;
}

/** What an issuer does for the rest of this folder. */
export interface IssuerEngine {
  readonly audiences: readonly string[];
  readonly lifetimeMs: number;
  readonly clock: Clock;
  sign(claims: TokenClaims): Promise<string>;
  /** Whether a text claims to be an exchanged token of this issuer: then it is verified, or refused. */
  readonly isOurs: (text: string) => boolean;
  /** The claims of a token that is good now and for this audience, or `undefined`. */
  verify(token: string, audience: string): Promise<TokenClaims | undefined>;
}

const NAMES = ['issuer', 'audience', 'keys', 'lifetime', 'clock'];
const DEFAULT_LIFETIME_MS = 300_000;
/** RFC 9068 §2.1: tells an access token from every other JWT of the same issuer. */
const TOKEN_TYPE = 'at+jwt';

// Shared by the ESM and the CommonJS copy, like a keyring's engine.
const ENGINE = Symbol.for('keystile.issuer');

/**
 * Makes an issuer of short-lived access tokens. To rotate its keys, first add the new one at the end, so that verifiers get to
 * know it; later put it first; and take the old one out when its last token has expired.
 *
 * Throws a `ConfigurationError` that names the wrong option, and never quotes a key.
 *
 * @example
 * ```ts
 * const issuer = tokenIssuer({ issuer: 'https://api.example.com', keys: [await generateSigningKey()] });
 * app.get('/.well-known/jwks.json', issuer.jwksHandler);
 * ```
 */
export function tokenIssuer(options: TokenIssuerOptions): TokenIssuer {
  const given = checkOptions(options, 'tokenIssuer', NAMES);
  const issuer = identifier(given['issuer'], 'issuer');
  const audiences = audiencesOf(given['audience'], issuer);
  const keys = resolveKeys(given['keys']);
  const lifetimeMs = given['lifetime'] === undefined ? DEFAULT_LIFETIME_MS : checkSpan(given['lifetime'], 'lifetime', 1_000, MAX_LIFETIME_SECONDS * 1_000);
  const clock = clockOf(given['clock']);
  const set = keys.map(({ publicJwk }) => publicJwk);
  const engine: IssuerEngine = { audiences, lifetimeMs, clock, sign: createSign(issuer, keys[0]), isOurs: (text) => isOurs(text, issuer), verify: createVerify(issuer, keys, clock) };
  const made: TokenIssuer = { issuer, audiences, jwks: () => structuredClone({ keys: set }), jwksHandler: createJwksHandler({ keys: set }) };
  return Object.defineProperty(made, ENGINE, { value: engine });
}

/** The engine of an issuer; throws a `ConfigurationError` for anything else. */
export function engineOfIssuer(issuer: unknown): IssuerEngine {
  const engine = typeof issuer === 'object' && issuer !== null ? (issuer as { [ENGINE]?: IssuerEngine })[ENGINE] : undefined;
  if (engine === undefined) throw new ConfigurationError('invalid_option', 'issuer', 'must be made by tokenIssuer()');
  return engine;
}

function createSign(issuer: string, { kid, algorithm, privateKey }: ReturnType<typeof resolveKeys>[0]): IssuerEngine['sign'] {
  return (claims) => new SignJWT({ ...toPayload(issuer, claims) }).setProtectedHeader({ alg: algorithm, kid, typ: TOKEN_TYPE }).sign(privateKey);
}

/** A token without `act` may be a person's, signed by the host under the same name: that is the host's affair. */
function isOurs(text: string, issuer: string): boolean {
  if (!isTokenShaped(text)) return false;
  if (text.length > MAX_TOKEN_LENGTH) return true;
  const claims = unverifiedClaims(text);
  return claims?.['iss'] === issuer && Object.hasOwn(claims, 'act');
}

function createVerify(issuer: string, keys: readonly ResolvedKey[], clock: Clock): IssuerEngine['verify'] {
  const byKid = new Map(keys.map((key) => [key.kid, key]));
  const fixed: JWTVerifyOptions = { algorithms: [...new Set(keys.map(({ algorithm }) => algorithm))], issuer, typ: TOKEN_TYPE, requiredClaims: REQUIRED_CLAIMS };
  return async (token, audience) => {
    if (token.length > MAX_TOKEN_LENGTH || !isCanonical(token.slice(token.lastIndexOf('.') + 1))) return undefined;
    try {
      const { payload } = await jwtVerify(
        token,
        ({ kid, alg }) => {
          const key = kid === undefined ? undefined : byKid.get(kid);
          // A key has one algorithm: RFC 8725 §3.1.
          if (key?.algorithm !== alg) throw new errors.JWKSNoMatchingKey();
          return key.publicKey;
        },
        { ...fixed, audience, currentDate: new Date(clock.now()) },
      );
      return fromPayload(payload);
    } catch (error) {
      if (error instanceof errors.JOSEError) return undefined;
      throw error;
    }
  };
}

/** The last character of a signature has bits to spare: without this, one token could be written in several ways. */
const isCanonical = (signature: string): boolean => Buffer.from(signature, 'base64url').toString('base64url') === signature;

function audiencesOf(audience: unknown, issuer: string): readonly string[] {
  if (audience === undefined) return Object.freeze([issuer]);
  const list: readonly unknown[] = Array.isArray(audience) ? audience : [audience];
  if (list.length === 0) throw new ConfigurationError('invalid_option', 'audience', 'must name at least one audience');
  return Object.freeze([...new Set(list.map((one, index) => identifier(one, Array.isArray(audience) ? `audience[${String(index)}]` : 'audience')))]);
}

function identifier(value: unknown, path: string): string {
  if (typeof value === 'string' && /^[\x21-\x7e]{1,512}$/.test(value)) return value;
  throw new ConfigurationError('invalid_option', path, 'must be 1 to 512 visible ASCII characters, an address as a rule');
}

function clockOf(clock: unknown): Clock {
  if (clock === undefined) return Date;
  // `Date` itself fits, so functions are looked into as well.
  if ((typeof clock === 'object' || typeof clock === 'function') && clock !== null && 'now' in clock && typeof clock.now === 'function') return clock as Clock;
  throw new ConfigurationError('invalid_option', 'clock', 'must have the method now');
}
