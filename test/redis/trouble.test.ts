import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { concurrent, perDay, perMinute, perWindow, type LimitRule } from '../../src/core/limits/rules.js';
import type { LimitBucket, Limiter } from '../../src/core/ports.js';
import { redisLimiter } from '../../src/redis/limiter.js';
import { ioredis } from './clients.js';
import { describeWith } from '../support/services/required.js';
import { REDIS, startRedis, until, type RedisServer } from '../support/services/redis.js';

const key = (id: string, ...rules: LimitRule[]): LimitBucket => ({ id: `key:${id}`, group: 't:acme', rules, whenFull: 'refuse' });
const WINDOWS = 'keystile:{t:acme}w:key:a';
const PLACES = 'keystile:{t:acme}c:key:a';

describeWith(REDIS)('redisLimiter in trouble', () => {
  let server: RedisServer;
  let client: Awaited<ReturnType<typeof ioredis>>;
  let limiter: Limiter;
  beforeAll(async () => {
    server = await startRedis();
    client = await ioredis(server.port);
  });
  beforeEach(async () => {
    await server.command('FLUSHALL');
    await server.command('SCRIPT', 'FLUSH');
    limiter = redisLimiter(client.client, { denyCache: false });
  });
  afterAll(async () => {
    await client.close();
    await server.end();
  });
  const consume = async (...buckets: LimitBucket[]): Promise<string> => (await limiter.consume(buckets, 1)).outcome;
  const left = async (bucket: LimitBucket): Promise<unknown> => {
    const answer = await limiter.peek([bucket], 0);
    return answer.outcome === 'admitted' && answer.states.map(({ remaining }) => remaining);
  };

  it('never takes what somebody else has written for a count, and leaves it as it is', async () => {
    const foreign: [type: string, ...command: string[]][] = [['list', 'RPUSH', 'x'], ['set', 'SADD', 'x'], ['hash', 'HSET', 'x', 'y'], ['zset', 'ZADD', '5', 'x'], ['string', 'SET', 'x']];
    for (const [type, command = '', ...args] of foreign) {
      for (const name of type === 'zset' ? [WINDOWS] : [WINDOWS, PLACES]) {
        await server.command('FLUSHALL');
        await client.client.call(command, name, ...args);
        await expect(consume(key('a', perMinute(500), concurrent(5)))).rejects.toThrow();
        expect(await client.client.type(name)).toBe(type);
        expect(await client.client.dbsize()).toBe(1);
      }
    }
  });

  it('never takes a text for a count, nor a count that was cut off', async () => {
    const rule = perMinute(500);
    const texts: Buffer[] = Array.from({ length: 400 }, (_, length) => Buffer.alloc(length, 'somebody else has written this. '));
    texts.push(...Array.from({ length: 300 }, (_, length) => randomBytes(length % 35)));
    await consume(key('a', rule));
    const whole = await client.client.getBuffer(WINDOWS);
    for (let length = 1; length < (whole?.length ?? 0); length++) texts.push(whole!.subarray(0, length));
    for (const text of texts) {
      await client.client.set(WINDOWS, text);
      await expect(consume(key('a', rule))).rejects.toThrow();
      expect(await client.client.getBuffer(WINDOWS)).toEqual(text);
    }
  });

  it('bears a hundred windows and the greatest costs', async () => {
    const many = key('a', ...Array.from({ length: 100 }, (_, index) => perWindow(3, 60_000 + index)));
    for (const outcome of ['admitted', 'admitted', 'admitted', 'limited']) expect(await consume(many)).toBe(outcome);
    const most = 1_000_000_000;
    const big = [key('b', perMinute(most), perDay(most))];
    expect(await limiter.consume(big, Number.MAX_SAFE_INTEGER)).toMatchObject({ outcome: 'limited', retryAfterMs: undefined });
    expect(await limiter.consume(big, most)).toMatchObject({ outcome: 'admitted', states: [{ remaining: 0 }, { remaining: 0 }] });
    expect(await limiter.consume(big, Number.MAX_SAFE_INTEGER)).toMatchObject({ outcome: 'limited', states: [{ remaining: 0 }, { remaining: 0 }] });
    for (const cost of [-1, -0.5, NaN, Infinity, Number.MAX_SAFE_INTEGER + 1, '1']) expect(() => limiter.consume(big, cost as number)).toThrow(RangeError);
    await consume({ ...key('c', perMinute(5)), group: 't:{\ud800}' });
  });

  it.each([
    ['is out of memory', ['CONFIG', 'SET', 'maxmemory', '1'], ['CONFIG', 'SET', 'maxmemory', '0']],
    ['has become a replica', ['REPLICAOF', '127.0.0.1', '1'], ['REPLICAOF', 'NO', 'ONE']],
  ])('fails while the server %s, counts nothing in part, and goes on afterwards', async (_what, begin, end) => {
    const [own, common] = [key('a', perMinute(500), concurrent(50)), { ...key('t', perDay(500), concurrent(50)), id: 'tenant:acme' }];
    await consume(own, common);
    await server.command(...begin);
    for (let turn = 0; turn < 20; turn++) await expect(consume(own, common)).rejects.toThrow();
    await server.command(...end);
    await until(async () => (await consume(own, common)) === 'admitted');
    expect([await left(own), await left(common)]).toEqual([[498, 47], [498, 47]]);
  });

  it('asks once more when only the clock was late, and counts once', async () => {
    let trips = 0;
    let stepMs = 0;
    const behind = {
      status: 'ready',
      call: async (command: string, ...args: string[]): Promise<unknown> => {
        if (command === 'INFO') return client.client.call(command, ...args);
        trips++;
        const place = 2 + Number(args[1]);
        // The time up to which the request is worth anything, as a server sees it whose clock has been stepped forward.
        const [lateAfter = 0, ...rest] = JSON.parse(args[place] ?? '[]') as number[];
        args[place] = JSON.stringify([lateAfter > 0 ? lateAfter - stepMs : 0, ...rest]);
        stepMs = 0;
        return client.client.call(command, ...args);
      },
    };
    limiter = redisLimiter(behind);
    // The first call brings the script, which takes two trips.
    for (const [step, wanted] of [[0, 2], [10_000, 2], [0, 1], [-10_000, 1], [0, 1]] as const) {
      [trips, stepMs] = [0, step];
      expect(await consume(key('a', perMinute(500)))).toBe('admitted');
      expect(trips).toBe(wanted);
    }
    expect(await left(key('a', perMinute(500)))).toEqual([495]);
  });
});
