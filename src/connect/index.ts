import type { Keyring } from '../core/keyring.js';
import type { Principal } from '../core/principal.js';
import { createAuth, principalOf, type ApiKeyAuth } from '../http/auth.js';
import { socketHost } from '../http/host.js';
import type { ApiKeyAuthOptions } from '../http/options.js';

declare module 'http' {
  interface IncomingMessage {
    /** Who is calling; set by keystile's `apiKeyAuth`, undefined for anonymous requests. */
    apiKey?: Principal | undefined;
  }
}

/**
 * `apiKeyAuth` for Connect and bare node:http servers: the same middleware, which takes the client's address from the socket
 * alone and never from a property that a host may have put on the request. Behind a proxy, give `clientIp`.
 *
 * @example
 * ```ts
 * const auth = apiKeyAuth(keyring);
 * createServer((req, res) => {
 *   auth(req, res, () => res.end(`Hello ${principalOf(req).name}`));
 * }).listen(3000);
 * ```
 */
export function apiKeyAuth<Scope extends string, Plan extends string>(keyring: Keyring<Scope, Plan>, options: ApiKeyAuthOptions<NoInfer<Scope>> = {}): ApiKeyAuth<Scope> {
  return createAuth<Scope>(keyring, options, socketHost);
}

export { principalOf };
export type { ApiKeyAuth, ApiKeyAuthOptions };
