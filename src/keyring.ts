import { createKeyCache, type CacheOptions } from './core/cache.js';
import type { DraftContext } from './core/draft.js';
import { ConfigurationError, KeystileError } from './core/errors.js';
import { createEvents } from './core/events.js';
import { createExplain } from './core/explain.js';
import { createFormatBook } from './core/format/format-book.js';
import type { KeyFormat } from './core/format/key-format.js';
import { guardStore } from './core/guarded-store.js';
import { createHashBook } from './core/hashing/hash-book.js';
import { withEngine, type Keyring } from './core/keyring.js';
import { createFailureGate } from './core/limits/failures.js';
import { createLeaseKeeper } from './core/limits/leases.js';
import { checkRules, perMinute, type LimitRule } from './core/limits/rules.js';
import { createSpender, type OnLimiterError } from './core/limits/spender.js';
import { createLookup } from './core/lookup.js';
import { createOperations } from './core/operations.js';
import { checkOptions, isPlainObject } from './core/options.js';
import type { Awaitable, Clock, Hasher, KeyStore, Limiter } from './core/ports.js';
import { NO_FACTS, toFacts } from './core/request.js';
import { createScopeBook, type ScopeDeclarations } from './core/scopes.js';
import { createVerifier, type Verify } from './core/verifier.js';
import type { Verification } from './core/verification.js';
import { memoryLimiter } from './memory/limiter.js';
import { memoryStore } from './memory/store.js';

/** Settings of {@link createKeyring}. Everything but `prefix` has a default. */
export interface KeyringOptions<Scope extends string = string, Plan extends string = string> {
  /** The brand at the front of every key, 2 to 32 letters, digits, `_` or `-`. Not needed when `formats` say it all. */
  readonly prefix?: string;
  /** Key formats, as templates or made by `keyFormat`; the first makes new keys, the others are still accepted. */
  readonly formats?: string | KeyFormat | readonly (string | KeyFormat)[];
  /** Every scope with the scopes it implies. Default: none. */
  readonly scopes?: ScopeDeclarations<Scope>;
  /** Named sets of limits. */
  readonly plans?: { readonly [Name in Plan]: readonly LimitRule[] };
  /**
   * `default`: limits of keys with neither limits nor plan (default: none). `failures`: failed attempts an address may make
   * before it gets `too_many_failures` (default: 600 per minute; `[]` turns it off).
   */
  readonly limits?: { readonly default?: readonly LimitRule[]; readonly failures?: readonly LimitRule[] };
  /** The hasher for new keys, or a list whose first is that. Default: `sha256()`. */
  readonly hashing?: Hasher | readonly Hasher[];
  /** Default: `memoryStore()`. */
  readonly store?: KeyStore;
  /** Default: `memoryLimiter()`. */
  readonly limiter?: Limiter;
  /** When the limiter fails: count in this process (`local`, the default), refuse (`closed`) or let pass (`open`). */
  readonly onLimiterError?: OnLimiterError;
  /** The verified-key cache; `false` asks the store for every request. */
  readonly cache?: CacheOptions | false;
  /** Longest waits in milliseconds. Default: 2,000 for store, hashers and callbacks, 100 for the limiter. */
  readonly deadlines?: { readonly storeMs?: number; readonly limiterMs?: number };
  /** Where time comes from. Default: `Date`. */
  readonly clock?: Clock;
}

const OPTIONS = ['prefix', 'formats', 'scopes', 'plans', 'limits', 'hashing', 'store', 'limiter', 'onLimiterError', 'cache', 'deadlines', 'clock'];
const STORE_METHODS = ['insert', 'find', 'update', 'delete', 'list'];
const LIMITER_METHODS = ['consume', 'peek', 'renew', 'release', 'reset'];

/**
 * Makes a keyring: the service that issues, verifies, restricts, limits and revokes API keys. In memory by default.
 *
 * Throws a `ConfigurationError` that names the option, before anything is made.
 *
 * @example
 * ```ts
 * const keyring = createKeyring({
 *   prefix: 'awx',
 *   scopes: { read: [], write: ['read'] },
 *   plans: { starter: [perMinute(60), perDay(10_000), concurrent(5)] },
 * });
 * const { key } = await keyring.create({ name: 'production-backend', scopes: ['read'], plan: 'starter' });
 * ```
 */
export function createKeyring<const Scope extends string = never, const Plan extends string = never>(options: KeyringOptions<Scope, Plan>): Keyring<Scope, Plan> {
  checkOptions(options, 'createKeyring', OPTIONS);
  const { storeMs = 2_000, limiterMs = 100 } = section(options.deadlines, 'deadlines', ['storeMs', 'limiterMs']);
  for (const ms of [storeMs, limiterMs]) wholeNumber(ms, 'deadlines', 1, 600_000);
  const clock = port<Clock>(options.clock ?? Date, 'clock', ['now']);
  const formats = createFormatBook(options.prefix, options.formats);
  const hashes = createHashBook(options.hashing);
  if (hashes.current.salted && formats.all.some((format) => !format.has.id)) {
    throw new ConfigurationError('invalid_format', 'formats', 'a salted hash can only be found by an id, so every format needs {id}');
  }
  const limits = section(options.limits, 'limits', ['default', 'failures']);
  const context: DraftContext = {
    scopes: createScopeBook(options.scopes ?? {}),
    plans: plansOf(options.plans),
    defaultLimits: checkRules(limits.default ?? [], 'limits.default'),
    environments: formats.environments,
  };
  const failureRules = checkRules(limits.failures ?? [perMinute(600, { per: 'ip', name: 'failures' })], 'limits.failures');

  const events = createEvents();
  const report = (error: unknown): void => {
    if (events.wanted('fault')) events.emit('fault', { at: clock.now(), error });
  };
  const store = guardStore(port<KeyStore>(options.store ?? memoryStore(), 'store', STORE_METHODS), storeMs);
  const leases = createLeaseKeeper(report);
  const ownClock = options.clock === undefined ? {} : { clock };
  const spender = createSpender({
    limiter: port<Limiter>(options.limiter ?? memoryLimiter(ownClock), 'limiter', LIMITER_METHODS),
    fallback: memoryLimiter(ownClock),
    onLimiterError: oneOf(options.onLimiterError ?? 'local', 'onLimiterError', ['local', 'closed', 'open']),
    deadlineMs: limiterMs,
    leases,
    report,
  });
  const cache = createKeyCache(options.cache === false ? { max: 0 } : cacheOptions(options.cache));
  const lookup = createLookup({ formats, hashes, store, cache, context, deadlineMs: storeMs, report });
  const verifier = createVerifier({ lookup, spender, failures: createFailureGate(failureRules, spender), events, clock });
  const operations = createOperations({ store, formats, hashes, context, events, clock, forget: (id) => { lookup.forget(id); } });
  const explain = createExplain(store, spender, context, clock);

  let closed = false;
  const stillOpen = (): void => {
    if (closed) throw new KeystileError('keyring_closed', 'the keyring has been closed', { status: 503 });
  };
  /** Operations answer with promises, whatever their parts answer with. */
  const open = <T>(work: () => Awaitable<T>): Promise<T> => {
    try {
      stillOpen();
      return Promise.resolve(work());
    } catch (error) {
      return Promise.reject(error as Error);
    }
  };
  const verify: Verify = (key, facts) => {
    stillOpen();
    return verifier(key, facts);
  };
  const factsOf = (request: Parameters<typeof toFacts>[0] | undefined): ReturnType<typeof toFacts> => (request === undefined ? NO_FACTS : toFacts(request));

  const keyring: Keyring<Scope, Plan> = {
    format: formats.current,
    create: (settings) => open(() => operations.create(settings)),
    import: (source) => open(() => operations.import(source)),
    verify(key, request) {
      try {
        // Already decided, nearly always: one promise, no closure.
        return Promise.resolve(verify(key, factsOf(request)) as Awaitable<Verification<Scope>>);
      } catch (error) {
        return Promise.reject(error as Error);
      }
    },
    get: (id) => open(() => operations.get(id)),
    list: (query) => open(() => operations.list(query)),
    update: (id, patch, guard) => open(() => operations.update(id, patch, guard)),
    disable: (id) => open(() => operations.disable(id)),
    enable: (id) => open(() => operations.enable(id)),
    revoke: (id, why) => open(() => operations.revoke(id, why)),
    delete: (id) => open(() => operations.delete(id)),
    explain: (id, request) => open(() => explain(id, factsOf(request))),
    on: (name, listener) => events.on(name, listener),
    close() {
      closed = true;
      leases.close();
      cache.clear();
      return Promise.resolve();
    },
  };
  return withEngine(keyring, { formats, scopes: context.scopes, spender, clock, deadlineMs: storeMs, verify, report });
}

function plansOf(plans: unknown): ReadonlyMap<string, readonly LimitRule[]> {
  if (plans === undefined) return new Map();
  if (!isPlainObject(plans)) throw new ConfigurationError('invalid_option', 'plans', 'must be an object: { starter: [perMinute(60)] }');
  return new Map(Object.entries(plans).map(([name, rules]) => [name, checkRules(rules, `plans.${name}`)]));
}

function section<T extends object>(value: T | undefined, path: string, names: readonly string[]): Partial<T> {
  if (value !== undefined) checkOptions(value, path, names);
  return value ?? {};
}

function cacheOptions(options: CacheOptions | undefined): CacheOptions {
  const { max, ttlMs } = section(options, 'cache', ['max', 'ttlMs']);
  if (max !== undefined) wholeNumber(max, 'cache.max', 0, 10_000_000);
  if (ttlMs !== undefined) wholeNumber(ttlMs, 'cache.ttlMs', 0, 86_400_000);
  return options ?? {};
}

function wholeNumber(value: number, path: string, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new ConfigurationError('invalid_option', path, `must be a whole number from ${String(min)} to ${String(max)}`);
}

function oneOf<T extends string>(value: T, path: string, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value;
  throw new ConfigurationError('invalid_option', path, `must be one of ${allowed.join(', ')}`);
}

function port<T>(value: unknown, path: string, methods: readonly string[]): T {
  const candidate = value as Record<string, unknown> | null;
  for (const method of methods) {
    // `Date` is a fitting clock, so functions are looked into as well.
    if ((typeof candidate !== 'object' && typeof candidate !== 'function') || typeof candidate?.[method] !== 'function') {
      throw new ConfigurationError('invalid_option', path, `must have the method ${method}`);
    }
  }
  return value as T;
}
