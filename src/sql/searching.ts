import { sql, type RawBuilder } from 'kysely';
import { leadOf, type SortedQuery } from './conditions.js';
import type { Position } from './cursor.js';
import type { Engine } from './engine.js';
import { FEW } from './few.js';
import { page, type Source } from './page.js';
import { ALL_STRETCHES, isWithin, stretchIn, stretchOf, type Stretches } from './places.js';
import type { Row, Steps } from './steps.js';
import { matchFor } from './words.js';

type Base = Pick<Engine, 'names' | 'dialect'>;
type Part = RawBuilder<unknown>;

/**
 * The rows of a search in the order of creation, where the index of texts is read in that order itself, newest or oldest first, until
 * the page is full; `undefined` where the list had better be walked.
 */
export function* searchedRows(base: Base, query: SortedQuery, after: Position | undefined): Steps<readonly Row[] | undefined> {
  const { search = '', sort, deleted = false } = query;
  // What another filter leaves may be few of the many that have a word: that is for its index.
  if (search === '' || sort.by !== 'createdAt' || deleted || leadOf(query, false) !== 'order') return undefined;
  return base.dialect.name === 'sqlite' ? yield* inStretches(base, query, after) : undefined;
}

/** SQLite: first where a stretch of time ends in which there may be a page of them, by the index alone; then what is in it. */
function* inStretches(base: Base, query: SortedQuery, after: Position | undefined): Steps<readonly Row[] | undefined> {
  const part = (query.search ?? '').toLowerCase();
  const match = yield* matchFor(base.names, part);
  if (match === 'none') return [];
  if (match === 'many') return undefined;
  const rising = query.sort.direction === 'asc';
  const has = matching(base, match);
  const source = found(base, match, part);
  const rows: Row[] = [];
  let open = stretchesFrom(rising, after);
  for (let reach = 2 * query.limit; reach <= FEW; reach *= 2) {
    const [edge] = (yield sql`
      select ${stretchIn(sql.ref('i.rowid'))} as stretch from ${has.from} where ${has.condition} and ${isWithin(sql.ref('i.rowid'), open)}
      order by i.rowid ${sql.raw(query.sort.direction)} limit 1 offset ${reach}`).rows;
    const [near, rest] = edge === undefined ? [open] : cut(open, Number(edge['stretch']), rising);
    // More in one stretch than were looked for.
    if (near.first > near.last) continue;
    const within = { ...source, conditions: [...source.conditions, isWithin(sql.ref('i.rowid'), near)] };
    rows.push(...(yield page(base, { ...query, limit: query.limit - rows.length }, within, { hasValue: true, after })).rows);
    if (rows.length >= query.limit || rest === undefined) return rows;
    open = rest;
  }
  return undefined;
}

/** A cursor's own stretch is read again: of the keys in it some come before, others after. */
function stretchesFrom(rising: boolean, after: Position | undefined): Stretches {
  if (after === undefined) return ALL_STRETCHES;
  const stretch = stretchOf(Number(after.value));
  return rising ? { ...ALL_STRETCHES, first: stretch } : { ...ALL_STRETCHES, last: stretch };
}

/** What lies before a stretch, in the order of the walk, and the rest. */
function cut({ first, last }: Stretches, stretch: number, rising: boolean): readonly [near: Stretches, rest: Stretches] {
  return rising ? [{ first, last: stretch - 1 }, { first: stretch, last }] : [{ first: stretch + 1, last }, { first, last: stretch }];
}

function matching({ names }: Base, match: string): { readonly from: Part; readonly condition: Part } {
  return { from: sql`${names.table('search_index')} as i`, condition: sql`i.${sql.ref(names.name('search_index'))} match ${match}` };
}

function found(base: Base, match: string, part: string): Source {
  const { names, dialect } = base;
  const { from, condition } = matching(base, match);
  return {
    from: sql`${from} cross join ${names.table('search')} as s on s.seq = i.rowid cross join ${names.table('keys')} as k on k.id = s.key_id`,
    conditions: [condition, dialect.contains(sql.ref('s.content'), part)],
    isFew: true,
  };
}
