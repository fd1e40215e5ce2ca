import { afterAll, beforeAll } from '@jest/globals';
import { describeWith } from '../../support/services/required.js';
import { MARIADB, mysqlDatabase, mysqlPool, startMariadb, type MysqlServer } from '../../support/services/mariadb.js';
import { observingSuite } from './suite.js';

describeWith(MARIADB)('activity and usage on MariaDB', () => {
  let server: MysqlServer;
  beforeAll(async () => {
    server = await startMariadb();
  });
  afterAll(() => server.stop());
  observingSuite(() => ({ kind: 'mariadb', connect: (config) => mysqlDatabase(mysqlPool(server.url), config), schema: undefined }));
});
