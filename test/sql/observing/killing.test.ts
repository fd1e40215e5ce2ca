import { afterAll, beforeAll, describe } from '@jest/globals';
import type { Kysely } from 'kysely';
import { migrate } from '../../../src/sql/migrations.js';
import { sqliteStore, type SqliteStore } from '../../../src/sql/sqlite-store.js';
import { mysqlDatabase, mysqlPool, MYSQLS, type MysqlService } from '../../support/services/mariadb.js';
import { POSTGRES, postgresDatabase, postgresPool, startOwnPostgres } from '../../support/services/postgres.js';
import { describeWith } from '../../support/services/required.js';
import { sqliteFile, type SqliteFile } from '../../support/services/sqlite.js';
import { killingTest } from './killing.js';

describe('activity and usage in one SQLite file', () => {
  let file: SqliteFile;
  let store: SqliteStore;
  beforeAll(() => {
    file = sqliteFile();
    store = sqliteStore(file.path);
  });
  afterAll(() => {
    store.close();
    file.remove();
  });
  killingTest('sqlite', () => ({ where: file.path, target: store }));
});

describeWith(POSTGRES)('activity and usage in one PostgreSQL', () => {
  let server: Awaited<ReturnType<typeof startOwnPostgres>>;
  let db: Kysely<unknown>;
  beforeAll(async () => {
    server = await startOwnPostgres();
    db = postgresDatabase(postgresPool(server.url));
    await migrate(db);
  });
  afterAll(async () => {
    await db.destroy();
    await server.stop();
  });
  killingTest('postgres', () => ({ where: server.url, target: db }));
});

for (const service of MYSQLS) {
  describeWith(service)(`activity and usage in one ${service.name}`, () => {
    let server: Awaited<ReturnType<MysqlService['startOwn']>>;
    let db: Kysely<unknown>;
    beforeAll(async () => {
      server = await service.startOwn();
      db = mysqlDatabase(mysqlPool(server.url));
      await migrate(db);
    });
    afterAll(async () => {
      await db.destroy();
      await server.stop();
    });
    killingTest(service.engine, () => ({ where: server.url, target: db }));
  });
}
