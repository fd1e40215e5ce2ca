import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { perHour, perMinute, perSecond } from '../../src/core/limits/rules.js';
import { memoryLimiter } from '../../src/memory/limiter.js';
import { redisLimiter } from '../../src/redis/limiter.js';
import { fakeClock } from '../../src/testing/fake-clock.js';
import { ioredis } from './clients.js';
import { describeWith } from '../support/services/required.js';
import { REDIS, startRedis, type RedisServer } from '../support/services/redis.js';

/** Exact times become counts per sub-window, and windows come, go and change places within a bucket. */
const PLANS = [[perMinute(5)], [perMinute(100)], [perMinute(70), perHour(500)], [perHour(300)], [perHour(300), perMinute(50), perSecond(3)]];

describeWith(REDIS)('redisLimiter while limits are changed', () => {
  let server: RedisServer;
  let client: Awaited<ReturnType<typeof ioredis>>;
  beforeAll(async () => {
    server = await startRedis();
    client = await ioredis(server.port);
  });
  afterAll(async () => {
    await client.close();
    await server.end();
  });

  it('answers as the limiter in memory does', async () => {
    const step = fc.record({ changed: fc.constantFrom(undefined, undefined, undefined, ...PLANS), ms: fc.constantFrom(0, 1, 7, 500, 1_000, 9_000, 61_000), cost: fc.integer({ min: 0, max: 3 }) });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...PLANS), fc.array(step, { minLength: 20, maxLength: 80 }), async (plan, steps) => {
        const clock = fakeClock();
        const [limiter, memory] = [redisLimiter(client.client, { clock, prefix: `${run++}:`, denyCache: false }), memoryLimiter({ clock })];
        for (const { changed, ms, cost } of steps) {
          clock.advance(ms);
          const buckets = [{ id: 'key:a', group: 't:acme', rules: changed ?? plan, whenFull: 'refuse' as const }];
          expect(await limiter.consume(buckets, cost)).toEqual(memory.consume(buckets, cost));
        }
      }),
      { numRuns: 60 },
    );
  });
});
