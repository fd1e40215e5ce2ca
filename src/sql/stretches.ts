import { sql, type RawBuilder } from 'kysely';
import type { SortedQuery } from './conditions.js';
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
 * SQLite: reads the full-text index in the order of creation. First where a stretch of time ends in which there should be a page of keys,
 * by the index alone; then what is in it. `walk`: the text is so frequent, or so many keys are of one moment, that a walk through the
 * list is the better way.
 */
export function* inStretches(base: Base, query: SortedQuery, part: string, after: Position | undefined): Steps<readonly Row[] | 'walk'> {
  const match = yield* matchFor(base.names, part);
  if (match === 'none') return [];
  if (match === 'many') return 'walk';
  const rising = query.sort.direction === 'asc';
  const { index, isMatch } = matching(base, match);
  const rows: Row[] = [];
  let open = stretchesFrom(rising, after);
  for (let reach = 2 * query.limit; reach <= FEW; reach *= 2) {
    const [edge] = (yield sql`
      select ${stretchIn(sql.ref('i.rowid'))} as stretch from ${index} where ${isMatch} and ${isWithin(sql.ref('i.rowid'), open)}
      order by i.rowid ${sql.raw(query.sort.direction)} limit 1 offset ${reach}`).rows;
    const { near, rest } = edge === undefined ? { near: open } : cut(open, Number(edge['stretch']), rising);
    // There are more in one stretch than were looked for.
    if (near.first > near.last) continue;
    const source = textsWithin(base, match, part, near);
    rows.push(...(yield page(base, { ...query, limit: query.limit - rows.length }, source, { hasValue: true, after })).rows);
    if (rows.length >= query.limit || rest === undefined) return rows;
    open = rest;
  }
  return 'walk';
}

/** A cursor's own stretch is read again: of the keys in it some come before the cursor, others after. */
function stretchesFrom(rising: boolean, after: Position | undefined): Stretches {
  if (after === undefined) return ALL_STRETCHES;
  const stretch = stretchOf(Number(after.value));
  return rising ? { ...ALL_STRETCHES, first: stretch } : { ...ALL_STRETCHES, last: stretch };
}

/** What the walk meets before it comes to a stretch, and the rest. */
function cut({ first, last }: Stretches, stretch: number, rising: boolean): { readonly near: Stretches; readonly rest?: Stretches } {
  return rising ? { near: { first, last: stretch - 1 }, rest: { first: stretch, last } } : { near: { first: stretch + 1, last }, rest: { first, last: stretch } };
}

function matching({ names }: Base, match: string): { readonly index: Part; readonly isMatch: Part } {
  return { index: sql`${names.table('search_index')} as i`, isMatch: sql`i.${sql.ref(names.name('search_index'))} match ${match}` };
}

function textsWithin(base: Base, match: string, part: string, stretches: Stretches): Source {
  const { names, dialect } = base;
  const { index, isMatch } = matching(base, match);
  return {
    from: sql`${index} cross join ${names.table('search')} as s on s.seq = i.rowid cross join ${names.table('keys')} as k on k.id = s.key_id`,
    conditions: [isMatch, isWithin(sql.ref('i.rowid'), stretches), dialect.contains(sql.ref('s.content'), part)],
    isFew: true,
  };
}
