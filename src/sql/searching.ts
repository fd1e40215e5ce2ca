import { sql, type RawBuilder } from 'kysely';
import { leadOf, type SortedQuery } from './conditions.js';
import type { Position } from './cursor.js';
import type { Engine } from './engine.js';
import { isAfter, page, type Source } from './page.js';
import type { Row, Steps } from './steps.js';
import { inStretches } from './stretches.js';

type Base = Pick<Engine, 'names' | 'dialect'>;
type Part = RawBuilder<unknown>;

/** So many texts are looked at first, in order: enough for a page of what one key in twenty has, and for a guess at what is rarer. */
const SAMPLE = 1_000;
/** Where so many of the sample are found, a longer walk fills the page sooner than the index finds all that there are. */
const FOUND = 4;
const WALK = 20_000;

/**
 * The rows of a search in the order of creation, found by the texts alone: only the keys of the page itself are read. `undefined` where
 * another filter or another order leads; `walk` where the list is to be walked, since nothing that could lead is rare.
 */
export function* searchedRows(base: Base, query: SortedQuery, after: Position | undefined): Steps<readonly Row[] | 'walk' | undefined> {
  const { search = '', sort, deleted = false } = query;
  if (search === '' || sort.by !== 'createdAt' || deleted || leadOf(query, false) !== 'order') return undefined;
  const part = search.toLowerCase();
  return yield* base.dialect.name === 'sqlite' ? inStretches(base, query, part, after) : inSteps(base, query, part, after);
}

/** A walk through some texts, through more of them where that seems worth it, and then by the index of their parts through all. */
function* inSteps(base: Base, query: SortedQuery, part: string, after: Position | undefined): Steps<readonly Row[]> {
  const seek = function* (source: Source): Steps<readonly Row[]> {
    return (yield page(base, query, source, { hasValue: true, after: undefined })).rows;
  };
  const sample = yield* seek(walked(base, query, part, after, SAMPLE));
  if (sample.length >= query.limit) return sample;
  const more = sample.length < FOUND ? sample : yield* seek(walked(base, query, part, after, WALK));
  return more.length >= query.limit ? more : yield* seek(gathered(base, query, part, after));
}

/** The next so many texts, of which those with the part are then kept. */
function walked(base: Base, query: SortedQuery, part: string, after: Position | undefined, most: number): Source {
  const { names, dialect } = base;
  const direction = sql.raw(query.sort.direction);
  const beyondCursor = after === undefined ? sql`` : sql`where ${isBeyond(base, query, after)}`;
  const texts = sql`
    select key_id, created_at as made, content from ${names.table('search')} ${beyondCursor}
    order by created_at ${direction}, key_id ${direction} limit ${sql.lit(most)}`;
  return joined(base, texts, [dialect.contains(sql.ref('s.content'), part)]);
}

/** All with the part, sorted before a key is read. By a sum: no planner is to think that it soon meets them in order. */
function gathered(base: Base, query: SortedQuery, part: string, after: Position | undefined): Source {
  const { names, dialect } = base;
  const direction = sql.raw(query.sort.direction);
  const conditions = [dialect.contains(sql.ref('content'), part), ...(after === undefined ? [] : [isBeyond(base, query, after)])];
  const texts = sql`
    select key_id, created_at + 0 as made from ${names.table('search')} where ${sql.join(conditions, sql` and `)}
    order by created_at + 0 ${direction}, key_id ${direction}`;
  return joined(base, texts, []);
}

function isBeyond({ dialect }: Base, { sort }: SortedQuery, after: Position): Part {
  return isAfter(sql.ref('created_at'), sql.ref('key_id'), sort, after, dialect.comparesRows);
}

function joined({ names }: Base, texts: Part, conditions: readonly Part[]): Source {
  return { from: sql`(${texts}) as s join ${names.table('keys')} as k on k.id = s.key_id`, conditions, isFew: true, order: [sql.ref('s.made'), sql.ref('s.key_id')] };
}
