import { afterAll, beforeAll } from '@jest/globals';
import { describeWith } from '../../support/services/required.js';
import { POSTGRES, postgresDatabase, postgresPool, startPostgres, type PostgresServer } from '../../support/services/postgres.js';
import { observingSuite } from './suite.js';

describeWith(POSTGRES)('activity and usage on PostgreSQL', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());
  observingSuite(() => ({ kind: 'postgres', connect: (config) => postgresDatabase(postgresPool(server.url), config), schema: undefined }));
});
