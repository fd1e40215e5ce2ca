import { createAccessBook } from './access/access-book.js';
import type { CacheOptions } from './cache.js';
import type { DraftContext } from './management/draft.js';
import { ConfigurationError } from './errors.js';
import { createFormatBook, type FormatBook } from './format/format-book.js';
import type { KeyFormat } from './format/key-format.js';
import { createHashBook, type HashBook } from './hashing/hash-book.js';
import { resolveLifecycle, type LifecycleOptions } from './management/lifecycle-options.js';
import { checkRules, perMinute, type LimitRule } from './limits/rules.js';
import type { OnLimiterError } from './limits/spender.js';
import type { ActivityLog, UsageMeter } from './observing.js';
import { checkOptions, isPlainObject } from './options.js';
import type { Clock, Hasher, Invalidation, KeyStore, Limiter } from './ports.js';
import { createScopeBook, type ScopeDeclarations } from './scopes.js';

/** Settings of `createKeyring`. Everything but `prefix` has a default. */
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
  /** Where requests and operations are written down, for review. Default: nowhere. */
  readonly activity?: ActivityLog;
  /** Where use is counted, per key and tenant. Default: nowhere. */
  readonly usage?: UsageMeter;
  /** Rules for the life of every key. */
  readonly lifecycle?: LifecycleOptions;
  /** The verified-key cache; `false` asks the store for every request. */
  readonly cache?: CacheOptions | false;
  /** Longest waits in milliseconds. Default: 2,000 for store, hashers and callbacks, 100 for the limiter. */
  readonly deadlines?: { readonly storeMs?: number; readonly limiterMs?: number };
  /** Where time comes from. Default: `Date`. */
  readonly clock?: Clock;
}

/** The options checked and completed; `undefined` where a default is the composition root's to choose. */
export interface ResolvedKeyringOptions {
  readonly formats: FormatBook;
  readonly hashes: HashBook;
  readonly context: DraftContext;
  readonly failureRules: readonly LimitRule[];
  readonly store: KeyStore | undefined;
  readonly limiter: Limiter | undefined;
  readonly activity: ActivityLog | undefined;
  readonly usage: UsageMeter | undefined;
  readonly onLimiterError: OnLimiterError;
  readonly cache: CacheOptions;
  readonly storeMs: number;
  readonly limiterMs: number;
  readonly clock: Clock | undefined;
}

const OPTIONS = ['prefix', 'formats', 'scopes', 'plans', 'limits', 'hashing', 'store', 'limiter', 'onLimiterError', 'cache', 'deadlines', 'lifecycle', 'activity', 'usage', 'clock'];
const STORE_METHODS = ['insert', 'find', 'update', 'replace', 'delete', 'list', 'touch'];
const LIMITER_METHODS = ['consume', 'peek', 'renew', 'release', 'reset'];

/** Checks every option; throws a `ConfigurationError` that names the wrong one. */
export function resolveKeyringOptions(options: KeyringOptions): ResolvedKeyringOptions {
  checkOptions(options, 'createKeyring', OPTIONS);
  const { storeMs = 2_000, limiterMs = 100 } = section(options.deadlines, 'deadlines', ['storeMs', 'limiterMs']);
  wholeNumber(storeMs, 'deadlines.storeMs', 1, 600_000);
  wholeNumber(limiterMs, 'deadlines.limiterMs', 1, 600_000);
  const formats = createFormatBook(options.prefix, options.formats);
  const hashes = createHashBook(options.hashing);
  if (hashes.current.salted && formats.all.some((format) => !format.has.id)) {
    throw new ConfigurationError('invalid_format', 'formats', 'a salted hash can only be found by an id, so every format needs {id}');
  }
  const limits = section(options.limits, 'limits', ['default', 'failures']);
  return {
    formats,
    hashes,
    context: {
      identity: Symbol('keyring'),
      scopes: createScopeBook(options.scopes ?? {}),
      access: createAccessBook(),
      plans: plansOf(options.plans),
      defaultLimits: checkRules(limits.default ?? [], 'limits.default'),
      environments: formats.environments,
      lifecycle: resolveLifecycle(options.lifecycle),
    },
    failureRules: windows(checkRules(limits.failures ?? [perMinute(600, { per: 'ip', name: 'failures' })], 'limits.failures'), 'limits.failures'),
    store: options.store === undefined ? undefined : port<KeyStore>(options.store, 'store', STORE_METHODS),
    limiter: options.limiter === undefined ? undefined : port<Limiter>(options.limiter, 'limiter', LIMITER_METHODS),
    activity: options.activity === undefined ? undefined : port<ActivityLog>(options.activity, 'activity', ['append', 'list']),
    usage: options.usage === undefined ? undefined : port<UsageMeter>(options.usage, 'usage', ['add', 'read', 'top']),
    onLimiterError: oneOf(options.onLimiterError ?? 'local', 'onLimiterError', ['local', 'closed', 'open']),
    cache: options.cache === false ? { max: 0 } : cacheOptions(options.cache),
    storeMs,
    limiterMs,
    clock: options.clock === undefined ? undefined : port<Clock>(options.clock, 'clock', ['now']),
  };
}

function plansOf(plans: unknown): ReadonlyMap<string, readonly LimitRule[]> {
  if (plans === undefined) return new Map();
  if (!isPlainObject(plans)) throw new ConfigurationError('invalid_option', 'plans', 'must be an object: { starter: [perMinute(60)] }');
  return new Map(Object.entries(plans).map(([name, rules]) => [name, checkRules(rules, `plans.${name}`)]));
}

/** Failed attempts are over at once, so a cap on how many are made at a time would limit nothing. */
function windows(rules: readonly LimitRule[], path: string): readonly LimitRule[] {
  if (rules.every(({ kind }) => kind === 'window')) return rules;
  throw new ConfigurationError('invalid_limit', path, 'must be windows, such as perMinute(60)');
}

function section<T extends object>(value: T | undefined, path: string, names: readonly string[]): Partial<T> {
  if (value !== undefined) checkOptions(value, path, names);
  return value ?? {};
}

function cacheOptions(options: CacheOptions | undefined): CacheOptions {
  const { max, ttlMs, invalidation } = section(options, 'cache', ['max', 'ttlMs', 'invalidation']);
  if (invalidation !== undefined) port<Invalidation>(invalidation, 'cache.invalidation', ['publish', 'subscribe']);
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
