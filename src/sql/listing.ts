import { sql, type RawBuilder } from 'kysely';
import type { KeyPage, KeyQuery, KeySort } from '../core/ports.js';
import { conditionsOf, isAnswerable, leadOf, type Lead, type SortedQuery } from './conditions.js';
import { readCursor, writeCursor, type Position } from './cursor.js';
import type { Engine } from './engine.js';
import { fewOf } from './few.js';
import { toRecord } from './rows.js';
import type { Row, Steps } from './steps.js';

type Base = Pick<Engine, 'names' | 'dialect'>;
type Part = RawBuilder<unknown>;

const NEWEST_FIRST: KeySort = { by: 'createdAt', direction: 'desc' };
const SORT_COLUMNS = { createdAt: 'created_at', name: 'name', lastUsedAt: 'last_used_at', expiresAt: 'expires_at' } as const;

/** One page; a few statements, none of which reads much more than the page, however many keys there are. */
export function* list(base: Base, query: KeyQuery): Steps<KeyPage> {
  const { sort = NEWEST_FIRST, cursor, limit } = query;
  const start = cursor === undefined ? undefined : readCursor(sort, cursor);
  if (start === 'unreadable' || !isAnswerable(query)) return { records: [] };
  const few = yield* fewOf(base, query);
  if (few?.length === 0) return { records: [] };

  const rows: Row[] = [];
  for (const { hasValue, after } of partsFrom(sort, start)) {
    if (rows.length <= limit) rows.push(...(yield page(base, { ...query, sort, limit: limit + 1 - rows.length }, { few, hasValue, after })).rows);
  }
  const records = rows.slice(0, limit).map(toRecord);
  const last = records.at(-1);
  return last === undefined || rows.length <= limit ? { records } : { records, nextCursor: writeCursor(sort, last) };
}

/** One of the two parts of an order: the keys that have the value, and after them those that have none. */
interface OrderPart {
  readonly hasValue: boolean;
  readonly after: Position | undefined;
}

/** Each part is a stretch of one index, in either direction, on engines that would put what has no value first as well as on others. */
function partsFrom({ by }: KeySort, start: Position | undefined): OrderPart[] {
  if (start?.value === null) return [{ hasValue: false, after: start }];
  const valued: OrderPart = { hasValue: true, after: start };
  return by === 'createdAt' || by === 'name' ? [valued] : [valued, { hasValue: false, after: undefined }];
}

interface PageSettings extends OrderPart {
  readonly few: readonly string[] | undefined;
}

function page({ names, dialect }: Base, query: SortedQuery, { few, hasValue, after }: PageSettings): Part {
  const { sort, tag, search, limit } = query;
  const lead = leadOf(query, few !== undefined);
  const [value, id] = orderOf(sort, lead);
  const conditions = [
    ...conditionsOf(query, lead, dialect),
    ...(few === undefined ? [] : [dialect.among(sql.ref('k.id'), few)]),
    ...(tag === undefined ? [] : [sql`t.tag = ${tag}`]),
    ...(search === undefined ? [] : [searched({ names, dialect }, search)]),
    ...(sort.by === 'createdAt' || sort.by === 'name' ? [] : [hasValue ? sql`${value} is not null` : sql`${value} is null`]),
    ...(after === undefined ? [] : [isAfter(value, id, sort, after, dialect.comparesRows)]),
  ];
  const direction = sql.raw(sort.direction);
  const tags = tag === undefined ? sql`` : sql`join ${names.table('tags')} as t on t.key_id = k.id`;
  return sql`
    select ${dialect.record('k')} from ${names.table('keys')} as k ${tags}
    where ${sql.join(conditions, sql` and `)} order by ${value} ${direction}, ${id} ${direction} limit ${limit}`;
}

/** By creation, the keys of one tag are walked in the index of the tags. */
function orderOf({ by }: KeySort, lead: Lead): readonly [value: Part, id: Part] {
  if (lead === 'tag' && by === 'createdAt') return [sql.ref('t.created_at'), sql.ref('t.key_id')];
  return [sql.ref(`k.${SORT_COLUMNS[by]}`), sql.ref('k.id')];
}

function isAfter(value: Part, id: Part, { direction }: KeySort, after: Position, comparesRows: boolean): Part {
  const beyond = sql.raw(direction === 'asc' ? '>' : '<');
  if (after.value === null) return sql`${id} ${beyond} ${after.id}`;
  if (comparesRows) return sql`(${value}, ${id}) ${beyond} (${after.value}, ${after.id})`;
  return sql`(${value} ${beyond} ${after.value} or (${value} = ${after.value} and ${id} ${beyond} ${after.id}))`;
}

/** Asked of each key in turn, as a value rather than a join: the order of the walk is not to be changed for it. */
function searched({ names, dialect }: Base, search: string): Part {
  const found = dialect.contains(sql.ref('s.content'), search.toLowerCase());
  return sql`(select case when ${found} then 1 else 0 end from ${names.table('search')} as s where s.key_id = k.id) = 1`;
}
