import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { redisLimiter } from '../../src/redis/limiter.js';
import { limiterContract } from '../../src/testing/limiter-contract.js';
import { KINDS, type TestClient } from './clients.js';
import { describeOnEach } from '../support/services/engines.js';
import type { RedisServer } from '../support/services/redis.js';

describeOnEach('redisLimiter', ({ startRedis }) => {
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

    limiterContract({ describe, it }, async (options) => {
      await server.command('FLUSHALL');
      return { limiter: redisLimiter(client.client, options) };
    });
  });
});
