import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { sql, type Kysely } from 'kysely';
import type { Pool } from 'pg';
import { migrate } from '../../src/sql/migrations.js';
import { sqlStore } from '../../src/sql/store.js';
import { storeContract } from '../../src/testing/store-contract.js';
import { describeWith } from '../support/services/required.js';
import { POSTGRES, postgresDatabase, postgresPool, startPostgres, type PostgresServer } from '../support/services/postgres.js';
import type { TestEngine } from './suites/engine.js';
import { injectionSuite } from './suites/injection.js';
import { migrationSuite } from './suites/migrations.js';
import { planSuite } from './suites/plans.js';
import { raceSuite } from './suites/races.js';
import { searchSuite } from './suites/searches.js';
import { textSuite } from './suites/texts.js';

describeWith(POSTGRES)('sqlStore on PostgreSQL', () => {
  let server: PostgresServer;
  let db: Kysely<unknown>;
  let pool: Pool;
  const engine = (): TestEngine => ({ kind: 'postgres', connect: (config) => postgresDatabase(postgresPool(server.url), config), schema: 'other' });
  beforeAll(async () => {
    server = await startPostgres();
    pool = postgresPool(server.url);
    db = postgresDatabase(pool);
    await migrate(db, { tablePrefix: 'contract_' });
  });
  afterAll(async () => {
    await db.destroy();
    await server.stop();
  });

  storeContract({ describe, it }, async () => {
    for (const table of ['keys', 'tags', 'search']) await sql`delete from ${sql.table(`contract_${table}`)}`.execute(db);
    return { store: sqlStore(db, { tablePrefix: 'contract_', pool }) };
  });
  it('has look-ups planned once per connection, for stores with different tables too', async () => {
    const one = postgresPool(server.url, { max: 1 });
    const host = postgresDatabase(one);
    await migrate(host, { tablePrefix: 'other_' });
    const stores = ['contract_', 'other_'].map((tablePrefix) => sqlStore(host, { tablePrefix, pool: one }));
    for (const store of [...stores, ...stores]) expect(await store.find({ by: 'id', id: 'nobody' })).toBeUndefined();
    const { rows } = await one.query(`select generic_plans + custom_plans as used from pg_prepared_statements where name like 'keystile_find_%'`);
    expect(rows.map(({ used }: { used: string }) => Number(used))).toEqual([2, 2]);
    await host.destroy();
  });

  it.each([[null], [{}], ['pool']])('refuses %p as a pool', (wrong) => {
    expect(() => sqlStore(db, { pool: wrong as never })).toThrow(expect.objectContaining({ option: 'sqlStore.pool' }));
  });

  describe('migrations', () => {
    migrationSuite(engine, (script) => sql.raw(script).execute(db).then(() => undefined));
  });
  describe('races', () => {
    raceSuite(engine);
  });
  describe('texts', () => {
    textSuite(engine);
    injectionSuite(engine);
  });
  describe('searches', () => {
    searchSuite(engine);
  });
  describe('plans', () => {
    planSuite(engine);
  });
});
