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
  /** The request is an upgrade, as of a WebSocket: `access.realtime` is asked in the place of `access.endpoints`. */
  readonly upgrade?: boolean;
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

/** What each field must be. */
const FIELDS: ReadonlyMap<string, string> = new Map([
  ['tenant', 'string'],
  ['environment', 'string'],
  ['ip', 'string'],
  ['origin', 'string'],
  ['referer', 'string'],
  ['browser', 'boolean'],
  ['method', 'string'],
  ['path', 'string'],
  ['scopes', 'list of scopes'],
  ['realtime', 'boolean'],
  ['upgrade', 'boolean'],
  ['cost', 'number'],
]);

/** Whether a field may be so. Spelled out: it runs for every field of every verification, five times as fast as a look into a Map. */
function fits(name: string, value: unknown): boolean {
  switch (name) {
    case 'tenant':
      return value === null || typeof value === 'string';
    case 'environment':
    case 'ip':
    case 'origin':
    case 'referer':
    case 'method':
    case 'path':
      return typeof value === 'string';
    case 'browser':
    case 'realtime':
    case 'upgrade':
      return typeof value === 'boolean';
    case 'scopes':
      return Array.isArray(value);
    case 'cost':
      // `checkCost` says more.
      return true;
    default:
      return false;
  }
}

/** Facts from a plain description, which answers for itself when a rule asks. */
interface DescribedFacts extends RequestFacts {
  readonly request: VerifyRequest;
}

/** Facts of a request that says nothing about itself: the common `keyring.verify(key)`. */
export const NO_FACTS: RequestFacts = toFacts({});

/** Facts from a plain description; unknown fields throw a `ConfigurationError`. */
export function toFacts(request: VerifyRequest): RequestFacts {
  if (typeof request !== 'object' || (request as unknown) === null) refuseFields(request);
  for (const name in request) {
    const value: unknown = request[name as keyof VerifyRequest];
    if (value !== undefined && !fits(name, value)) refuseFields(request);
  }
  const { environment = 'live', scopes = [], upgrade = false, realtime = upgrade, cost = 1 } = request;
  const facts: DescribedFacts = {
    request,
    // `{ tenant: user.tenantId }` of a user without one must not mean "any tenant".
    tenant: 'tenant' in request ? request.tenant : null,
    environment,
    scopes,
    realtime,
    upgrade,
    cost: checkCost(cost),
    remote: request.ip !== undefined,
    counted,
    clientIp,
    sender,
    method,
    target,
  };
  return facts;
}

// Functions shared by all facts: five closures for each would cost more than the checks that ask them.
function counted(): boolean {
  return false;
}

function clientIp(this: DescribedFacts): string | undefined {
  return this.request.ip;
}

function sender(this: DescribedFacts): BrowserFacts {
  const { origin, referer, browser = origin !== undefined } = this.request;
  return { origin, referer, browser };
}

function method(this: DescribedFacts): string | undefined {
  return this.request.method;
}

function target(this: DescribedFacts): string | undefined {
  return this.request.path;
}

/** A cost that a limiter may be asked to spend. */
function checkCost(cost: unknown): number {
  if (typeof cost === 'number' && Number.isSafeInteger(cost) && cost >= 0) return cost;
  throw new ConfigurationError('invalid_limit', 'cost', 'must be a whole number from 0');
}

/** Says what is wrong with a description that does not fit. */
function refuseFields(request: unknown): never {
  const given = checkOptions(request, 'request', [...FIELDS.keys()]);
  const wrong = String(Object.keys(given).find((name) => given[name] !== undefined && !fits(name, given[name])));
  throw new ConfigurationError('invalid_option', `request.${wrong}`, `must be a ${String(FIELDS.get(wrong))}`);
}
