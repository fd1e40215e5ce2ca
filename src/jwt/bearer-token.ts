import { ConfigurationError } from '../core/errors.js';
import { engineOf, type Engine, type Keyring } from '../core/keyring.js';
import { checkOptions } from '../core/options.js';
import { createPipeline } from '../http/auth.js';
import { bearer } from '../http/credentials.js';
import type { Guards } from '../http/guards.js';
import { expressHost } from '../http/host.js';
import { isDelegated } from '../http/judge-again.js';
import { resolveOptions, type ApiKeyAuthOptions } from '../http/options.js';
import type { Middleware } from '../http/types.js';
import { engineOfIssuer, type IssuerEngine, type TokenIssuer } from './issuer.js';
import { createTokenVerify } from './token-judge.js';

type Shared = 'required' | 'tenant' | 'environment' | 'scopes' | 'cost' | 'clientIp' | 'requireHttps' | 'headers' | 'refusals';

/** Options of `bearerToken`: those of `apiKeyAuth` that fit, and whose tokens are accepted. */
export interface BearerTokenOptions<Scope extends string = string> extends Pick<ApiKeyAuthOptions<Scope>, Shared> {
  readonly issuer: TokenIssuer;
  /** Whom a token must be for, one of the issuer's audiences. Default: the issuer's first. */
  readonly audience?: string;
  /**
   * Whether a token stops with its key, whose restrictions and limits it then shares (default), or is good until it expires,
   * whatever becomes of the key.
   */
  readonly diesWithKey?: boolean;
}

/** The middleware, and the route guards that belong to it. */
export type BearerToken<Scope extends string = string> = Middleware & Pick<Guards<Scope>, 'requireScopes' | 'requireRealtime'>;

const SHARED: readonly Shared[] = ['required', 'tenant', 'environment', 'scopes', 'cost', 'clientIp', 'requireHttps', 'headers', 'refusals'];
const NAMES = ['issuer', 'audience', 'diesWithKey', ...SHARED];

const MESSAGES = {
  missing_key: 'This request needs an access token.',
  insufficient_scope: 'The access token lacks a scope that this request needs.',
};

/**
 * Middleware that accepts tokens exchanged for keys of this keyring, from `Authorization: Bearer`. The caller, a
 * `TokenPrincipal`, stands at `req.apiKey`. With `apiKeyAuth` before or behind it, a request needs one of the two: a key or a
 * token, never both.
 *
 * Whatever is no exchanged token of this issuer (a key, somebody else's JWT) is left alone. One that is, and is not good, is
 * refused with 401 `invalid_token`, also where tokens are optional.
 *
 * Throws a `ConfigurationError` for a wrong option. Never throws or rejects on a request.
 *
 * @example
 * ```ts
 * app.use('/v1', bearerToken(keyring, { issuer, required: false }), apiKeyAuth(keyring));
 * ```
 */
export function bearerToken<Scope extends string, Plan extends string>(keyring: Keyring<Scope, Plan>, options: BearerTokenOptions<NoInfer<Scope>>): BearerToken<Scope> {
  const engine = engineOf(keyring);
  if (engine === undefined) throw new ConfigurationError('invalid_option', 'keyring', 'must be made by createKeyring()');
  const given = checkOptions(options, 'bearerToken', NAMES);
  const issuer = engineOfIssuer(given['issuer']);
  const audience = audienceOf(given['audience'], issuer);
  const diesWithKey = given['diesWithKey'] ?? true;
  if (typeof diesWithKey !== 'boolean') throw new ConfigurationError('invalid_option', 'diesWithKey', 'must be true or false');

  const tokens: Engine = {
    ...engine,
    formats: { ...engine.formats, looksLikeKey: issuer.isOurs },
    verify: createTokenVerify(engine, issuer, audience, diesWithKey),
  };
  const shared = Object.fromEntries(SHARED.filter((name) => given[name] !== undefined).map((name) => [name, given[name]]));
  const resolved = resolveOptions({ ...shared, credentials: bearer() }, engine);
  const pipeline = createPipeline<Scope>(tokens, { ...resolved, messages: { ...MESSAGES, ...resolved.messages } }, expressHost, (caller) => !isDelegated(caller));
  const middleware: Middleware = (req, res, next) => {
    pipeline(req, res, next);
  };
  // Not `forbidApiKeys`: it has to know where keys stand, so it is apiKeyAuth's, and refuses tokens as well.
  const guards: Pick<Guards<Scope>, 'requireScopes' | 'requireRealtime'> = {
    requireScopes: (...scopes) => pipeline.requireScopes(...scopes),
    requireRealtime: () => pipeline.requireRealtime(),
  };
  return Object.assign(middleware, guards);
}

function audienceOf(audience: unknown, { audiences }: IssuerEngine): string {
  const wanted = audience ?? audiences[0];
  if (typeof wanted === 'string' && audiences.includes(wanted)) return wanted;
  throw new ConfigurationError('invalid_option', 'audience', `must be one of the issuer's: ${audiences.join(', ')}`);
}
