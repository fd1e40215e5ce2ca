import { setImmediate as nextTurn } from 'node:timers/promises';
import { sql, type RawBuilder } from 'kysely';
import type { Insertion, KeyUse } from '../core/ports.js';
import type { KeyChanges, KeyRecord } from '../core/record.js';
import type { Engine } from './engine.js';
import { nextPlace } from './places.js';
import { isStorable, searchText, SIZES, toColumns, toRecord } from './rows.js';
import { RefusedError, type Steps } from './steps.js';

type Base = Pick<Engine, 'names' | 'dialect'>;

/** A new record with its tags and its searched text; to be run in a transaction. */
export function* insert(base: Base, record: KeyRecord): Steps<Insertion> {
  const { names, dialect } = base;
  const columns = toColumns(record);
  const keys = names.table('keys');
  const { changes } = yield sql`
    insert into ${keys} (${sql.join(columns.map(([column]) => sql.ref(column)))}) values (${sql.join(columns.map(([, value]) => value))}) ${dialect.unlessThere}`;
  if (changes === 0) {
    const { rows } = yield sql`select id from ${keys} where id = ${record.id} or hash = ${record.hash}`;
    return rows.length === 0 && record.slot !== undefined ? 'slot_taken' : 'conflict';
  }
  yield* insertTags(base, record);
  yield insertionOfText(base, record);
  return 'inserted';
}

function insertionOfText({ names, dialect }: Base, record: KeyRecord): RawBuilder<unknown> {
  const { id, createdAt } = record;
  const [place, at]: [string, unknown] = dialect.name === 'sqlite' ? ['seq', nextPlace(names, createdAt)] : ['created_at', createdAt];
  return sql`insert into ${names.table('search')} (${sql.ref(place)}, key_id, content) values (${at}, ${id}, ${searchText(record)})`;
}

function* insertTags({ names }: Base, { id, tags = [], createdAt }: KeyRecord): Steps<void> {
  if (tags.length === 0) return;
  const rows = [...new Set(tags)].map((tag) => sql`(${tag}, ${createdAt}, ${id})`);
  yield sql`insert into ${names.table('tags')} (tag, created_at, key_id) values ${sql.join(rows)}`;
}

const isSearched = (changes: KeyChanges): boolean => 'name' in changes || 'owner' in changes || 'tenantId' in changes;

/** Whether a change takes one statement, which is atomic by itself. */
export const isSingle = ({ dialect }: Base, changes: KeyChanges): boolean => dialect.returning && !('tags' in changes) && !isSearched(changes);

/** A guarded change; in a transaction unless it `isSingle`. */
export function* update(base: Base, id: string, version: number, changes: KeyChanges): Steps<KeyRecord | undefined> {
  if (!isStorable(id) || !Number.isSafeInteger(version)) return undefined;
  const { names, dialect } = base;
  const keys = names.table('keys');
  const set = [...toColumns(changes).map(([column, value]) => sql`${sql.ref(column)} = ${value}`), sql`version = version + 1`];
  const change = sql`update ${keys} set ${sql.join(set)} where id = ${id} and version = ${version}`;
  const row = yield* changedRow(dialect.returning ? sql`${change} returning ${dialect.record()}` : change, sql`select ${dialect.record()} from ${keys} where id = ${id}`, dialect.returning);
  if (row === undefined) return undefined;
  const record = toRecord(row);
  if ('tags' in changes) {
    yield sql`delete from ${names.table('tags')} where key_id = ${id}`;
    yield* insertTags(base, record);
  }
  if (isSearched(changes)) yield sql`update ${names.table('search')} set content = ${searchText(record)} where key_id = ${id}`;
  return record;
}

function* changedRow(change: RawBuilder<unknown>, read: RawBuilder<unknown>, returning: boolean): Steps<Readonly<Record<string, unknown>> | undefined> {
  const { rows, changes } = yield change;
  if (returning) return rows[0];
  return changes === 0 ? undefined : (yield read).rows[0];
}

/** A change and its successor's insertion; in a transaction, which is undone unless both succeed. */
export function* replace(base: Base, id: string, version: number, changes: KeyChanges, successor: KeyRecord): Steps<Insertion | 'changed'> {
  if ((yield* update(base, id, version, changes)) === undefined) return 'changed';
  const answer = yield* insert(base, successor);
  if (answer !== 'inserted') throw new RefusedError(answer);
  return answer;
}

/** Removes a record and all that belongs to it; in a transaction. */
export function* remove({ names }: Base, id: string): Steps<boolean> {
  if (!isStorable(id)) return false;
  // First, so that whoever comes second waits here and then finds nothing.
  const { changes } = yield sql`delete from ${names.table('keys')} where id = ${id}`;
  yield sql`delete from ${names.table('tags')} where key_id = ${id}`;
  yield sql`delete from ${names.table('search')} where key_id = ${id}`;
  return changes > 0;
}

/** Notes uses, so many at a time as one statement of the engine takes. */
export async function touch(engine: Engine, uses: readonly KeyUse[]): Promise<void> {
  // In one order, lest two processes wait for each other.
  const given = [...latest(uses).values()].sort((a, b) => (a.id < b.id ? -1 : 1)).map(({ id, at, ip }) => [id, at, ip ?? null]);
  const { mostUses } = engine.dialect;
  for (let start = 0; start < given.length; start += mostUses) {
    // Where the database is in this process, others have their turn in between.
    if (start > 0) await nextTurn();
    await engine.run(noteUses(engine, JSON.stringify(given.slice(start, start + mostUses))));
  }
}

function* noteUses({ names, dialect }: Base, uses: string): Steps<void> {
  yield dialect.touch(names, uses);
}

const isAddress = (ip: string): boolean => ip.length <= SIZES.last_used_ip && isStorable(ip);

/** One use of each key, the latest; an address that it lacks is that of the one before. */
function latest(uses: readonly KeyUse[]): Map<string, KeyUse> {
  const found = new Map<string, KeyUse>();
  for (const { id, at, ip } of uses) {
    const before = found.get(id);
    // What no column can hold must not spoil the writing of all the others.
    if (!isStorable(id) || !Number.isSafeInteger(Math.floor(at)) || (before !== undefined && before.at >= at)) continue;
    found.set(id, { ...before, id, at: Math.floor(at), ...(ip !== undefined && isAddress(ip) && { ip }) });
  }
  return found;
}
