import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createSentinel } from 'redis';
import { perMinute } from '../../src/core/limits/rules.js';
import { redisInvalidation } from '../../src/redis/invalidation.js';
import { redisLimiter } from '../../src/redis/limiter.js';
import { redisStore } from '../../src/redis/store.js';
import { plainRecord } from '../../src/testing/store-records.js';
import { describeWith } from '../support/services/required.js';
import { REDIS, startRedis, startSentinel, type RedisServer } from '../support/services/redis.js';

describeWith(REDIS)('a sentinel client of node-redis', () => {
  let servers: RedisServer[] = [];
  beforeAll(async () => {
    const master = await startRedis();
    servers = [master, await startSentinel(master)];
  });
  afterAll(async () => {
    for (const server of servers) await server.end();
  });

  it('serves limiter and store, and cannot be listened to', async () => {
    const client = createSentinel({ name: 'main', sentinelRootNodes: [{ host: '127.0.0.1', port: servers[1]!.port }] });
    client.on('error', () => undefined);
    await client.connect();
    const buckets = [{ id: 'key:a', group: 't:a', rules: [perMinute(1)], whenFull: 'refuse' }] as const;
    const limiter = redisLimiter(client);
    expect([(await limiter.consume(buckets, 1)).outcome, (await limiter.consume(buckets, 1)).outcome]).toEqual(['admitted', 'limited']);
    const store = redisStore(client);
    expect([await store.insert(plainRecord('a')), await store.find({ by: 'id', id: 'a' })]).toEqual(['inserted', plainRecord('a')]);
    expect(() => redisInvalidation(client)).toThrow('redisInvalidation.client');
    await client.destroy();
  });
});
