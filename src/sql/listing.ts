import { sql, type RawBuilder } from 'kysely';
import type { KeyPage, KeyQuery, KeySort } from '../core/ports.js';
import { isAnswerable, type SortedQuery } from './conditions.js';
import { readCursor, writeCursor, type Position } from './cursor.js';
import type { Engine } from './engine.js';
import { fewOf } from './few.js';
import { page, type OrderPart } from './page.js';
import { toRecord } from './rows.js';
import { searchedRows } from './searching.js';
import type { Row, Steps } from './steps.js';

type Base = Pick<Engine, 'names' | 'dialect'>;

const NEWEST_FIRST: KeySort = { by: 'createdAt', direction: 'desc' };

/** One page; a few statements, none of which reads much more than the page, however many keys there are. */
export function* list(base: Base, query: KeyQuery): Steps<KeyPage> {
  const { sort = NEWEST_FIRST, cursor, limit } = query;
  const start = cursor === undefined ? undefined : readCursor(sort, cursor);
  if (start === 'unreadable' || !isAnswerable(query)) return { records: [] };

  // One more than the page has, which tells whether there is a next one.
  const sorted = { ...query, sort, limit: limit + 1 };
  const found = yield* searchedRows(base, sorted, start);
  const rows = typeof found === 'object' ? found : yield* listedRows(base, sorted, start, found === 'walk' ? undefined : yield* fewOf(base, query));
  const records = rows.slice(0, limit).map(toRecord);
  const last = records.at(-1);
  return last === undefined || rows.length <= limit ? { records } : { records, nextCursor: writeCursor(sort, last) };
}

function* listedRows(base: Base, query: SortedQuery, start: Position | undefined, few: readonly string[] | undefined): Steps<readonly Row[]> {
  if (few?.length === 0) return [];
  const source = { from: sql`${base.names.table('keys')} as k`, conditions: conditionsOn(base, query, few), isFew: few !== undefined };
  const rows: Row[] = [];
  for (const part of partsFrom(query.sort, start)) {
    if (rows.length < query.limit) rows.push(...(yield page(base, { ...query, limit: query.limit - rows.length }, source, part)).rows);
  }
  return rows;
}

function conditionsOn({ names, dialect }: Base, { search }: KeyQuery, few: readonly string[] | undefined): RawBuilder<unknown>[] {
  const among = few === undefined ? [] : [dialect.among(sql.ref('k.id'), few)];
  if (search === undefined) return among;
  // Asked of each key in turn, as a value rather than a join: the order of the walk is not to be changed for it.
  const found = dialect.contains(sql.ref('s.content'), search.toLowerCase());
  return [...among, sql`(select case when ${found} then 1 else 0 end from ${names.table('search')} as s where s.key_id = k.id) = 1`];
}

/** Each part is a stretch of one index, in either direction, on engines that would put what has no value first as well as on others. */
function partsFrom({ by }: KeySort, start: Position | undefined): OrderPart[] {
  if (start?.value === null) return [{ hasValue: false, after: start }];
  const valued: OrderPart = { hasValue: true, after: start };
  return by === 'createdAt' || by === 'name' ? [valued] : [valued, { hasValue: false, after: undefined }];
}
