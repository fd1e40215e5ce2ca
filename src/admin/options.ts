import { ConfigurationError } from '../core/errors.js';
import type { Engine } from '../core/keyring.js';
import { checkOptions } from '../core/options.js';
import type { Awaitable } from '../core/ports.js';
import type { ApiKeyAuthOptions } from '../http/options.js';
import type { HostRequest } from '../http/types.js';
import { actionsOf, type Authorization, type ManagementAction } from './authorization.js';

/** Options of `adminRouter`. */
export interface AdminRouterOptions<Scope extends string = string> {
  /**
   * Who is acting, which tenant's keys they may touch and what they may do: from the session or token of a signed-in person,
   * never from a parameter or body. `undefined` for nobody (401), `false` for somebody who may not (403). When it throws, rejects,
   * gives no answer in time or answers anything else, the request gets a 503.
   */
  authorize(req: HostRequest): Awaitable<Authorization | undefined | null | false>;
  /**
   * Lets keys with this scope manage keys of their tenant, for actions that are all but `regenerate` unless said. Such a key never
   * gives, sees or touches more rights than its own. Default: keys manage nothing.
   */
  readonly allowKeys?: { readonly scope: Scope; readonly may?: readonly ManagementAction[] };
  /** How callers' keys are read, for `GET /me`, for `allowKeys`, and to refuse them elsewhere: options of `apiKeyAuth`. */
  readonly auth?: Omit<ApiKeyAuthOptions<Scope>, 'required'>;
  /** Where the router stands, for hosts that leave the mount path in `req.url` (`node:http`): `'/admin'`. Default: at the root. */
  readonly path?: string;
  /** Origins of other sites whose pages may make changes (with CORS, which is the host's affair): `https://admin.example.com`. */
  readonly trustedOrigins?: readonly string[];
  /** How long, in milliseconds, and how many idempotency keys are remembered. Default: 24 hours, 10,000. */
  readonly idempotency?: { readonly ttlMs?: number; readonly max?: number };
}

/** Options with every default filled in. */
export interface ResolvedAdminOptions {
  readonly authorize: (req: HostRequest) => Awaitable<unknown>;
  readonly allowKeys: { readonly scope: string; readonly actions: ReadonlySet<string> } | undefined;
  readonly auth: ApiKeyAuthOptions;
  readonly path: string;
  readonly trustedOrigins: ReadonlySet<string>;
  readonly idempotency: { readonly ttlMs: number; readonly max: number };
}

export const ADMIN_OPTIONS = ['authorize', 'allowKeys', 'auth', 'path', 'trustedOrigins', 'idempotency'];
const DAY = 86_400_000;
/** A key asks for what it may do; slots are the tenant's. */
const KEYS_MAY: readonly ManagementAction[] = ['read', 'create', 'update', 'rotate', 'disable', 'enable', 'revoke', 'delete', 'undelete', 'explain'];

/** Checks and completes the options; throws a `ConfigurationError` that names the wrong one. */
export function resolveAdminOptions(options: unknown, engine: Engine): ResolvedAdminOptions {
  const given = checkOptions(options, 'adminRouter', ADMIN_OPTIONS);
  const { authorize, auth = {}, path = '', trustedOrigins = [] } = given;
  // Without an answer to "who are you" everybody could make keys.
  if (typeof authorize !== 'function') throw wrong('authorize', 'must be a function that says who is acting');
  if (typeof path !== 'string' || !/^(?:\/[\w~!$&'()*+,=:@%.-]+)*$/.test(path)) throw wrong('path', "must be a path such as '/admin', without a slash at its end");
  const idempotency = checkOptions(given['idempotency'] ?? {}, 'idempotency', ['ttlMs', 'max']);
  return {
    authorize: authorize as ResolvedAdminOptions['authorize'],
    allowKeys: given['allowKeys'] === undefined ? undefined : resolveKeys(given['allowKeys'], engine),
    auth: checkAuth(auth),
    path,
    trustedOrigins: originsOf(trustedOrigins),
    idempotency: { ttlMs: whole(idempotency['ttlMs'], 'idempotency.ttlMs', DAY, 365 * DAY), max: whole(idempotency['max'], 'idempotency.max', 10_000, 10_000_000) },
  };
}

function resolveKeys(value: unknown, engine: Engine): NonNullable<ResolvedAdminOptions['allowKeys']> {
  const { scope, may = KEYS_MAY } = checkOptions(value, 'allowKeys', ['scope', 'may']);
  const [checked = ''] = engine.scopes.check([scope], 'allowKeys.scope');
  const actions = actionsOf(may);
  if (actions === undefined) throw wrong('allowKeys.may', 'must be a list of actions');
  return { scope: checked, actions };
}

/** Whether a key is needed is the routes' affair. */
function checkAuth(value: unknown): ApiKeyAuthOptions {
  const given = checkOptions(value, 'auth', Object.keys(value ?? {}).filter((name) => name !== 'required'));
  return { ...given };
}

function originsOf(value: unknown): ReadonlySet<string> {
  if (!Array.isArray(value)) throw wrong('trustedOrigins', 'must be a list of origins');
  return new Set(
    value.map((origin: unknown, index) => {
      if (typeof origin === 'string' && URL.canParse(origin) && new URL(origin).origin === origin) return origin;
      throw wrong(`trustedOrigins[${String(index)}]`, "must be an origin as browsers write it, such as 'https://admin.example.com'");
    }),
  );
}

function whole(value: unknown, path: string, fallback: number, max: number): number {
  if (value === undefined) return fallback;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw wrong(path, `must be a whole number from 1 to ${String(max)}`);
}

const wrong = (option: string, message: string): ConfigurationError => new ConfigurationError('invalid_option', option, message);
