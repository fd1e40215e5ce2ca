import { ConfigurationError } from '../errors.js';
import type { UsageSpan } from '../observing.js';
import { checkOptions } from '../options.js';

const DAY_MS = 86_400_000;

/** How long the stretches are in which use is counted. Days begin with those of UTC, as epoch milliseconds do. */
export const SPAN_MS: Readonly<Record<UsageSpan, number>> = { minute: 60_000, hour: 3_600_000, day: DAY_MS };

/** From fine to coarse. */
export const SPANS: readonly UsageSpan[] = ['minute', 'hour', 'day'];

/** Where the stretch begins that `at` is in. */
export const startOf = (at: number, per: UsageSpan): number => Math.floor(at / SPAN_MS[per]) * SPAN_MS[per];

/** How long a meter keeps each detail, in days; 0 keeps none of it. */
export interface UsageRetention {
  /** Default: 2. */
  readonly minute?: number;
  /** Default: 90. */
  readonly hour?: number;
  /** Default: 730. */
  readonly day?: number;
}

/** The same in milliseconds. */
export type Retention = Readonly<Record<UsageSpan, number>>;

const DEFAULT_DAYS: Retention = { minute: 2, hour: 90, day: 730 };
const MOST_DAYS = 3_660;

/** Checks and completes a meter's option `keepDays`. */
export function readRetention(value: unknown, path: string): Retention {
  const given = checkOptions(value === undefined ? {} : value, path, SPANS);
  const msOf = (per: UsageSpan): number => {
    const days = given[per] ?? DEFAULT_DAYS[per];
    if (typeof days === 'number' && Number.isInteger(days) && days >= 0 && days <= MOST_DAYS) return days * DAY_MS;
    throw new ConfigurationError('invalid_option', `${path}.${per}`, `must be a whole number of days from 0 to ${String(MOST_DAYS)}`);
  };
  return { minute: msOf('minute'), hour: msOf('hour'), day: msOf('day') };
}

/** Batches are known again for so long. */
export const REMEMBERED_MS = 7 * DAY_MS;
