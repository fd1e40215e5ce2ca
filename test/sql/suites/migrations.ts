import { expect, it } from '@jest/globals';
import { CamelCasePlugin, sql, type Kysely } from 'kysely';
import { migrate, migrationSql } from '../../../src/sql/migrations.js';
import { isMysql } from '../../../src/sql/schema.js';
import { sqlStore } from '../../../src/sql/store.js';
import { fullRecord, plainRecord } from '../../../src/testing/store-records.js';
import { newPrefix, withTables, type TestEngine } from './engine.js';

/** What tells one set of tables from another: columns and indexes, without their prefix. */
async function shape(db: Kysely<unknown>, kind: TestEngine['kind'], prefix: string): Promise<unknown> {
  const queries = {
    postgres: sql`select table_name as t, column_name as c, data_type as d, is_nullable as n, generation_expression as g, collation_name as o from information_schema.columns where table_name like ${`${prefix}%`}
      union all select tablename, indexname, indexdef, '', '', '' from pg_indexes where tablename like ${`${prefix}%`} order by 1, 2`,
    mysql: sql`select table_name as t, column_name as c, column_type as d, is_nullable as n, generation_expression as g, collation_name as o from information_schema.columns where table_name like ${`${prefix}%`} and table_schema = database()
      union all select table_name, index_name, group_concat(column_name order by seq_in_index), max(non_unique), '', '' from information_schema.statistics where table_name like ${`${prefix}%`} and table_schema = database() group by 1, 2 order by 1, 2`,
    sqlite: sql`select type, name, tbl_name, sql from sqlite_master where tbl_name like ${`${prefix}%`} order by 1, 2`,
  };
  const { rows } = await queries[isMysql(kind) ? 'mysql' : kind].execute(db);
  // The lock is the migrator's own; Kysely quotes what it writes, which SQLite keeps as text.
  const text = rows.map((row) => JSON.stringify(row)).filter((row) => !/migrations/.test(row));
  expect(text.length).toBeGreaterThan(10);
  return text.map((row) => row.replaceAll(prefix, '')).sort();
}

/** `migrate`, `migrationSql`, and what `sqlStore` makes of other tables than its own. */
export function migrationSuite(engine: () => TestEngine, runScript: (script: string) => Promise<void>): void {
  it('makes its tables once, however often and by however many it is asked', async () => {
    const tablePrefix = newPrefix();
    const connections = Array.from({ length: 4 }, () => engine().connect());
    await Promise.all(connections.map((db) => migrate(db, { tablePrefix })));
    const [db] = connections as [Kysely<unknown>];
    const before = await shape(db, engine().kind, tablePrefix);
    await sqlStore(db, { tablePrefix }).insert(fullRecord('a'));
    await migrate(db, { tablePrefix });
    expect(await shape(db, engine().kind, tablePrefix)).toEqual(before);
    expect(await sqlStore(db, { tablePrefix }).find({ by: 'id', id: 'a' })).toEqual(fullRecord('a'));
    await Promise.all(connections.map((one) => one.destroy()));
  });

  it('goes on where it was cut off, at whichever statement', async () => {
    const [whole, cut] = [newPrefix(), newPrefix()];
    const reader = engine().connect();
    await migrate(reader, { tablePrefix: whole });
    let statements = 0;
    let cutAt = Infinity;
    const broken = engine().connect({
      log: () => {
        if (statements++ >= cutAt) throw new Error('cut off');
      },
    });
    let faults = 0;
    for (cutAt = 0; faults === cutAt && cutAt < 100; cutAt++) {
      statements = 0;
      await migrate(broken, { tablePrefix: cut }).catch((error: unknown) => {
        faults++;
        expect(error).toMatchObject({ code: 'store_unavailable' });
      });
    }
    expect(faults).toBeGreaterThan(10);
    expect(await shape(reader, engine().kind, cut)).toEqual(await shape(reader, engine().kind, whole));
    const store = sqlStore(reader, { tablePrefix: cut });
    await store.insert(fullRecord('a'));
    expect((await store.list({ limit: 5, now: 0, search: 'A' })).records).toEqual([fullRecord('a')]);
    for (const db of [reader, broken]) await db.destroy();
  });

  it('prints what it runs: the printed tables are the same, and work', async () => {
    await withTables(engine, async (open, migrated) => {
      const tablePrefix = newPrefix();
      await runScript(migrationSql({ dialect: engine().kind, tablePrefix }));
      const { db } = open();
      expect(await shape(db, engine().kind, tablePrefix)).toEqual(await shape(db, engine().kind, migrated));
      await migrate(db, { tablePrefix });
      const store = sqlStore(db, { tablePrefix });
      await store.insert(fullRecord('a'));
      expect((await store.list({ limit: 5, now: 0, search: 'A' })).records).toEqual([fullRecord('a')]);
    });
  });

  it('works in a schema of its own, and beside a plugin that renames columns', async () => {
    const { schema } = engine();
    const options = { tablePrefix: newPrefix(), ...(schema !== undefined && { schema }) };
    const db = engine().connect({ plugins: [new CamelCasePlugin()] });
    await migrate(db, options);
    await migrate(db, options);
    const store = sqlStore(db, options);
    await store.insert(fullRecord('a'));
    await store.update('a', 1, { name: 'Other' });
    expect(await store.replace('a', 2, { slot: undefined }, { ...fullRecord('b'), hash: 'x' })).toBe('inserted');
    expect((await store.list({ limit: 5, now: 0, search: 'other', tag: '' })).records.map(({ id }) => id)).toEqual(['a']);
    await store.touch([{ id: 'a', at: 8e15 }]);
    expect((await store.find({ by: 'id', id: 'a' }))?.lastUsedAt).toBe(8e15);
    expect(await store.delete('a')).toBe(true);
    await db.destroy();
  });

  it('answers with a clear fault while its tables are missing, and works as soon as they are there', async () => {
    const tablePrefix = newPrefix();
    const db = engine().connect();
    const store = sqlStore(db, { tablePrefix });
    const calls = [() => store.find({ by: 'id', id: 'a' }), () => store.insert(plainRecord('a')), () => store.list({ limit: 1, now: 0 }), () => store.touch([{ id: 'a', at: 1 }]), () => store.delete('a'), () => store.update('a', 1, {}), () => store.replace('a', 1, {}, plainRecord('b'))];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'store_unavailable', status: 503, message: expect.stringContaining('run migrate(db) first') });
    await migrate(db, { tablePrefix });
    expect(await store.insert(plainRecord('a'))).toBe('inserted');
    await db.destroy();
  });

  it('refuses tables that a newer or an older version has made', async () => {
    await withTables(engine, async (open, tablePrefix) => {
      const { db, store } = open();
      const notes = sql.table(`${tablePrefix}migrations`);
      await sql`insert into ${notes} (name, timestamp) values ('9999_future', '2030-01-01T00:00:00.000Z')`.execute(db);
      await expect(store.find({ by: 'id', id: 'a' })).rejects.toMatchObject({ code: 'store_unavailable', message: expect.stringContaining('newer version') });
      await expect(migrate(db, { tablePrefix })).rejects.toMatchObject({ code: 'store_unavailable', message: expect.stringContaining('newer version') });
      await sql`delete from ${notes}`.execute(db);
      await expect(store.find({ by: 'id', id: 'a' })).rejects.toMatchObject({ code: 'store_unavailable', message: expect.stringContaining('older version') });
      // A migration that was cut off before its note: it may run again.
      await migrate(db, { tablePrefix });
      expect(await store.find({ by: 'id', id: 'a' })).toBeUndefined();
    });
  });
}
