import { ConfigurationError } from '../errors.js';
import { checkOptions } from '../options.js';

/** Whose requests a rule counts. Owner and ip buckets are counted within a tenant. */
export type LimitSubject = 'key' | 'tenant' | 'owner' | 'ip';

/** At most `limit` units in any window of `windowMs` milliseconds. */
export interface WindowRule {
  readonly kind: 'window';
  /** Stands in `RateLimit-Policy`. */
  readonly name: string;
  readonly limit: number;
  readonly windowMs: number;
  readonly per: LimitSubject;
}

/** At most `limit` requests at once. */
export interface ConcurrencyRule {
  readonly kind: 'concurrency';
  readonly name: string;
  readonly limit: number;
  readonly per: LimitSubject;
}

export type LimitRule = WindowRule | ConcurrencyRule;

/** Settings of every limit builder. */
export interface LimitOptions {
  /** Whose requests are counted together. Default: `'key'`. */
  readonly per?: LimitSubject;
  /** Name in headers and problem bodies. Default: `minute`, `tenant-minute`, `concurrency`, … */
  readonly name?: string;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 366 * DAY;
const MAX_LIMIT = 1_000_000_000;
const SUBJECTS: readonly string[] = ['key', 'tenant', 'owner', 'ip'];
const NAMED_WINDOWS = new Map([
  [SECOND, 'second'],
  [MINUTE, 'minute'],
  [HOUR, 'hour'],
  [DAY, 'day'],
]);

/** At most `limit` units in any second. See {@link perMinute}. */
export const perSecond = (limit: number, options?: LimitOptions): WindowRule => perWindow(limit, SECOND, options);

/**
 * At most `limit` units in any sixty seconds, wherever they begin. Throws a `ConfigurationError` (`invalid_limit`)
 * unless `limit` is a whole number from 0 to 1,000,000,000.
 *
 * @example
 * ```ts
 * createKeyring({ prefix: 'awx', plans: { starter: [perMinute(60), perDay(10_000), concurrent(5)] } });
 * ```
 */
export const perMinute = (limit: number, options?: LimitOptions): WindowRule => perWindow(limit, MINUTE, options);

/** At most `limit` units in any hour. See {@link perMinute}. */
export const perHour = (limit: number, options?: LimitOptions): WindowRule => perWindow(limit, HOUR, options);

/** At most `limit` units in any 24 hours. See {@link perMinute}. */
export const perDay = (limit: number, options?: LimitOptions): WindowRule => perWindow(limit, DAY, options);

/** At most `limit` units in any window of `windowMs` milliseconds, one second to 366 days. See {@link perMinute}. */
export function perWindow(limit: number, windowMs: number, options: LimitOptions = {}): WindowRule {
  checkOptions(options, 'limit', ['per', 'name']);
  const per = options.per ?? 'key';
  const window = NAMED_WINDOWS.get(windowMs) ?? `${String(windowMs / SECOND)}s`;
  return checkRule({ kind: 'window', name: options.name ?? (per === 'key' ? window : `${per}-${window}`), limit, windowMs, per }, 'limit') as WindowRule;
}

/** At most `limit` requests at once. See {@link perMinute}. */
export function concurrent(limit: number, options: LimitOptions = {}): ConcurrencyRule {
  checkOptions(options, 'limit', ['per', 'name']);
  const per = options.per ?? 'key';
  const name = options.name ?? (per === 'key' ? 'concurrency' : `${per}-concurrency`);
  return checkRule({ kind: 'concurrency', name, limit, per }, 'limit') as ConcurrencyRule;
}

/** A frozen copy of a rule that may come from anywhere (a JSON body, a stored record), or a `ConfigurationError`. */
function checkRule(rule: unknown, path: string): LimitRule {
  const { kind, name, limit, windowMs, per } = checkOptions(rule, path, ['kind', 'name', 'limit', 'windowMs', 'per']);
  const fail = (field: string, message: string): never => {
    throw new ConfigurationError('invalid_limit', `${path}.${field}`, message);
  };
  if (typeof limit !== 'number' || !Number.isInteger(limit) || limit < 0 || limit > MAX_LIMIT) {
    return fail('limit', `must be a whole number from 0 to ${String(MAX_LIMIT)}`);
  }
  if (typeof per !== 'string' || !SUBJECTS.includes(per)) return fail('per', `must be one of ${SUBJECTS.join(', ')}`);
  if (typeof name !== 'string' || !/^[a-zA-Z0-9][\w.-]{0,63}$/.test(name)) return fail('name', 'must be 1 to 64 of A-Z a-z 0-9 _ . -');
  if (kind === 'concurrency') {
    if (windowMs !== undefined) fail('windowMs', 'a concurrency rule has no window');
    return Object.freeze({ kind, name, limit, per: per as LimitSubject });
  }
  if (kind !== 'window') return fail('kind', "must be 'window' or 'concurrency'");
  if (typeof windowMs !== 'number' || !Number.isInteger(windowMs) || windowMs < SECOND || windowMs > YEAR) {
    return fail('windowMs', 'must be a whole number of milliseconds from one second to 366 days');
  }
  return Object.freeze({ kind, name, limit, windowMs, per: per as LimitSubject });
}

/** Frozen copies of a list of rules; no two may share a name, or a subject and window. */
export function checkRules(rules: unknown, path: string): readonly LimitRule[] {
  if (!Array.isArray(rules)) throw new ConfigurationError('invalid_limit', path, 'must be a list of limits');
  if (rules.length > 16) throw new ConfigurationError('invalid_limit', path, 'at most 16 limits');
  const checked = rules.map((rule: unknown, index) => checkRule(rule, `${path}[${String(index)}]`));
  const seen = new Set<string>();
  for (const rule of checked) {
    for (const claim of [`name ${rule.name}`, `${rule.per} ${rule.kind === 'window' ? String(rule.windowMs) : 'at once'}`]) {
      if (seen.has(claim)) throw new ConfigurationError('duplicate_limit', path, `two limits share ${claim}`);
      seen.add(claim);
    }
  }
  return Object.freeze(checked);
}
