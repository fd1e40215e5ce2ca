import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { concurrent, perMinute, perWindow, type LimitRule } from '../../src/core/limits/rules.js';
import type { LimitBucket, Limiter } from '../../src/core/ports.js';
import { redisLimiter } from '../../src/redis/limiter.js';
import { fakeClock, type FakeClock } from '../../src/testing/fake-clock.js';
import { ioredis } from './clients.js';
import { describeOnEach } from '../support/services/engines.js';
import type { RedisServer } from '../support/services/redis.js';

const hot = (...rules: LimitRule[]): LimitBucket[] => [{ id: 'tenant:hot', group: 't:hot', rules, whenFull: 'refuse' }];
const isLocal = (answer: unknown): boolean => !(answer instanceof Promise);

describeOnEach('the local lease of redisLimiter', ({ startRedis }) => {
  let server: RedisServer;
  let client: Awaited<ReturnType<typeof ioredis>>;
  let clock: FakeClock;
  beforeAll(async () => {
    server = await startRedis();
    client = await ioredis(server.port);
  });
  beforeEach(async () => {
    await server.command('FLUSHALL');
    clock = fakeClock();
  });
  afterAll(async () => {
    await client.close();
    await server.end();
  });
  const leasing = (share = 0.1): Limiter => redisLimiter(client.client, { clock, localLease: { share }, denyCache: false });
  /** What the server has left. */
  const remaining = async (buckets: LimitBucket[]): Promise<number | undefined> => {
    const answer = await redisLimiter(client.client, { clock }).peek(buckets, 0);
    return answer.outcome === 'full' ? undefined : answer.states[0]?.remaining;
  };
  const warm = async (limiter: Limiter, buckets: LimitBucket[]): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) await limiter.consume(buckets, 1);
  };

  it('never admits more than the limit in any window, however many processes, and gets nearly all of it', async () => {
    const step = fc.record({ who: fc.nat(2), ms: fc.constantFrom(0, 0, 0, 1, 7, 20, 50, 99, 100, 101), burst: fc.integer({ min: 1, max: 40 }), cost: fc.constantFrom(1, 1, 1, 3) });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 61, max: 700 }), fc.constantFrom(0.05, 0.3, 1), fc.array(step, { minLength: 20, maxLength: 80 }), async (limit, share, steps) => {
        const windowMs = 1_200;
        clock = fakeClock();
        const prefix = `${run++}:`;
        const limiters = [0, 1, 2].map(() => redisLimiter(client.client, { clock, prefix, localLease: { share } }));
        const buckets = hot(perWindow(limit, windowMs), perWindow(limit * 3, 60_000));
        const log: { at: number; cost: number }[] = [];
        for (const { who, ms, burst, cost } of steps) {
          clock.advance(ms);
          for (let turn = 0; turn < burst; turn++) {
            const answer = await limiters[who]!.consume(buckets, cost);
            if (answer.outcome !== 'admitted') break;
            log.push({ at: clock.now(), cost });
            const used = log.reduce((sum, entry) => (entry.at > clock.now() - windowMs ? sum + entry.cost : sum), 0);
            expect(used).toBeLessThanOrEqual(limit);
          }
        }
        expect(log.reduce((sum, entry) => sum + entry.cost, 0)).toBeLessThanOrEqual(limit * 3);
      }),
      { numRuns: 40 },
    );
  });

  it('answers here until what it holds is spent or its sub-window ends', async () => {
    const limiter = leasing();
    const buckets = hot(perMinute(6_000));
    await warm(limiter, buckets);
    let here = 0;
    for (let answer: unknown = limiter.consume(buckets, 1); isLocal(answer); answer = limiter.consume(buckets, 1)) here++;
    expect(here).toBeGreaterThan(0);
    await warm(limiter, buckets);
    clock.advance(1_000 - (clock.now() % 1_000));
    expect(isLocal(limiter.consume(buckets, 1))).toBe(false);
  });

  it('gives back what nobody has used, to the last unit', async () => {
    const limiter = leasing();
    const buckets = hot(perMinute(6_000), perWindow(100_000, 3_600_000));
    let taken = 0;
    for (; taken < 777; taken++) await limiter.consume(buckets, 1);
    expect(await remaining(buckets)).toBeLessThan(6_000 - 777);
    // The next answer tells what is left for all, what is held here included.
    clock.advance(1_000);
    for (let turn = 1; turn <= 3; turn++) {
      expect(await limiter.consume(buckets, 1)).toMatchObject({ outcome: 'admitted', states: [{ remaining: 6_000 - 777 - turn }, { remaining: 100_000 - 777 - turn }] });
    }
  });

  it('takes nothing back from a bucket that was begun anew', async () => {
    const limiter = leasing();
    const buckets = hot(perMinute(6_000));
    for (let turn = 0; turn < 300; turn++) await limiter.consume(buckets, 1);
    // It holds units that it could give back.
    expect(await remaining(buckets)).toBeLessThan(6_000 - 300);
    await server.command('FLUSHALL');
    await redisLimiter(client.client, { clock }).consume(buckets, 5_000);
    clock.advance(1_000);
    expect(await limiter.consume(buckets, 1)).toMatchObject({ outcome: 'admitted', states: [{ remaining: 1_000 - 1 }] });
  });

  it('leases neither places, nor small limits, nor free requests', async () => {
    const limiter = leasing(1);
    for (const buckets of [hot(perMinute(60)), hot(perMinute(1_000), concurrent(1_000)), hot(perMinute(1_000), perWindow(50, 1_000))]) {
      for (let turn = 0; turn < 30; turn++) {
        const answer: unknown = limiter.consume(buckets, 1);
        expect(isLocal(answer)).toBe(false);
        await answer;
      }
    }
    await warm(limiter, hot(perMinute(5_000)));
    expect(isLocal(limiter.consume(hot(perMinute(5_000)), 0))).toBe(false);
    expect(isLocal(limiter.consume(hot(perMinute(4_000)), 1))).toBe(false);
  });

  it('gives nothing out by limits that have been changed in the list itself', async () => {
    const limiter = leasing(0.5);
    const buckets = hot(perMinute(1_000));
    await warm(limiter, buckets);
    expect(isLocal(limiter.consume(buckets, 1))).toBe(true);
    buckets[0] = hot(perMinute(10))[0]!;
    expect((await limiter.consume(buckets, 1)).outcome).toBe('limited');
  });

  it('forgets what it holds on reset', async () => {
    const limiter = leasing(1);
    const buckets = hot(perMinute(100));
    await warm(limiter, buckets);
    await limiter.reset('tenant:hot', 't:hot');
    expect(isLocal(limiter.consume(buckets, 1))).toBe(false);
  });

  it('makes one trip for all who wait, whether it admits, refuses or fails', async () => {
    let calls = 0;
    let isDown = false;
    const call = async (command: string, ...args: string[]): Promise<unknown> => {
      calls++;
      if (isDown) throw new Error('gone');
      return client.client.call(command, ...args);
    };
    const limiter = redisLimiter({ status: 'ready', call }, { clock, localLease: { share: 1 }, denyCache: false });
    const buckets = hot(perMinute(1_000));
    const ask = async (): Promise<unknown[]> => {
      calls = 0;
      const settled = await Promise.allSettled(Array.from({ length: 40 }, async () => limiter.consume(buckets, 1)));
      return [...new Set(settled.map((answer) => (answer.status === 'rejected' ? 'failed' : answer.value.outcome)))];
    };
    await warm(limiter, buckets);
    expect(await ask()).toEqual(['admitted']);
    expect(calls).toBeLessThanOrEqual(8);
    while ((await limiter.consume(buckets, 1)).outcome === 'admitted');
    expect(await ask()).toEqual(['limited']);
    expect(calls).toBeLessThanOrEqual(4);
    isDown = true;
    expect(await ask()).toEqual(['failed']);
    expect(calls).toBeLessThanOrEqual(4);
    isDown = false;
    clock.advance(61_000);
    expect((await limiter.consume(buckets, 1)).outcome).toBe('admitted');
  });
});
