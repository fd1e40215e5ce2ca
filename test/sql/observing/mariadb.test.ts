import { afterAll, beforeAll } from '@jest/globals';
import { describeWith } from '../../support/services/required.js';
import { mysqlDatabase, mysqlPool, MYSQLS, type MysqlServer } from '../../support/services/mariadb.js';
import { observingSuite } from './suite.js';

for (const service of MYSQLS) {
  describeWith(service)(`activity and usage on ${service.name}`, () => {
    let server: MysqlServer;
    beforeAll(async () => {
      server = await service.start();
    });
    afterAll(() => server.stop());
    observingSuite(() => ({ kind: service.engine, connect: (config) => mysqlDatabase(mysqlPool(server.url), config), schema: undefined }));
  });
}
