import { setImmediate as nextTurn } from 'node:timers/promises';
import { sql, type RawBuilder } from 'kysely';
import type { TopQuery, UsageOfKey, UsageQuery, UsageSpan } from '../core/observing.js';
import { createSums } from '../core/usage/top.js';
import type { Engine } from './engine.js';
import { isStorable } from './rows.js';
import type { Steps } from './steps.js';

type Base = Pick<Engine, 'names' | 'dialect'>;

/** How a stretch of time is named in the table. */
export const NUMBERS: Readonly<Record<UsageSpan, number>> = { minute: 1, hour: 2, day: 3 };

export const within = ({ per, from, to }: Pick<UsageQuery, 'per' | 'from' | 'to'>): RawBuilder<unknown> => sql`span = ${NUMBERS[per]} and at >= ${from} and at < ${to}`;

/** The keys that were used most. A server sums up by itself; SQLite would hold up the whole process, so it is asked for a little at a time. */
export async function top(engine: Engine, query: TopQuery): Promise<readonly UsageOfKey[]> {
  if (query.tenantId !== undefined && !isStorable(query.tenantId)) return [];
  return engine.dialect.name === 'sqlite' ? summedUp(engine, query) : engine.run(grouped(engine, query));
}

/** The sum of what ended in one way. */
const SUMS = {
  allowed: sql`sum(case when outcome = 'allowed' then amount else 0 end)`,
  limited: sql`sum(case when outcome = 'limited' then amount else 0 end)`,
  refused: sql`sum(case when outcome in ('allowed', 'limited') then 0 else amount end)`,
} as const;

const ofTenant = ({ tenantId }: TopQuery): RawBuilder<unknown> => (tenantId === undefined ? sql`1 = 1` : sql`tenant_id = ${tenantId}`);

function* grouped({ names }: Base, query: TopQuery): Steps<readonly UsageOfKey[]> {
  const { by, limit } = query;
  const { rows } = yield sql`
    select key_id, tenant_id, ${SUMS.allowed} as allowed, ${SUMS.limited} as limited, ${SUMS.refused} as refused from ${names.table('usage')}
    where ${within(query)} and key_id <> '' and ${ofTenant(query)} group by key_id, tenant_id having ${SUMS[by]} > 0 order by ${SUMS[by]} desc, key_id limit ${limit}`;
  return rows.map(({ key_id: id, tenant_id: owner, allowed, limited, refused }) => ({
    keyId: String(id), ...(owner !== '' && { tenantId: String(owner) }), allowed: Number(allowed), limited: Number(limited), refused: Number(refused),
  }));
}

/** Counters that are read at once: some milliseconds. */
const SLICE = 1_000;
/** Counters that are read for one answer: some seconds, which is longer than anybody waits. */
const MOST = 1_000_000;

async function summedUp(engine: Engine, query: TopQuery): Promise<readonly UsageOfKey[]> {
  const sums = createSums();
  let read = 0;
  for (let at = await engine.run(nextStretch(engine, query, query.from)); at !== undefined; at = await engine.run(nextStretch(engine, query, at + 1))) {
    for (let after = 0, count = SLICE; count === SLICE; ) {
      const rows = await engine.run(slice(engine, query, at, after));
      for (const { key_id: keyId, tenant_id: tenantId, outcome, amount, n } of rows) {
        after = Number(n);
        if (keyId !== '') sums.add({ keyId: String(keyId), tenantId: String(tenantId), outcome: String(outcome), count: Number(amount) });
      }
      count = rows.length;
      read += count;
      if (read > MOST) throw new Error(`more than ${String(MOST)} counters would have to be summed up: ask for less time, or for one tenant`);
      await nextTurn();
    }
  }
  return sums.top(query);
}

/** The first stretch from a time on in which something was counted. */
function* nextStretch({ names }: Base, query: TopQuery, from: number): Steps<number | undefined> {
  const { rows } = yield sql`select min(at) as at from ${names.table('usage')} where ${within({ ...query, from })} and ${ofTenant(query)}`;
  const at = rows[0]?.['at'];
  return at === null || at === undefined ? undefined : Number(at);
}

/** By the number of the row, which both indexes end with: each slice begins where the last one ended. */
function* slice({ names }: Base, query: TopQuery, at: number, after: number): Steps<readonly Readonly<Record<string, unknown>>[]> {
  const { rows } = yield sql`
    select rowid as n, key_id, tenant_id, outcome, amount from ${names.table('usage')}
    where span = ${NUMBERS[query.per]} and at = ${at} and ${ofTenant(query)} and rowid > ${after} order by rowid limit ${SLICE}`;
  return rows;
}
