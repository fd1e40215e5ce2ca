import { sql, type RawBuilder } from 'kysely';
import type { KeyQuery } from '../core/ports.js';
import { readingsOf } from './conditions.js';
import type { Engine } from './engine.js';
import type { Steps } from './steps.js';
import { isWhole, matchFor } from './words.js';

/**
 * Up to so many keys are looked at one by one and sorted; more than that are so dense that a walk in order soon has a page of them: of
 * one in 200 among a million, a page of 50 is met within 10,000 steps.
 */
export const FEW = 5_000;

type Base = Pick<Engine, 'names' | 'dialect'>;

/**
 * The ids of all keys that a search or a status leaves, and perhaps some more, when they are few; else `undefined`. Such filters have no
 * index in the order of a list, and nobody but the index can tell whether a walk through the list would meet them soon or never.
 */
export function* fewOf(base: Base, query: KeyQuery): Steps<readonly string[] | undefined> {
  const { search, status, tenantId, owner, tag } = query;
  const isNarrow = tenantId !== undefined || owner !== undefined || tag !== undefined;
  if (search !== undefined && search !== '') {
    const part = search.toLowerCase();
    const isIndexed = base.dialect.indexesSearch && (isWhole(part) || base.dialect.name === 'sqlite');
    if (isIndexed || !isNarrow) return yield* ids(base, yield* matching(base, part));
  }
  if (isNarrow || query.slot !== undefined || status === undefined) return undefined;
  const wanted = byTime(base, query);
  return wanted === undefined ? undefined : yield* ids(base, wanted);
}

function* ids({ dialect }: Base, wanted: RawBuilder<unknown> | 'none' | 'many'): Steps<readonly string[] | undefined> {
  if (wanted === 'none') return [];
  if (wanted === 'many') return undefined;
  const { rows } = yield dialect.gathered(sql`${wanted} limit ${sql.lit(FEW + 1)}`);
  const found = rows.flatMap(({ id, packed }) => (packed === undefined ? [id as string] : (JSON.parse(packed as string) as string[])));
  return found.length > FEW ? undefined : found;
}

function* matching({ names, dialect }: Base, part: string): Steps<RawBuilder<unknown> | 'none' | 'many'> {
  const texts = names.table('search');
  if (dialect.name !== 'sqlite') return sql`select key_id as id from ${texts} where ${dialect.contains(sql.ref('content'), part)}`;
  const match = yield* matchFor(names, part);
  if (match === 'none' || match === 'many') return match;
  // Read from the index as it goes, so that no more is read than is wanted. It does not know in which order the parts come.
  return sql`
    select s.key_id as id from ${names.table('search_index')} as i cross join ${texts} as s on s.seq = i.rowid
    where i.${sql.ref(names.name('search_index'))} match ${match} and ${dialect.contains(sql.ref('s.content'), part)}`;
}

function byTime({ names }: Base, { status, deleted = false, now }: KeyQuery): RawBuilder<unknown> | undefined {
  const { latest, earliest } = readingsOf(now);
  const from = sql`select id from ${names.table('keys')} where deleted = ${deleted ? 1 : 0}`;
  if (status === 'active') return sql`${from} and halted is null and ends_at > ${latest}`;
  if (status === 'expired') return sql`${from} and halted is null and ends_at <= ${latest}`;
  return status === 'scheduled' ? sql`${from} and not_before > ${earliest}` : undefined;
}
