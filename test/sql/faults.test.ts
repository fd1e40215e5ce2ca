import { afterAll, beforeAll } from '@jest/globals';
import { describeWith } from '../support/services/required.js';
import { mysqlDatabase, mysqlPool, MYSQLS, type MysqlService } from '../support/services/mariadb.js';
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

for (const service of MYSQLS) {
  describeWith(service)(`sqlStore on a ${service.name} that fails`, () => {
    let server: Awaited<ReturnType<MysqlService['startOwn']>>;
    beforeAll(async () => {
      server = await service.startOwn();
    });
    afterAll(() => server.stop());
    faultSuite((): FaultyEngine => ({ server, connect: (connectionLimit, url = server.url) => mysqlDatabase(mysqlPool(url, { connectionLimit })) }));
  });
}
