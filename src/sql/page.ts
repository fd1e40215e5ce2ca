import { sql, type RawBuilder } from 'kysely';
import type { KeySort } from '../core/ports.js';
import { conditionsOf, leadOf, type Lead, type SortedQuery } from './conditions.js';
import type { Position } from './cursor.js';
import type { Engine } from './engine.js';

type Base = Pick<Engine, 'names' | 'dialect'>;
type Part = RawBuilder<unknown>;

const SORT_COLUMNS = { createdAt: 'created_at', name: 'name', lastUsedAt: 'last_used_at', expiresAt: 'expires_at' } as const;

/** One of the two parts of an order: the keys that have the value, and after them those that have none. */
export interface OrderPart {
  readonly hasValue: boolean;
  readonly after: Position | undefined;
}

/** Where the keys of a page come from, as `k`. */
export interface Source {
  readonly from: Part;
  readonly conditions: readonly Part[];
  /** Something else has found some, which are looked at one by one; else they are walked in the order of an index. */
  readonly isFew: boolean;
  /** What says when a key was made, and its id, where they are in order before the keys are read. */
  readonly order?: Order;
}

type Order = readonly [value: Part, id: Part];

export function page({ names, dialect }: Base, query: SortedQuery, { from, conditions: found, isFew, order }: Source, { hasValue, after }: OrderPart): Part {
  const { sort, tag, limit } = query;
  const lead = leadOf(query, isFew);
  const [value, id] = order ?? orderOf(sort, lead);
  const conditions = [
    ...conditionsOf(query, lead, dialect),
    ...found,
    ...(tag === undefined ? [] : [sql`t.tag = ${tag}`]),
    ...(sort.by === 'createdAt' || sort.by === 'name' ? [] : [hasValue ? sql`${value} is not null` : sql`${value} is null`]),
    ...(after === undefined ? [] : [isAfter(value, id, sort, after, dialect.comparesRows)]),
  ];
  const direction = sql.raw(sort.direction);
  const tags = tag === undefined ? sql`` : sql`join ${names.table('tags')} as t on t.key_id = k.id`;
  return sql`
    select ${dialect.record('k')} from ${from} ${tags}
    where ${sql.join(conditions, sql` and `)} order by ${value} ${direction}, ${id} ${direction} limit ${limit}`;
}

/** By creation, the keys of one tag are walked in the index of the tags. */
function orderOf({ by }: KeySort, lead: Lead): Order {
  if (lead === 'tag' && by === 'createdAt') return [sql.ref('t.created_at'), sql.ref('t.key_id')];
  return [sql.ref(`k.${SORT_COLUMNS[by]}`), sql.ref('k.id')];
}

export function isAfter(value: Part, id: Part, { direction }: KeySort, after: Position, comparesRows: boolean): Part {
  const beyond = sql.raw(direction === 'asc' ? '>' : '<');
  if (after.value === null) return sql`${id} ${beyond} ${after.id}`;
  if (comparesRows) return sql`(${value}, ${id}) ${beyond} (${after.value}, ${after.id})`;
  return sql`(${value} ${beyond} ${after.value} or (${value} = ${after.value} and ${id} ${beyond} ${after.id}))`;
}
