import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import Libsql from 'libsql';
import { migrate, migrationSql } from '../../src/sql/migrations.js';
import { sqlStore } from '../../src/sql/store.js';
import { storeContract } from '../../src/testing/store-contract.js';
import { sqliteDatabase, sqliteFile, type SqliteFile } from '../support/services/sqlite.js';
import type { TestEngine } from './suites/engine.js';
import { injectionSuite } from './suites/injection.js';
import { migrationSuite } from './suites/migrations.js';
import { planSuite } from './suites/plans.js';
import { raceSuite } from './suites/races.js';
import { searchSuite } from './suites/searches.js';
import { textSuite } from './suites/texts.js';

describe("sqlStore on a host's own SQLite", () => {
  let file: SqliteFile;
  const engine = (): TestEngine => ({ kind: 'sqlite', connect: (config) => sqliteDatabase(file.path, config), schema: undefined });
  beforeAll(() => {
    file = sqliteFile();
  });
  afterAll(() => file.remove());

  storeContract({ describe, it }, async () => {
    const db = sqliteDatabase(':memory:');
    await migrate(db);
    return { store: sqlStore(db), close: () => db.destroy() };
  });
  it('has no schemas', async () => {
    const db = engine().connect();
    const refusal = { code: 'invalid_option', option: 'schema' };
    await expect(migrate(db, { schema: 'main' })).rejects.toMatchObject(refusal);
    await expect((async () => sqlStore(db, { schema: 'main' }).find({ by: 'id', id: 'a' }))()).rejects.toMatchObject(refusal);
    expect(() => migrationSql({ dialect: 'sqlite', schema: 'main' })).toThrow(expect.objectContaining(refusal));
    await db.destroy();
  });
  it('takes no pool, which is for PostgreSQL', async () => {
    const db = engine().connect();
    await migrate(db);
    await expect((async () => sqlStore(db, { pool: { query: () => Promise.resolve({ rows: [] }) } }).find({ by: 'id', id: 'a' }))()).rejects.toMatchObject({ option: 'sqlStore.pool' });
    await db.destroy();
  });
  describe('migrations', () => {
    migrationSuite(engine, async (script) => {
      const database = new Libsql(file.path);
      database.exec(script);
      database.close();
    });
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
