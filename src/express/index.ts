import type { Keyring } from '../core/keyring.js';
import type { Principal } from '../core/principal.js';
import { createAuth, type ApiKeyAuth } from '../http/auth.js';
import { expressHost } from '../http/host.js';
import type { ApiKeyAuthOptions } from '../http/options.js';

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- the way @types/express is augmented
  namespace Express {
    interface Request {
      /** Who is calling; set by keystile's `apiKeyAuth`, undefined for anonymous requests. */
      apiKey?: Principal | undefined;
    }
  }
}

/**
 * Middleware that lets a request on only with a valid key of this keyring, within the key's restrictions and limits, and
 * puts the caller at `req.apiKey`. For Express 4 and 5; it works the same in Connect and, called by hand, in a node:http
 * server. Also makes route guards: `auth.requireScopes(…)`, `auth.requireRealtime()`, `auth.forbidApiKeys()`.
 *
 * Throws a `ConfigurationError` for a wrong option. Never throws or rejects on a request.
 *
 * @example
 * ```ts
 * const auth = apiKeyAuth(keyring);
 * app.use('/v1', auth);
 * app.get('/v1/orders', auth.requireScopes('read'), (req, res) => res.json({ caller: principalOf(req).name }));
 * ```
 */
export function apiKeyAuth<Scope extends string, Plan extends string>(keyring: Keyring<Scope, Plan>, options: ApiKeyAuthOptions<NoInfer<Scope>> = {}): ApiKeyAuth<Scope> {
  return createAuth<Scope>(keyring, options, expressHost);
}
