import type { BrowserFacts } from './access/origins.js';
import { ConfigurationError } from './errors.js';
import { checkOptions } from './options.js';

/** What a caller of `keyring.verify` tells about a request. What is not told cannot be allowed to a restricted key. */
export interface VerifyRequest<Scope extends string = string> {
  /** The tenant the request is for. Absent or `null`: not compared; given as `undefined`: none though one is due, refused. */
  readonly tenant?: string | null | undefined;
  /** Default: `live`. */
  readonly environment?: string;
  /** Address of the client. Failed attempts are counted by it. */
  readonly ip?: string;
  /** The `Origin` header, and the `Referer` that stands in for it. */
  readonly origin?: string;
  readonly referer?: string;
  /** The request shows marks of a browser (`Sec-Fetch-*`). Default: whether `origin` is given. */
  readonly browser?: boolean;
  readonly method?: string;
  /** Path as in the request line; a query is ignored. */
  readonly path?: string;
  /** Scopes that the key must have, all of them. */
  readonly scopes?: readonly Scope[];
  /** The request opens a WebSocket or event stream: `access.realtime` is asked. */
  readonly realtime?: boolean;
  /** Units spent on each window, a whole number from 0. Default: 1. */
  readonly cost?: number;
}

/** The same for the core, read lazily: an unrestricted key never asks for an address or a path. */
export interface RequestFacts {
  /** `undefined`: this request names none though one is due; `null`: not compared. */
  readonly tenant: string | null | undefined;
  readonly environment: string;
  readonly scopes: readonly string[];
  readonly realtime: boolean;
  /** HTTP requests are judged by endpoint rules, upgrades by `realtime` instead. */
  readonly upgrade: boolean;
  readonly cost: number;
  /** The request came over a network: its failures are counted, also when its address cannot be read. */
  readonly remote: boolean;
  /** Whether an earlier pass over the same request, of a middleware met twice, has been counted for this key already. */
  counted(keyId: string): boolean;
  clientIp(): string | undefined;
  sender(): BrowserFacts;
  method(): string | undefined;
  target(): string | undefined;
}

/** What each field must be, as `typeof` says. */
const FIELDS: ReadonlyMap<string, string> = new Map([
  ['tenant', 'string'],
  ['environment', 'string'],
  ['ip', 'string'],
  ['origin', 'string'],
  ['referer', 'string'],
  ['browser', 'boolean'],
  ['method', 'string'],
  ['path', 'string'],
  ['scopes', 'object'],
  ['realtime', 'boolean'],
  // Any type: checkCost says more.
  ['cost', 'any'],
]);

/** Facts of a request that says nothing about itself: the common `keyring.verify(key)`. */
export const NO_FACTS: RequestFacts = toFacts({});

/** Facts from a plain description; unknown fields throw a `ConfigurationError`. */
export function toFacts(request: VerifyRequest): RequestFacts {
  // Runs for every verification, so the full check only once something is wrong.
  let fits = typeof request === 'object' && (request as unknown) !== null;
  for (const name in request) {
    const value: unknown = request[name as keyof VerifyRequest];
    if (value !== undefined && typeof value !== FIELDS.get(name) && !(value === null && name === 'tenant') && name !== 'cost') fits = false;
  }
  if (!fits || (request.scopes !== undefined && !Array.isArray(request.scopes))) refuseFields(request);
  const { environment = 'live', ip, origin, referer, scopes = [], realtime = false, cost = 1 } = request;
  return {
    // `{ tenant: user.tenantId }` of a user without one must not mean "any tenant".
    tenant: 'tenant' in request ? request.tenant : null,
    environment,
    scopes,
    realtime,
    upgrade: false,
    cost: checkCost(cost),
    remote: ip !== undefined,
    counted: () => false,
    clientIp: () => ip,
    sender: () => ({ origin, referer, browser: request.browser ?? origin !== undefined }),
    method: () => request.method,
    target: () => request.path,
  };
}

/** A cost that a limiter may be asked to spend. */
function checkCost(cost: unknown): number {
  if (typeof cost === 'number' && Number.isSafeInteger(cost) && cost >= 0) return cost;
  throw new ConfigurationError('invalid_limit', 'cost', 'must be a whole number from 0');
}

/** Says what is wrong with a description that does not fit. */
function refuseFields(request: unknown): never {
  const given = checkOptions(request, 'request', [...FIELDS.keys()]);
  const fits = (name: string, value: unknown): boolean =>
    value === undefined || name === 'cost' || (name === 'scopes' ? Array.isArray(value) : typeof value === FIELDS.get(name) || (value === null && name === 'tenant'));
  const wrong = Object.keys(given).find((name) => !fits(name, given[name]));
  throw new ConfigurationError('invalid_option', `request.${String(wrong)}`, `must be a ${wrong === 'scopes' ? 'list of scopes' : String(FIELDS.get(String(wrong)))}`);
}
