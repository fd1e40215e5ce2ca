import { ConfigurationError } from '../core/errors.js';
import { checkRules, type LimitRule } from '../core/limits/rules.js';
import { checkOptions, unknownName } from '../core/options.js';
import type { Engine } from '../core/keyring.js';
import type { Awaitable } from '../core/ports.js';
import { bearer, header, resolveSources, type CredentialFunction, type CredentialSource } from './credentials.js';
import { PROBLEMS, type RefusalInfo, type RefusalMessages } from './refusals.js';
import type { HostRequest } from './types.js';

/** How refusals are told. */
export interface RefusalOptions {
  /** Texts for `detail`, per code. */
  readonly messages?: RefusalMessages;
  /** The body instead of problem+json: an object is sent as JSON, a string as plain text. */
  render?(refusal: RefusalInfo, req: HostRequest): unknown;
  /** `respond` (default) answers; `next` hands a `KeystileError` with `status` and `headers` to `next(error)`. */
  readonly deliver?: 'respond' | 'next';
}

/** Which headers a response gets. */
export interface HeaderOptions {
  /** `RateLimit` and `RateLimit-Policy` as in draft-ietf-httpapi-ratelimit-headers-11. Default: `'draft-11'`. */
  readonly rateLimit?: 'draft-11' | false;
  /** `X-RateLimit-Limit`, `-Remaining` and `-Reset` (epoch seconds) beside them. Default: `false`. */
  readonly legacy?: boolean;
  /** `Cache-Control: private` and `Vary` on accepted requests, unless already set. Default: `true`. */
  readonly cache?: boolean;
}

/** Options of `apiKeyAuth`. Callbacks that throw, hang or answer nonsense lead to a 503, never to the handler. */
export interface ApiKeyAuthOptions<Scope extends string = string> {
  /** Where the key stands, in order. Default: `[header('X-API-Key'), bearer()]`. */
  readonly credentials?: CredentialSource | CredentialFunction | readonly (CredentialSource | CredentialFunction)[];
  /** Whether a request without a key is refused, or goes on with `req.apiKey` undefined. Default: `true`. */
  required?: boolean | ((req: HostRequest) => Awaitable<boolean>);
  /** The tenant a request is for: the key must be its. `null`: not compared; `undefined`: refused. */
  tenant?(req: HostRequest): Awaitable<string | null | undefined>;
  /** The environment this server serves. Default: `live`. */
  readonly environment?: string;
  /** Scopes that every request needs, checked before the limits. */
  readonly scopes?: readonly Scope[];
  /** Limits of requests without a key, per IPv4 address or IPv6 /56. */
  readonly anonymousLimits?: readonly LimitRule[];
  /** Units a request spends, a whole number from 0. Default: 1. */
  cost?(req: HostRequest): Awaitable<number>;
  /** The client's address. Default: Express's `req.ip`, else the socket's. keystile never reads forwarded headers itself. */
  clientIp?(req: HostRequest): string | undefined;
  /** Refuse what did not come over TLS. Default: `false`. */
  readonly requireHttps?: boolean;
  readonly headers?: HeaderOptions;
  /** Take the key out of the request once it is read, so that nothing behind can log it. Default: `false`. */
  readonly stripCredential?: boolean;
  readonly refusals?: RefusalOptions;
}

/** A way in: which options make sense there, where a key stands unless said otherwise, and whether it is for upgrades. */
export interface Entrance {
  readonly path: string;
  readonly names: readonly string[];
  readonly refusals: readonly string[];
  readonly sources: readonly CredentialSource[];
  readonly upgrade: boolean;
}

/** Options with every default filled in and nothing left to decide. */
export interface ResolvedOptions {
  /** These are for upgrades: judged by a key's realtime rule, not by its endpoint rules. */
  readonly upgrade: boolean;
  readonly sources: readonly CredentialSource[];
  readonly required: boolean | ((req: HostRequest) => Awaitable<boolean>);
  readonly tenant: ((req: HostRequest) => Awaitable<string | null | undefined>) | undefined;
  readonly environment: string;
  readonly scopes: readonly string[];
  readonly anonymousLimits: readonly LimitRule[];
  readonly cost: ((req: HostRequest) => Awaitable<number>) | undefined;
  readonly clientIp: ((req: HostRequest) => string | undefined) | undefined;
  readonly requireHttps: boolean;
  readonly headers: Required<HeaderOptions>;
  readonly stripCredential: boolean;
  readonly messages: RefusalMessages;
  readonly render: ((refusal: RefusalInfo, req: HostRequest) => unknown) | undefined;
  readonly deliver: 'respond' | 'next';
}

const REQUESTS: Entrance = {
  path: 'apiKeyAuth',
  names: ['credentials', 'required', 'tenant', 'environment', 'scopes', 'anonymousLimits', 'cost', 'clientIp', 'requireHttps', 'headers', 'stripCredential', 'refusals'],
  refusals: ['messages', 'render', 'deliver'],
  sources: [header('X-API-Key'), bearer()],
  upgrade: false,
};

/** Checks and completes the options; throws a `ConfigurationError` that names the wrong one. */
export function resolveOptions(options: unknown, engine: Engine, entrance: Entrance = REQUESTS): ResolvedOptions {
  const given = checkOptions(options, entrance.path, entrance.names) as ApiKeyAuthOptions;
  const headers = checkOptions(given.headers === undefined ? {} : given.headers, 'headers', ['rateLimit', 'legacy', 'cache']) as HeaderOptions;
  const refusals = checkOptions(given.refusals === undefined ? {} : given.refusals, 'refusals', entrance.refusals) as RefusalOptions;
  const { environment = 'live' } = given;
  const known = engine.formats.environments;
  if (!known.includes(environment)) throw unknownName('unknown_environment', 'environment', environment, known, 'environment');
  if (given.required !== undefined && typeof given.required !== 'boolean' && typeof given.required !== 'function') wrong('required', 'must be a boolean or a function');
  return {
    upgrade: entrance.upgrade,
    sources: given.credentials === undefined ? entrance.sources : resolveSources(given.credentials),
    required: given.required ?? true,
    tenant: callback(given, 'tenant'),
    environment,
    scopes: engine.scopes.check(given.scopes ?? [], 'scopes'),
    anonymousLimits: anonymousRules(given.anonymousLimits),
    cost: callback(given, 'cost'),
    clientIp: callback(given, 'clientIp'),
    requireHttps: flag(given.requireHttps, 'requireHttps', false),
    headers: {
      rateLimit: oneOf(headers.rateLimit ?? 'draft-11', 'headers.rateLimit', ['draft-11', false] as const),
      legacy: flag(headers.legacy, 'headers.legacy', false),
      cache: flag(headers.cache, 'headers.cache', true),
    },
    stripCredential: flag(given.stripCredential, 'stripCredential', false),
    messages: messagesOf(refusals.messages ?? {}),
    render: callback(refusals, 'render', 'refusals.'),
    deliver: oneOf(refusals.deliver ?? 'respond', 'refusals.deliver', ['respond', 'next'] as const),
  };
}

/** Whoever has no key is counted by address: that is what such rules mean, spelt `per: 'ip'` or not at all. */
function anonymousRules(limits: readonly LimitRule[] = []): readonly LimitRule[] {
  return checkRules(limits, 'anonymousLimits').map((rule, index) => {
    if (rule.per === 'key' || rule.per === 'ip') return Object.freeze({ ...rule, per: 'key' });
    throw new ConfigurationError('invalid_limit', `anonymousLimits[${String(index)}].per`, 'requests without a key have neither tenant nor owner');
  });
}

function wrong(option: string, message: string): never {
  throw new ConfigurationError('invalid_option', option, message);
}

/** A callback, called on its own: the caller's object may change afterwards without effect. */
function callback<T extends object, Name extends keyof T & string>(from: T, name: Name, path = ''): T[Name] | undefined {
  const value = from[name];
  if (value !== undefined && typeof value !== 'function') wrong(path + name, 'must be a function');
  return value;
}

function flag(value: unknown, path: string, fallback: boolean): boolean {
  if (value !== undefined && typeof value !== 'boolean') wrong(path, 'must be true or false');
  return value ?? fallback;
}

function oneOf<T>(value: T, path: string, allowed: readonly T[]): T {
  return allowed.includes(value) ? value : wrong(path, `must be one of ${allowed.map((item) => JSON.stringify(item)).join(', ')}`);
}

function messagesOf(messages: unknown): RefusalMessages {
  const codes = Object.keys(PROBLEMS);
  const given = checkOptions(messages, 'refusals.messages', codes);
  for (const code of codes) if (given[code] !== undefined && typeof given[code] !== 'string') wrong(`refusals.messages.${code}`, 'must be a string');
  return Object.freeze({ ...given });
}
