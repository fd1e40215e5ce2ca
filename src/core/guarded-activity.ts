import { ConfigurationError, storeUnavailable } from './errors.js';
import { guarded } from './guarded-store.js';
import { checkOptions } from './options.js';
import type { Activity, ActivityLog, ActivityPage, ActivityQuery, Awaitable } from './ports.js';

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

/** Which part of the log is asked for. */
export interface ActivityOptions {
  readonly keyId?: string;
  readonly tenantId?: string;
  /** Entries a page, 1 to 500. Default: 50. */
  readonly limit?: number;
  /** `nextCursor` of the page before. */
  readonly cursor?: string;
}

export function toActivityQuery(options: ActivityOptions): ActivityQuery {
  const given = checkOptions(options, 'activity', ['keyId', 'tenantId', 'limit', 'cursor']);
  for (const name of ['keyId', 'tenantId', 'cursor']) {
    if (given[name] !== undefined && typeof given[name] !== 'string') throw new ConfigurationError('invalid_option', `activity.${name}`, 'must be a text');
  }
  const { limit = 50 } = options;
  if (typeof limit !== 'number') throw new ConfigurationError('invalid_option', 'activity.limit', 'must be a number');
  return { ...options, limit: Math.min(500, Math.max(1, Math.floor(limit) || 1)) };
}
