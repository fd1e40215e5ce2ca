import { ConfigurationError } from '../errors.js';
import { checkOptions } from '../options.js';
import { resolveUnusual, type Unusual, type UnusualOptions } from '../usage/unusual-options.js';

const SECOND = 1_000;
const DAY = 86_400_000;

/** Rules for the life of every key of a keyring; durations in milliseconds. */
export interface LifecycleOptions {
  /** How long a rotated key goes on working, unless `rotate` says. Default: 24 hours. */
  readonly gracePeriod?: number;
  /** The longest life of a key: no `expiresAt` may be later, and a key without one gets it. Default: none. */
  readonly maxLifetime?: number;
  /** The age at which a key is announced as due for rotation. Default: 90 days. */
  readonly rotateAfter?: number;
  /** For how long a key may lie unused before it is announced. Default: 90 days. */
  readonly unusedAfter?: number;
  /** How long before its end a key is announced. Default: 7 days. */
  readonly expiringWithin?: number;
  /** How long a deleted key can be brought back. Default: 30 days. */
  readonly retention?: number;
  /** How often uses, activity and counts are written down, 100 ms to an hour: a crash loses no more of them. Default: 5 seconds. */
  readonly flushEvery?: number;
  /** What is pointed out as unusual use; `false`: nothing. */
  readonly unusual?: UnusualOptions | false;
}

export type Lifecycle = Required<Omit<LifecycleOptions, 'maxLifetime' | 'unusual'>> & { readonly maxLifetime: number | undefined; readonly unusual: Unusual | false };

const NAMES = ['gracePeriod', 'maxLifetime', 'rotateAfter', 'unusedAfter', 'expiringWithin', 'retention', 'flushEvery', 'unusual'];
/** No span of time is longer: what is added to a date then stays a date. */
const MAX_SPAN = 100 * 366 * DAY;

export function resolveLifecycle(options: unknown): Lifecycle {
  const given = checkOptions(options === undefined ? {} : options, 'lifecycle', NAMES);
  const span = (name: string, fallback: number, min = 0, max = MAX_SPAN): number => (given[name] === undefined ? fallback : checkSpan(given[name], `lifecycle.${name}`, min, max));
  return {
    gracePeriod: span('gracePeriod', DAY),
    maxLifetime: given['maxLifetime'] === undefined ? undefined : span('maxLifetime', 0, SECOND),
    rotateAfter: span('rotateAfter', 90 * DAY, SECOND),
    unusedAfter: span('unusedAfter', 90 * DAY, SECOND),
    expiringWithin: span('expiringWithin', 7 * DAY),
    retention: span('retention', 30 * DAY),
    flushEvery: span('flushEvery', 5 * SECOND, 100, 3_600 * SECOND),
    unusual: resolveUnusual(given['unusual'], 'lifecycle.unusual'),
  };
}

/** A duration in whole milliseconds. */
export function checkSpan(value: unknown, path: string, min = 0, max = MAX_SPAN): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw new ConfigurationError('invalid_option', path, `must be a whole number of milliseconds from ${String(min)} to ${String(max)}`);
}
