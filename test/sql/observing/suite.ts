import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { sql, type CompiledQuery, type Kysely } from 'kysely';
import { CompiledQuery as Compiled } from 'kysely';
import type { Activity, ActivityQuery } from '../../../src/core/observing.js';
import { sqlActivity } from '../../../src/sql/activity.js';
import { migrate } from '../../../src/sql/migrations.js';
import { isMysql } from '../../../src/sql/schema.js';
import { sqlUsage } from '../../../src/sql/usage.js';
import { activityContract } from '../../../src/testing/activity-contract.js';
import { usageContract } from '../../../src/testing/usage-contract.js';
import { newPrefix, type TestEngine } from '../suites/engine.js';

const DAY = 86_400_000;
const MINUTE = 60_000;
const NOW = 1_800_057_600_000;
const entry = (at: number, more: Partial<Activity> = {}): Activity => ({ at, action: 'request', result: 'ok', keyId: 'a', ...more });

/** Activity and usage on one engine. */
export function observingSuite(engine: () => TestEngine): void {
  const tablePrefix = newPrefix();
  let db: Kysely<unknown>;
  beforeAll(async () => {
    db = engine().connect();
    await migrate(db, { tablePrefix });
  });
  afterAll(() => db.destroy());
  const empty = async (): Promise<void> => {
    for (const table of ['activity', 'usage', 'usage_batches']) await sql`delete from ${sql.table(tablePrefix + table)}`.execute(db);
  };
  const rowsIn = async (table: string, where = sql`1 = 1`): Promise<number> => {
    const { rows } = await sql<{ count: unknown }>`select count(*) as count from ${sql.table(tablePrefix + table)} where ${where}`.execute(db);
    return Number(rows[0]?.count);
  };

  activityContract({ describe, it }, async () => {
    await empty();
    return { log: sqlActivity(db, { tablePrefix }) };
  });
  usageContract({ describe, it }, async () => {
    await empty();
    return { meter: sqlUsage(db, { tablePrefix }) };
  });

  it('deletes activity when it is older than it shall be, and keeps it where nobody says so', async () => {
    await empty();
    await sqlActivity(db, { tablePrefix }).append([0, 1, 2, 3, 4].map((day) => entry(NOW - day * DAY)));
    expect(await rowsIn('activity')).toBe(5);
    const log = sqlActivity(db, { tablePrefix, keepDays: 2 });
    await log.append([entry(NOW)]);
    expect((await log.list({ limit: 10 })).entries.map(({ at }) => (NOW - at) / DAY)).toEqual([0, 0, 1, 2]);
  });

  it('deletes detail when it is too old, a little at a time, and keeps the sums', async () => {
    await empty();
    const meter = sqlUsage(db, { tablePrefix, keepDays: { minute: 1, hour: 3, day: 10 } });
    const minutes = Array.from({ length: 50 }, (_, index) => ({ at: NOW + index * MINUTE, keyId: 'a', outcome: 'allowed', count: 1 }));
    await meter.add({ id: 'first', at: NOW + 50 * MINUTE, counts: minutes });
    expect(await rowsIn('usage', sql`span = 1`)).toBe(100);
    const later = NOW + 2 * DAY;
    // Too late for a minute of its own, not for an hour or a day.
    await meter.add({ id: 'late', at: later, counts: [{ at: NOW, keyId: 'a', outcome: 'allowed', count: 5 }] });
    expect(await rowsIn('usage', sql`span = 1`)).toBe(60);
    await meter.add({ id: 'x', at: later, counts: [] });
    await meter.add({ id: 'y', at: later, counts: [] });
    expect(await rowsIn('usage', sql`span = 1`)).toBe(0);
    for (const per of ['hour', 'day'] as const) expect(await meter.read({ per, from: NOW, to: NOW + DAY, keyId: 'a' })).toEqual([{ at: NOW, outcome: 'allowed', count: 55 }]);
    await meter.add({ id: 'z', at: NOW + 20 * DAY, counts: [] });
    expect([await rowsIn('usage'), await rowsIn('usage_batches')]).toEqual([0, 1]);
    await expect((async () => sqlUsage(db, { tablePrefix, keepDays: { minute: -1 } }))()).rejects.toMatchObject({ option: 'sqlUsage.keepDays.minute' });
  });

  it('counts for several processes together, and a batch once though its answer was lost', async () => {
    await empty();
    // Two connections to one SQLite file would wait for each other in one thread, for ever.
    const processes = Array.from({ length: engine().kind === 'sqlite' ? 1 : 3 }, () => engine().connect());
    const counts = ['a', 'b', 'c', 'd'].map((keyId) => ({ at: NOW, keyId, tenantId: 't', outcome: 'allowed', count: 1 }));
    await Promise.all(processes.flatMap((one, index) => Array.from({ length: 10 }, (_, round) => {
      const meter = sqlUsage(one, { tablePrefix });
      const batch = { id: `${index} ${round}`, at: NOW, counts: round % 2 === 0 ? counts : [...counts].reverse() };
      return Promise.all([meter.add(batch), meter.add(batch)]);
    })));
    expect(await sqlUsage(db, { tablePrefix }).read({ per: 'hour', from: NOW, to: NOW + DAY, tenantId: 't' })).toEqual([{ at: NOW, outcome: 'allowed', count: 40 * processes.length }]);
    await Promise.all(processes.map((one) => one.destroy()));
  });

  it('counts a whole batch or nothing of it', async () => {
    await empty();
    const meter = sqlUsage(db, { tablePrefix });
    const counts = ['a', 'b'].map((keyId) => ({ at: NOW, keyId, outcome: 'allowed', count: 1 }));
    await expect((async () => meter.add({ id: 'x', at: NOW, counts: [...counts, { ...counts[0]!, outcome: 'limited', count: null as never }] }))()).rejects.toThrow();
    expect([await rowsIn('usage'), await rowsIn('usage_batches')]).toEqual([0, 0]);
    await meter.add({ id: 'x', at: NOW, counts });
    expect(await meter.read({ per: 'day', from: NOW, to: NOW + DAY })).toEqual([{ at: NOW, outcome: 'allowed', count: 2 }]);
  });

  it('sends no statement that changes an entry, and none that removes one but by its age', async () => {
    await empty();
    const sent: CompiledQuery[] = [];
    const watched = engine().connect({ log: ({ query }) => void sent.push(query) });
    const log = sqlActivity(watched, { tablePrefix, keepDays: 1 });
    await log.append([entry(NOW - 2 * DAY), entry(NOW, { keyId: 'b' })]);
    await log.append([entry(NOW + 1)]);
    for (const query of LISTED) await log.list({ limit: 5, ...query });
    const changing = sent.map(({ sql: text }) => text.replaceAll(/\s+/g, ' ').trim()).filter((text) => text.includes(`${tablePrefix}activity`) && !text.startsWith('select'));
    expect(changing.length).toBeGreaterThan(2);
    for (const text of changing) expect(text).toMatch(/^insert into \S+activity\S? \(at, |^delete from \S+activity\S? where 1 = 1 and at < \S+$/);
    expect((await log.list({ limit: 5 })).entries.map(({ keyId }) => keyId)).toEqual(['a', 'b']);
    await watched.destroy();
  });

  it('says what is missing, and works as soon as it is there', async () => {
    const options = { tablePrefix: newPrefix() };
    const [log, meter] = [sqlActivity(db, options), sqlUsage(db, options)];
    const calls = [() => log.append([entry(1)]), () => log.list({ limit: 1 }), () => meter.add({ id: 'x', at: 1, counts: [] }), () => meter.read({ per: 'day', from: 0, to: DAY }), () => meter.top({ per: 'day', from: 0, to: DAY, by: 'allowed', limit: 1 })];
    for (const call of calls) await expect((async () => call())()).rejects.toMatchObject({ code: 'store_unavailable', message: expect.stringContaining('run migrate(db) first') });
    await migrate(db, options);
    for (const call of calls) await call();
    expect((await log.list({ limit: 5 })).entries).toEqual([entry(1)]);
  });

  it('brings tables of the version before up to date', async () => {
    const options = { tablePrefix: newPrefix() };
    await migrate(db, options);
    for (const table of ['activity', 'usage', 'usage_batches']) await sql`drop table ${sql.table(options.tablePrefix + table)}`.execute(db);
    await sql`delete from ${sql.table(`${options.tablePrefix}migrations`)} where name like '0002%'`.execute(db);
    await expect((async () => sqlActivity(db, options).list({ limit: 1 }))()).rejects.toMatchObject({ message: expect.stringContaining('older version') });
    await migrate(db, options);
    await sqlActivity(db, options).append([entry(1)]);
  });
  it('lists activity by an index, whatever is asked for', async () => {
    await listsByIndex(engine());
  }, 120_000);
}

/** Every filter, and those that are asked for together. */
const LISTED: readonly Partial<ActivityQuery>[] = [
  {}, { keyId: 'k7' }, { tenantId: 't7' }, { by: 'ann' }, { action: 'unusual' }, { result: 'rate_limited' }, { tenantId: 't7', action: 'unusual' }, { tenantId: 't7', result: 'rate_limited' }, { tenantId: 't7', keyId: 'k7', result: 'ok' },
  { action: 'request' }, { result: 'ok', action: 'request' }, { from: NOW - DAY, to: NOW - DAY / 2 }, { keyId: 'k7', from: NOW - DAY }, { tenantId: 't7', to: NOW - DAY / 2 }, { action: 'unusual', to: NOW },
];
const ROWS = 20_000;

async function listsByIndex(engine: TestEngine): Promise<void> {
  const tablePrefix = newPrefix();
  const seen: CompiledQuery[] = [];
  const db = engine.connect({ log: ({ query }) => void seen.push(query) });
  await migrate(db, { tablePrefix });
  const log = sqlActivity(db, { tablePrefix });
  await log.append(Array.from({ length: ROWS }, (_, index): Activity => ({
    at: NOW - index * 5_000, action: index % 500 === 0 ? 'unusual' : 'request', result: index % 400 === 0 ? 'rate_limited' : 'ok', keyId: `k${index % 1_000}`, tenantId: `t${index % 100}`, ...(index % 300 === 0 && { by: 'ann' }),
  })));
  const table = sql.table(`${tablePrefix}activity`);
  if (engine.kind === 'postgres') await sql`analyze ${table}`.execute(db);
  if (isMysql(engine.kind)) await sql`analyze table ${table}`.execute(db);
  const explain = engine.kind === 'sqlite' ? 'explain query plan' : engine.kind === 'postgres' ? 'explain' : 'explain format=json';
  const isBad = { postgres: /Seq Scan/, mysql: /"access_type": "ALL"/, sqlite: /SCAN (?!.* USING INDEX)|TEMP B-TREE/ }[isMysql(engine.kind) ? 'mysql' : engine.kind];
  for (const listed of LISTED) {
    seen.length = 0;
    const { nextCursor } = await log.list({ limit: 20, ...listed });
    if (nextCursor !== undefined) await log.list({ limit: 20, ...listed, cursor: nextCursor });
    for (const { sql: text, parameters } of [...seen]) {
      if (!/^\s*select seq/.test(text)) continue;
      const { rows } = await db.executeQuery<Record<string, unknown>>(Compiled.raw(`${explain} ${text}`, [...parameters]));
      const plan = rows.map((row) => Object.values(row).join(' ')).join('\n');
      if (isBad.test(plan)) throw new Error(`${JSON.stringify(listed)} reads or sorts the whole table: ${text}\n${plan}`);
    }
  }
  await db.destroy();
}
