import { ConfigurationError } from '../core/errors.js';
import { checkOptions } from '../core/options.js';
import type { Activity, ActivityLog, ActivityPage, ActivityQuery } from '../core/ports.js';

/**
 * The latest activity in this process's memory: `max` entries (default 10,000, about 3 MB), then the oldest make room.
 *
 * @example
 * ```ts
 * const keyring = createKeyring({ prefix: 'awx', activity: memoryActivity({ max: 50_000 }) });
 * ```
 */
export function memoryActivity(options: { readonly max?: number } = {}): ActivityLog {
  checkOptions(options, 'memoryActivity', ['max']);
  const { max = 10_000 } = options;
  if (!Number.isInteger(max) || max < 1 || max > 10_000_000) throw new ConfigurationError('invalid_option', 'memoryActivity.max', 'must be a whole number from 1 to 10,000,000');
  const ring: Activity[] = [];
  /** How many entries there have been: entry `n` is at `n % max`, while it is one of the latest `max`. */
  let written = 0;
  return {
    append(entries) {
      for (const entry of entries) ring[written++ % max] = Object.freeze({ ...entry });
    },
    list: (query) => pageOf(ring, max, written, query),
  };
}

/** Newest first. A cursor is the number of the page's last entry, so what comes in meanwhile neither repeats nor hides one. */
function pageOf(ring: readonly Activity[], max: number, written: number, { keyId, tenantId, limit, cursor }: ActivityQuery): ActivityPage {
  const before = cursor === undefined ? written : /^\d{1,15}$/.test(cursor) ? Math.min(Number(cursor), written) : 0;
  const oldest = Math.max(0, written - max);
  const entries: Activity[] = [];
  for (let number = before - 1; number >= oldest; number--) {
    const entry = ring[number % max] as Activity;
    if ((keyId !== undefined && entry.keyId !== keyId) || (tenantId !== undefined && entry.tenantId !== tenantId)) continue;
    if (entries.length === limit) return { entries, nextCursor: String(number + 1) };
    entries.push(entry);
  }
  return { entries };
}
