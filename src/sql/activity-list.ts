import { sql, type RawBuilder } from 'kysely';
import type { Activity, ActivityPage, ActivityQuery } from '../core/observing.js';
import type { Dialect } from './dialects.js';
import type { Engine } from './engine.js';
import { NO_REQUEST, NOT_OK } from './observing-schema.js';
import { isStorable } from './rows.js';
import type { Row, Steps } from './steps.js';

type Condition = RawBuilder<unknown>;

/** The fields of an entry that are texts, and their columns. */
const TEXTS = { action: 'action', result: 'result', keyId: 'key_id', tenantId: 'tenant_id', by: 'actor', ip: 'ip', method: 'method', path: 'path' } as const satisfies Partial<Record<keyof Activity, string>>;
const FILTERS = ['keyId', 'tenantId', 'by', 'action', 'result'] as const satisfies readonly (keyof typeof TEXTS & keyof ActivityQuery)[];
const COLUMNS = sql.raw(['seq', 'at', ...Object.values(TEXTS)].join(', '));

/** One page, by one statement; where it begins or ends between two entries of the same moment, by one more for each. */
export function* listActivity(engine: Pick<Engine, 'names' | 'dialect'>, query: ActivityQuery): Steps<ActivityPage> {
  const { limit, cursor } = query;
  const after = cursor === undefined ? undefined : readCursor(cursor);
  if (after === 'unreadable' || FILTERS.some((name) => query[name] !== undefined && !isStorable(query[name]))) return { entries: [] };
  const filters = conditionsOf(query, engine.dialect);
  const start = after === undefined ? [] : [isBefore(yield* placeOf(engine, filters, after), engine.dialect)];
  const { rows } = yield sql`select ${COLUMNS} ${fromWhere(engine, [...filters, ...start])} order by at desc, seq desc limit ${limit + 1}`;
  const entries = rows.slice(0, limit).map(entryOf);
  const [last, next] = [rows[limit - 1], rows[limit]];
  if (last === undefined || next === undefined) return { entries };
  const [at, seq] = [Number(last['at']), Number(last['seq'])];
  const older = Number(next['at']) === at ? yield* countOlder(engine, filters, { at, seq }) : 0;
  return { entries, nextCursor: `${String(at)}-${String(older)}` };
}

function fromWhere({ names }: Pick<Engine, 'names'>, conditions: readonly Condition[]): RawBuilder<unknown> {
  return sql`from ${names.table('activity')} ${conditions.length === 0 ? sql`` : sql`where ${sql.join(conditions, sql` and `)}`}`;
}

/** What an entry is found by: the filters whose index leaves the fewest, on an engine that would choose without knowing its data. */
function leadOf({ keyId, tenantId, by, action, result }: ActivityQuery): readonly (typeof FILTERS)[number][] {
  if (keyId !== undefined) return ['keyId'];
  const rare = action !== undefined && action !== 'request' ? 'action' : result !== undefined && result !== 'ok' ? 'result' : undefined;
  if (rare !== undefined) return tenantId === undefined ? [rare] : ['tenantId', rare];
  if (by !== undefined) return ['by'];
  return tenantId === undefined ? [] : ['tenantId'];
}

function conditionsOf(query: ActivityQuery, { aside }: Dialect): Condition[] {
  const lead = leadOf(query);
  const { action, result, from, to } = query;
  return [
    ...FILTERS.flatMap((name) => {
      const column = sql.ref(TEXTS[name]);
      return query[name] === undefined ? [] : [sql`${lead.includes(name) ? column : aside(column)} = ${query[name]}`];
    }),
    // Said in words of its own, an index that leaves the others out may be used.
    ...(action !== undefined && action !== 'request' ? [sql.raw(NO_REQUEST)] : []),
    ...(result !== undefined && result !== 'ok' ? [sql.raw(NOT_OK)] : []),
    ...(from === undefined ? [] : [sql`at >= ${Math.ceil(from)}`]),
    ...(to === undefined ? [] : [sql`at < ${Math.ceil(to)}`]),
  ];
}

/**
 * After which entry a page begins: one of this moment, with so many older ones of the same moment that the same filters let through. The
 * number of a row is no part of it: two of them would tell a tenant how much the others do.
 */
interface Cursor {
  readonly at: number;
  readonly older: number;
}

interface Place {
  readonly at: number;
  readonly seq: number;
}

function readCursor(cursor: string): Cursor | 'unreadable' {
  const [, at, older] = /^(\d{1,16})-(\d{1,16})$/.exec(cursor) ?? [];
  const read = { at: Number(at), older: Number(older) };
  return Number.isSafeInteger(read.at) && Number.isSafeInteger(read.older) ? read : 'unreadable';
}

/** What a page comes before. What was written meanwhile has a higher number and leaves the older ones where they were. */
function* placeOf(engine: Pick<Engine, 'names'>, filters: readonly Condition[], { at, older }: Cursor): Steps<Place> {
  if (older === 0) return { at, seq: 0 };
  const { rows } = yield sql`select seq ${fromWhere(engine, [...filters, sql`at = ${at}`])} order by seq limit 1 offset ${older - 1}`;
  // With fewer than that, some were deleted meanwhile: rather once more than never.
  return { at, seq: rows[0] === undefined ? Number.MAX_SAFE_INTEGER : Number(rows[0]['seq']) + 1 };
}

function* countOlder(engine: Pick<Engine, 'names'>, filters: readonly Condition[], { at, seq }: Place): Steps<number> {
  const { rows } = yield sql`select count(*) as older ${fromWhere(engine, [...filters, sql`at = ${at}`, sql`seq < ${seq}`])}`;
  return Number(rows[0]?.['older']);
}

function isBefore({ at, seq }: Place, { comparesRows }: Dialect): Condition {
  return comparesRows ? sql`(at, seq) < (${at}, ${seq})` : sql`at <= ${at} and (at < ${at} or seq < ${seq})`;
}

function entryOf(row: Row): Activity {
  const texts = Object.entries(TEXTS).flatMap(([field, column]) => (row[column] === null ? [] : [[field, row[column]]]));
  return { at: Number(row['at']), ...Object.fromEntries(texts) } as Activity;
}
