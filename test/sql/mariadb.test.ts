import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { sql, type Kysely } from 'kysely';
import { migrate } from '../../src/sql/migrations.js';
import { sqlStore } from '../../src/sql/store.js';
import { storeContract } from '../../src/testing/store-contract.js';
import { describeWith } from '../support/services/required.js';
import { mysqlDatabase, mysqlPool, MYSQLS, type MysqlServer, type MysqlService } from '../support/services/mariadb.js';
import type { TestEngine } from './suites/engine.js';
import { injectionSuite } from './suites/injection.js';
import { migrationSuite } from './suites/migrations.js';
import { planSuite } from './suites/plans.js';
import { raceSuite } from './suites/races.js';
import { searchSuite } from './suites/searches.js';
import { textSuite } from './suites/texts.js';

function mysqlSuite({ engine: kind, start }: MysqlService): void {
  let server: MysqlServer;
  let db: Kysely<unknown>;
  const engine = (): TestEngine => ({ kind, connect: (config) => mysqlDatabase(mysqlPool(server.url), config), schema: 'other' });
  /** Connections with a setting of their host's. */
  const set = (setting: string, config?: Parameters<TestEngine['connect']>[0]): Kysely<unknown> => {
    const pool = mysqlPool(server.url);
    pool.on('connection', (connection) => connection.query(`set session ${setting}`));
    return mysqlDatabase(pool, config);
  };
  const runScript = async (script: string): Promise<void> => {
    const pool = mysqlPool(server.url, { multipleStatements: true });
    await pool.promise().query(script);
    await pool.promise().end();
  };
  beforeAll(async () => {
    server = await start();
    db = engine().connect();
    await migrate(db, { tablePrefix: 'contract_' });
  });
  afterAll(async () => {
    await db.destroy();
    await server.stop();
  });

  storeContract({ describe, it }, async () => {
    for (const table of ['keys', 'tags', 'search']) await sql`delete from ${sql.table(`contract_${table}`)}`.execute(db);
    return { store: sqlStore(db, { tablePrefix: 'contract_' }) };
  });
  it('is refused over connections that would lose letters', async () => {
    for (const charset of ['LATIN1_SWEDISH_CI', 'UTF8_GENERAL_CI']) {
      const other = mysqlDatabase(mysqlPool(server.url, { charset }));
      await expect((async () => sqlStore(other, { tablePrefix: 'contract_' }).find({ by: 'id', id: 'a' }))()).rejects.toMatchObject({ code: 'invalid_option', option: 'db', message: expect.stringContaining('utf8mb4') });
      await other.destroy();
    }
  });
  it.each([
    ["sql_mode = 'NO_BACKSLASH_ESCAPES'", 'NO_BACKSLASH_ESCAPES'],
    ['autocommit = 0', 'autocommit'],
    ...(kind === 'mariadb' ? [["sql_mode = 'EMPTY_STRING_IS_NULL'", 'EMPTY_STRING_IS_NULL']] : []),
  ])('is refused over connections with %s', async (setting, named = '') => {
    const other = set(setting);
    await expect((async () => sqlStore(other, { tablePrefix: 'contract_' }).find({ by: 'id', id: "'" }))()).rejects.toMatchObject({ code: 'invalid_option', option: 'db', message: expect.stringContaining(named) });
    await other.destroy();
  });
  describe('with double quotes for names, and all modes that are strict', () => {
    injectionSuite(() => ({ ...engine(), connect: (config) => set("sql_mode = 'ANSI,TRADITIONAL'", config) }));
  });
  describe('migrations', () => {
    migrationSuite(engine, runScript);
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
}

for (const service of MYSQLS) describeWith(service)(`sqlStore on ${service.name}`, () => mysqlSuite(service));
