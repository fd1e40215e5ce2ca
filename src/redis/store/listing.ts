import { fits, NEWEST_FIRST, pageOf, readCursor, writeCursor, type Position } from '../../core/key-pages.js';
import type { KeyPage, KeyQuery, KeySort } from '../../core/ports.js';
import type { KeyRecord } from '../../core/record.js';
import type { Redis } from '../client.js';
import { ABSENT, memberOf, PRESENT, recordOf, type Layout } from './layout.js';
import { pageScript } from './scripts.js';
import { commonKeys, textsOf } from './writing.js';

/** Records read at once: about 100 kB and a few hundred µs of the server, in which it does nothing else. */
const CHUNK = 200;

/** Bounds of the members that have the value, and of those that have none. */
const WITH = [PRESENT, ABSENT] as const;
const WITHOUT = [ABSENT, 'r'] as const;

/** One page: records in the order of an index, looked at in chunks until the page is full. */
export async function listPage(redis: Redis, layout: Layout, query: KeyQuery): Promise<KeyPage> {
  const { cursor, limit, tenantId, sort = NEWEST_FIRST } = query;
  const after = cursor === undefined ? undefined : readCursor(cursor, sort);
  if (after === 'unreadable') return { records: [] };
  // A tenant's keys are few beside all keys: in another order than theirs, all of them are read and sorted here.
  if (tenantId !== undefined && sort.by !== 'createdAt') return pageOf(await take(walk(redis, layout, layout.tenant(tenantId), NEWEST_FIRST), query, Infinity), query);
  const index = tenantId === undefined ? layout.index(sort.by) : layout.tenant(tenantId);
  const found = await take(walk(redis, layout, index, sort, after), query, limit + 1);
  const records = found.slice(0, limit);
  const last = records.at(-1);
  return last === undefined || found.length <= limit ? { records } : { records, nextCursor: writeCursor(sort, { value: last[sort.by], id: last.id }) };
}

async function take(records: AsyncIterable<KeyRecord>, query: KeyQuery, most: number): Promise<KeyRecord[]> {
  const found: KeyRecord[] = [];
  for await (const record of records) {
    if (fits(record, query)) found.push(record);
    if (found.length >= most) break;
  }
  return found;
}

/** Every record of an index behind a position; those that have the value come first, whichever way it goes. */
async function* walk(redis: Redis, layout: Layout, index: string, { direction }: KeySort, after?: Position): AsyncGenerator<KeyRecord> {
  const start = after && memberOf(after.value, after.id);
  for (const [part, next] of start?.startsWith(ABSENT) === true ? [WITHOUT] : [WITH, WITHOUT]) {
    let from = start?.startsWith(part) === true ? `(${start}` : undefined;
    for (;;) {
      const bounds = direction === 'asc' ? [from ?? `[${part}`, `(${next}`] : [from ?? `(${next}`, `[${part}`];
      const texts = textsOf(await pageScript(redis, [...commonKeys(layout), index], [direction, ...bounds, String(CHUNK)]));
      for (let place = 0; place + 2 < texts.length; place += 3) {
        // A record that has gone since its place was read is passed over.
        if (texts[place + 1] !== '') yield recordOf(texts[place + 1] ?? '', texts[place + 2]);
      }
      if (texts.length < 3 * CHUNK) break;
      from = `(${texts.at(-3) ?? ''}`;
    }
  }
}
