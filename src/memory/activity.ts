import { ConfigurationError } from '../core/errors.js';
import type { Activity, ActivityLog, ActivityPage, ActivityQuery } from '../core/observing.js';
import { checkOptions } from '../core/options.js';

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
  /** In the order of time; now and then a little more than `max`, since taking away one at a time would move all the others. */
  let lines: Line[] = [];
  let written = 0;
  return {
    append(entries) {
      for (const entry of entries) {
        const line: Line = [entry.at, written++, Object.freeze({ ...entry })];
        // Nearly always the newest. A clock that was set back makes the exception.
        if (lines.length === 0 || compare(line, lines.at(-1) as Line) > 0) lines.push(line);
        else lines.splice(firstFrom(lines, line), 0, line);
      }
      // By when they were written: a clock that was ahead for a while must not make all that comes later the oldest.
      if (lines.length > max + SLACK) lines = lines.filter(([, number]) => number >= written - max);
    },
    list: (query) => pageOf(lines, written - max, query),
  };
}

const SLACK = 1_000;

/** When it happened, how many were written before it, and what it is. */
type Line = readonly [at: number, number: number, entry: Activity];
type Place = readonly [at: number, number: number, ...unknown[]];

const compare = (a: Place, b: Place): number => a[0] - b[0] || a[1] - b[1];

/** The index of the first line that is at this place or after it. */
function firstFrom(lines: readonly Line[], place: Place): number {
  let [low, high] = [0, lines.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(lines[middle] as Line, place) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Newest first. */
function pageOf(lines: readonly Line[], oldest: number, query: ActivityQuery): ActivityPage {
  const { limit, cursor, from = -Infinity, to } = query;
  const after = cursor === undefined ? undefined : readCursor(cursor);
  if (after === 'unreadable') return { entries: [] };
  const fits: Fits = ([at, number, entry]) => at >= from && number >= oldest && FILTERS.every((name) => query[name] === undefined || entry[name] === query[name]);
  const end = Math.min(after === undefined ? lines.length : endOf(lines, fits, after), to === undefined ? lines.length : firstFrom(lines, [to, -1]));
  const found: Line[] = [];
  for (let index = end - 1; index >= 0; index--) {
    const line = lines[index] as Line;
    if (line[0] < from) break;
    if (!fits(line)) continue;
    if (found.length === limit) return { entries: found.map(([, , entry]) => entry), nextCursor: cursorOf(lines, fits, found.at(-1) as Line) };
    found.push(line);
  }
  return { entries: found.map(([, , entry]) => entry) };
}

const FILTERS = ['keyId', 'tenantId', 'by', 'action', 'result'] as const satisfies readonly (keyof Activity & keyof ActivityQuery)[];

type Fits = (line: Line) => boolean;

/**
 * After which entry a page begins: one of this moment, with so many older ones of the same moment that the same filters let through. How
 * many were written before it in all is no part of it: two such numbers would tell a tenant how much the others do.
 */
interface Cursor {
  readonly at: number;
  readonly older: number;
}

function cursorOf(lines: readonly Line[], fits: Fits, last: Line): string {
  const [at] = last;
  let older = 0;
  for (let index = firstFrom(lines, last) - 1; lines[index]?.[0] === at; index--) if (fits(lines[index] as Line)) older++;
  return `${String(at)}-${String(older)}`;
}

function readCursor(cursor: string): Cursor | 'unreadable' {
  const [, at, older] = /^(\d{1,16})-(\d{1,16})$/.exec(cursor) ?? [];
  return at === undefined ? 'unreadable' : { at: Number(at), older: Number(older) };
}

/**
 * The index behind the last line that is older. What was written meanwhile comes after those; when some of them have made room, a few
 * entries of that moment come once more, rather than never.
 */
function endOf(lines: readonly Line[], fits: Fits, { at, older }: Cursor): number {
  let index = firstFrom(lines, [at, -1]);
  for (let left = older; left > 0 && lines[index]?.[0] === at; index++) if (fits(lines[index] as Line)) left--;
  return index;
}
