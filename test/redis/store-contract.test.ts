import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { redisStore } from '../../src/redis/store.js';
import { storeContract } from '../../src/testing/store-contract.js';
import { KINDS, type TestClient } from './clients.js';
import { describeOnEach } from '../support/services/engines.js';
import type { RedisServer } from '../support/services/redis.js';

describeOnEach('redisStore', ({ startRedis }) => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.end());

  describe.each(KINDS)('on %s', (_name, connect) => {
    let client: TestClient;
    beforeAll(async () => {
      client = await connect(server.port);
    });
    afterAll(() => client.close());

    storeContract({ describe, it }, async () => {
      await server.command('FLUSHALL');
      return { store: redisStore(client.client) };
    });
  });
});
