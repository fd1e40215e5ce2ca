import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { concurrent, perMinute, perSecond, perWindow, type LimitRule } from '../../src/core/limits/rules.js';
import type { Consumption, LimitBucket, Limiter } from '../../src/core/ports.js';
import { redisLimiter } from '../../src/redis/limiter.js';
import { fakeClock, type FakeClock } from '../../src/testing/fake-clock.js';
import { ioredis, type TestClient } from './clients.js';
import { describeOnEach } from '../support/services/engines.js';
import type { RedisServer } from '../support/services/redis.js';

const key = (id: string, ...rules: LimitRule[]): LimitBucket => ({ id: `key:${id}`, group: 't:acme', rules, whenFull: 'refuse' });
/** Answered at once means answered here. */
const isLocal = (answer: unknown): boolean => !(answer instanceof Promise);

describeOnEach('the deny cache of redisLimiter', ({ startRedis }) => {
  let server: RedisServer;
  let client: TestClient;
  let clock: FakeClock;
  let limiter: Limiter;
  beforeAll(async () => {
    server = await startRedis();
    client = await ioredis(server.port);
  });
  beforeEach(async () => {
    await server.command('FLUSHALL');
    clock = fakeClock();
    limiter = redisLimiter(client.client, { clock, denyCache: { maxMs: 10_000 } });
  });
  afterAll(async () => {
    await client.close();
    await server.end();
  });
  const fill = async (buckets: LimitBucket[], units = 5): Promise<void> => {
    await limiter.consume(buckets, units);
    expect((await limiter.consume(buckets, 1)).outcome).toBe('limited');
  };

  it('repeats a refusal without asking, word for word but for the time that has passed', async () => {
    const buckets = [key('a', perWindow(5, 8_000), perMinute(100))];
    await fill(buckets);
    clock.advance(3_000);
    const local = limiter.consume(buckets, 1);
    expect(isLocal(local) && isLocal(limiter.peek(buckets, 1))).toBe(true);
    const asked = await redisLimiter(client.client, { clock }).consume(buckets, 1);
    expect(local).toEqual(asked);
    expect(local).toMatchObject({ outcome: 'limited', retryAfterMs: 5_000 });
  });

  it('asks as soon as the server has said, and after the longest time of its own', async () => {
    const [short, long] = [[key('a', perWindow(5, 8_000))], [key('b', perMinute(5))]];
    await fill(short);
    await fill(long);
    clock.advance(7_999);
    expect(isLocal(limiter.consume(short, 1))).toBe(true);
    clock.advance(1);
    expect((await limiter.consume(short, 1)).outcome).toBe('admitted');
    expect(isLocal(limiter.consume(long, 1))).toBe(true);
    clock.advance(2_000);
    expect(isLocal(limiter.consume(long, 1))).toBe(false);
    clock.advance(-20_000);
    expect(isLocal(limiter.consume(long, 1))).toBe(false);
  });

  it('asks where the answer may be another: other cost, limit, buckets, a cap, no end', async () => {
    const buckets = [key('a', perMinute(5))];
    await fill(buckets);
    const others: [LimitBucket[], number][] = [[buckets, 0], [buckets, 2], [[key('a', perMinute(6))], 1], [[key('a', perMinute(5), perSecond(5))], 1], [[key('a', perMinute(5)), key('b', perMinute(5))], 1], [[key('b', perMinute(5))], 1], [[key('c', perMinute(0))], 1], [[key('c', perMinute(0))], 1]];
    for (const [list, cost] of others) expect(isLocal(limiter.consume(list, cost))).toBe(false);
    const capped = [key('d', perMinute(1), concurrent(1))];
    for (let turn = 0; turn < 3; turn++) {
      const answer: unknown = limiter.consume(capped, 1);
      expect(isLocal(answer)).toBe(false);
      await answer;
    }
  });

  it('goes by what a list is now, not by the list', async () => {
    const buckets = [key('a', perMinute(5))];
    await fill(buckets);
    expect(isLocal(limiter.consume(buckets, 1))).toBe(true);
    buckets[0] = key('b', perMinute(5));
    expect((await limiter.consume(buckets, 1)).outcome).toBe('admitted');
    buckets[0] = key('a', perMinute(10));
    expect((await limiter.consume(buckets, 1)).outcome).toBe('admitted');
  });

  it('forgets on reset, can be turned off, and remembers no more than it may', async () => {
    const list = (id: string): LimitBucket[] => [key(id, perMinute(5))];
    await fill(list('a'));
    await limiter.reset('key:a', 't:acme');
    expect((await limiter.consume(list('a'), 1)).outcome).toBe('admitted');
    limiter = redisLimiter(client.client, { clock, denyCache: false });
    await fill(list('b'));
    expect(isLocal(limiter.consume(list('b'), 1))).toBe(false);
    limiter = redisLimiter(client.client, { clock, denyCache: { max: 2 } });
    for (const id of ['c', 'd', 'e']) await fill(list(id));
    expect(['c', 'd', 'e'].map((id) => isLocal(limiter.consume(list(id), 1)))).toEqual([false, true, true]);
  });

  it('refuses nobody whom the server would admit', async () => {
    const random = (bound: number): number => Math.floor(Math.random() * bound);
    const twin = redisLimiter(client.client, { clock, prefix: 'twin:', denyCache: false });
    for (let turn = 0; turn < 1_500; turn++) {
      clock.advance(random(60));
      const buckets = [key(String(random(2)), perSecond(4), perWindow(70, 9_000))];
      const cost = 1 + random(2);
      const [one, other]: Consumption[] = [await limiter.consume(buckets, cost), await twin.consume(buckets, cost)];
      expect(one).toEqual(other);
    }
  });
});
