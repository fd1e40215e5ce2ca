import { ConfigurationError, storeUnavailable } from './errors.js';
import { guarded } from './guarded-store.js';
import type { Activity, ActivityLog, ActivityPage, ActivityQuery } from './observing.js';
import { checkOptions } from './options.js';
import { epochMs } from './usage/epoch.js';
import type { Awaitable } from './ports.js';

/** A log whose every call has a deadline and whose answers are checked for their shape. */
export interface GuardedActivity {
  append(entries: readonly Activity[]): Awaitable<void>;
  list(query: ActivityQuery): Awaitable<ActivityPage>;
}

export function guardActivity(log: ActivityLog, deadlineMs: number): GuardedActivity {
  return {
    append: (entries) => guarded(() => log.append(entries), () => undefined, 'activity.append', deadlineMs),
    list: (query) => guarded(() => log.list(query), readPage, 'activity.list', deadlineMs),
  };
}

function readPage(answer: unknown): ActivityPage {
  const page = answer as Partial<ActivityPage> | null | undefined;
  if (typeof page !== 'object' || page === null || !Array.isArray(page.entries)) throw storeUnavailable('the activity log answered with something that is no page');
  return page as ActivityPage;
}

/** Which part of the log is asked for: entries for which every filter that is given holds. */
export interface ActivityOptions {
  readonly keyId?: string;
  readonly tenantId?: string;
  /** Who had an operation done. */
  readonly by?: string;
  /** `request`, `created`, `unusual`, … */
  readonly action?: string;
  /** `ok`, or a code. */
  readonly result?: string;
  /** `from <= at < to`, as a `Date` or epoch milliseconds. */
  readonly from?: Date | number;
  readonly to?: Date | number;
  /** Entries a page, 1 to 500. Default: 50. */
  readonly limit?: number;
  /** `nextCursor` of the page before, with the same filters. */
  readonly cursor?: string;
}

const TEXTS = ['keyId', 'tenantId', 'by', 'action', 'result', 'cursor'];

export function toActivityQuery(options: ActivityOptions): ActivityQuery {
  const given = checkOptions(options, 'activity', [...TEXTS, 'from', 'to', 'limit']);
  for (const name of TEXTS) {
    if (given[name] !== undefined && typeof given[name] !== 'string') throw new ConfigurationError('invalid_option', `activity.${name}`, 'must be a text');
  }
  const { limit = 50, from, to, ...filters } = options;
  if (typeof limit !== 'number') throw new ConfigurationError('invalid_option', 'activity.limit', 'must be a number');
  return {
    ...filters,
    ...(from !== undefined && { from: epochMs(from, 'activity.from') }),
    ...(to !== undefined && { to: epochMs(to, 'activity.to') }),
    limit: Math.min(500, Math.max(1, Math.floor(limit) || 1)),
  };
}
