import { afterAll, beforeAll } from '@jest/globals';
import { describeWith } from '../support/services/required.js';
import { MARIADB, mysqlDatabase, mysqlPool, startOwnMariadb } from '../support/services/mariadb.js';
import { POSTGRES, postgresDatabase, postgresPool, startOwnPostgres } from '../support/services/postgres.js';
import { faultSuite, type FaultyEngine } from './suites/faults.js';

describeWith(POSTGRES)('sqlStore on a PostgreSQL that fails', () => {
  let server: Awaited<ReturnType<typeof startOwnPostgres>>;
  beforeAll(async () => {
    server = await startOwnPostgres();
  });
  afterAll(() => server.stop());
  faultSuite((): FaultyEngine => ({ server, connect: (max, url = server.url) => postgresDatabase(postgresPool(url, { max })) }));
});

describeWith(MARIADB)('sqlStore on a MariaDB that fails', () => {
  let server: Awaited<ReturnType<typeof startOwnMariadb>>;
  beforeAll(async () => {
    server = await startOwnMariadb();
  });
  afterAll(() => server.stop());
  faultSuite((): FaultyEngine => ({ server, connect: (connectionLimit, url = server.url) => mysqlDatabase(mysqlPool(url, { connectionLimit })) }));
});
