import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { concurrent, perDay, perMinute, perSecond, perWindow, type LimitRule } from '../../src/core/limits/rules.js';
import type { Consumption, LimitBucket, Limiter } from '../../src/core/ports.js';
import { memoryLimiter } from '../../src/memory/limiter.js';
import { redisLimiter } from '../../src/redis/limiter.js';
import { fakeClock } from '../../src/testing/fake-clock.js';
import { ioredis, KINDS } from './clients.js';
import { describeWith } from '../support/services/required.js';
import { REDIS, startRedis, until, type RedisServer } from '../support/services/redis.js';

const key = (id: string, ...rules: LimitRule[]): LimitBucket => ({ id: `key:${id}`, group: 't:acme', rules, whenFull: 'refuse' });
const outcome = async (limiter: Limiter, buckets: LimitBucket[], cost = 1): Promise<string> => (await limiter.consume(buckets, cost)).outcome;

async function drain(limiter: Limiter, buckets: LimitBucket[], most = 10_000): Promise<number> {
  for (let count = 0; count < most; count++) if ((await outcome(limiter, buckets)) !== 'admitted') return count;
  return most;
}

describeWith(REDIS)('redisLimiter in particular', () => {
  let server: RedisServer;
  let client: Awaited<ReturnType<typeof ioredis>>;
  beforeAll(async () => {
    server = await startRedis();
    client = await ioredis(server.port);
  });
  beforeEach(() => server.command('FLUSHALL'));
  afterAll(async () => {
    await client.close();
    await server.end();
  });

  const calls = async (): Promise<Record<string, number>> => Object.fromEntries([...(await server.command('INFO', 'commandstats')).matchAll(/cmdstat_(\S+?):calls=(\d+)/g)].map(([, name, count]) => [name, Number(count)]));
  const keys = async (): Promise<string[]> => (await client.client.keys('*')).sort();

  it.each([
    [{ prefx: 'a' }, "did you mean 'prefix'"],
    [{ prefix: 'a{b}' }, 'redisLimiter.prefix'],
    [{ leaseMs: 0 }, 'redisLimiter.leaseMs'],
    [{ staleMs: 1.5 }, 'redisLimiter.staleMs'],
    [{ denyCache: { maxMS: 5 } }, "did you mean 'maxMs'"],
    [{ denyCache: { max: 0 } }, 'redisLimiter.denyCache.max'],
    [{ localLease: { share: 0 } }, 'redisLimiter.localLease.share'],
    [{ clock: {} }, 'redisLimiter.clock'],
  ])('refuses %j', (options, message) => {
    expect(() => redisLimiter(client.client, options as never)).toThrow(message);
  });

  it('refuses what is no client', () => {
    for (const wrong of [undefined, null, 5, {}, 'redis://localhost', { call: () => 5 }, { sendCommand: 5 }]) expect(() => redisLimiter(wrong as never)).toThrow('redisLimiter.client');
  });

  it('does not count buckets of two groups in one step, nor broken costs', async () => {
    const limiter = redisLimiter(client.client);
    expect(() => limiter.consume([key('a', perMinute(5)), { ...key('b', perMinute(5)), group: 't:other' }], 1)).toThrow(RangeError);
    for (const cost of [-1, 1.5, NaN]) expect(() => limiter.consume([key('a', perMinute(5))], cost)).toThrow(RangeError);
    expect(await keys()).toEqual([]);
  });

  describe.each(KINDS)('round trips of %s', (_name, connect) => {
    const rules = [key('a', perMinute(60), perDay(10_000), concurrent(50)), { ...key('t', perMinute(1_000)), id: 'tenant:acme' }];

    it('are one for all rules of a request, two when the server has lost the script', async () => {
      const own = await connect(server.port);
      const limiter = redisLimiter(own.client);
      await limiter.consume(rules, 1);
      await server.command('CONFIG', 'RESETSTAT');
      for (let turn = 0; turn < 20; turn++) await limiter.consume(rules, 1);
      expect(await calls()).toMatchObject({ evalsha: 20 });
      expect(await calls()).not.toHaveProperty('eval');
      await server.command('SCRIPT', 'FLUSH');
      await server.command('CONFIG', 'RESETSTAT');
      for (let turn = 0; turn < 5; turn++) expect(await outcome(limiter, rules)).toBe('admitted');
      expect(await calls()).toMatchObject({ evalsha: 5, eval: 1 });
      expect(await limiter.peek(rules, 0)).toMatchObject({ states: [{ remaining: 34 }, { remaining: 9_974 }, { remaining: 23 }, { remaining: 974 }] });
      await own.close();
    });
  });

  it('writes nothing for a refusal, a look or a free request', async () => {
    const limiter = redisLimiter(client.client, { denyCache: false });
    const full = [key('a', perMinute(2), perDay(100)), { ...key('t', perMinute(500), concurrent(5)), id: 'tenant:acme' }];
    await drain(limiter, full);
    await server.command('CONFIG', 'RESETSTAT');
    for (let turn = 0; turn < 10; turn++) {
      expect(await outcome(limiter, full)).toBe('limited');
      await limiter.peek([key('a', perDay(100))], 1);
      await limiter.consume([key('a', perDay(100))], 0);
    }
    expect(Object.keys(await calls()).filter((name) => ['set', 'zadd', 'pexpire', 'zremrangebyscore'].includes(name))).toEqual([]);
  });

  it('keeps one key per bucket and cap, in the slot of the group, and none for longer than the window', async () => {
    const limiter = redisLimiter(client.client, { prefix: 'app:', leaseMs: 5_000 });
    await limiter.consume([key('a', perSecond(5), perMinute(90), concurrent(3)), { ...key('t', perSecond(70)), id: 'tenant:acme' }], 1);
    expect(await keys()).toEqual(['app:{t:acme}c:key:a', 'app:{t:acme}w:key:a', 'app:{t:acme}w:tenant:acme']);
    for (const [name, most] of [['app:{t:acme}c:key:a', 10_001], ['app:{t:acme}w:key:a', 61_002], ['app:{t:acme}w:tenant:acme', 1_034]] as const) {
      const lives = await client.client.pttl(name);
      expect(lives).toBeGreaterThan(0);
      expect(lives).toBeLessThanOrEqual(most);
    }
    await until(async () => (await client.client.exists('app:{t:acme}w:tenant:acme')) === 0);
  });

  it('takes bounded memory per bucket, however much it counts', async () => {
    const clock = fakeClock();
    const limiter = redisLimiter(client.client, { clock });
    const busy = [key('a', perMinute(60), perDay(1_000_000_000))];
    for (let turn = 0; turn < 200; turn++) {
      await limiter.consume(busy, 1 + (turn % 2));
      clock.advance(turn % 2 === 0 ? 960 : 1_440_000);
    }
    expect(await client.client.strlen('keystile:{t:acme}w:key:a')).toBeLessThanOrEqual(22 + 2 * 336);
    await limiter.consume([key('b', perMinute(60))], 1);
    expect(await client.client.strlen('keystile:{t:acme}w:key:b')).toBe(22 + 36);
  });

  it('answers as the limiter in memory does, step by step', async () => {
    const window = fc.constantFrom(1_000, 1_009, 60_000, 65_536, 86_400_000, 2 ** 32 - 1, 2 ** 32, 31_622_400_000);
    const limit = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constantFrom(59, 60, 61, 120, 100_000, 1_000_000_000));
    const step = fc.record({ share: fc.constantFrom(0, 0, 0, 1 / 60, 0.25, 59 / 60, 1, 61 / 60, 3), nudge: fc.integer({ min: -2, max: 2 }), back: fc.constantFrom(0, 0, 0, 0.4), cost: fc.oneof(fc.constant(1), fc.integer({ min: 0, max: 70 }), fc.constant(90_000)) });
    const rules = fc.uniqueArray(fc.tuple(window, limit), { minLength: 1, maxLength: 4, selector: ([length]) => length });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(rules, rules, fc.array(step, { minLength: 1, maxLength: 40 }), async (own, common, steps) => {
        const clock = fakeClock();
        const [limiter, memory] = [redisLimiter(client.client, { clock, prefix: `${run++}:`, denyCache: false }), memoryLimiter({ clock })];
        const windows = (list: [number, number][]): LimitRule[] => list.map(([length, most]) => perWindow(most, length));
        const buckets = [key('a', ...windows(own)), { ...key('t', ...windows(common)), id: 'tenant:t' }];
        // Further back than a window the two differ: the server's clock may be set, that of a process is none that is.
        const farthest = 0.9 * Math.min(...[...own, ...common].map(([length]) => length));
        let latest = clock.now();
        for (const { share, nudge, back, cost } of steps) {
          const wanted = clock.now() + Math.floor((share - back) * (own[0]?.[0] ?? 0)) + nudge;
          clock.advance(Math.max(wanted, Math.ceil(latest - farthest)) - clock.now());
          latest = Math.max(latest, clock.now());
          const [real, known] = [await limiter.consume(buckets, cost), memory.consume(buckets, cost) as Consumption];
          expect({ ...real, lease: undefined }).toEqual({ ...known, lease: undefined });
        }
      }),
      { numRuns: 60 },
    );
  });

  it('admits no more when the clock steps back', async () => {
    const clock = fakeClock();
    const limiter = redisLimiter(client.client, { clock });
    for (const rule of [perMinute(5), perMinute(500)]) {
      const buckets = [key(rule.name + String(rule.limit), rule)];
      expect(await drain(limiter, buckets)).toBe(rule.limit);
      clock.advance(-3_600_000);
      expect(await drain(limiter, buckets)).toBe(0);
      clock.advance(30_000);
      expect(await drain(limiter, buckets)).toBe(0);
      // A window after the first request since, not when the clock has caught up.
      clock.advance(32_001);
      expect(await drain(limiter, buckets)).toBe(rule.limit);
    }
  });

  it('waits no longer after a step back when the limits have changed too', async () => {
    const clock = fakeClock();
    const limiter = redisLimiter(client.client, { clock });
    for (const limit of [5, 500]) {
      const buckets = [key(String(limit), perMinute(limit))];
      expect(await drain(limiter, buckets)).toBe(limit);
      clock.advance(-3_600_000);
      const changed = [key(String(limit), perDay(1_000), perMinute(limit))];
      expect(await outcome(limiter, changed)).toBe('limited');
      clock.advance(30_000);
      expect(await outcome(limiter, changed)).toBe('limited');
      clock.advance(32_001);
      expect(await outcome(limiter, changed)).toBe('admitted');
    }
  });

  it('keeps the cap when processes have leases of different lengths', async () => {
    const [long, short] = [redisLimiter(client.client, { leaseMs: 60_000 }), redisLimiter(client.client, { leaseMs: 300 })];
    const two = [key('a', concurrent(2))];
    await long.consume(two, 1);
    await short.consume(two, 1);
    await until(async () => (await outcome(short, two)) === 'admitted');
    // The short lease has ended and been taken again; the long one is held all the while.
    expect(await drain(short, two)).toBe(0);
  });

  it('renews and releases many leases of many tenants, and no stranger’s', async () => {
    const limiter = redisLimiter(client.client, { leaseMs: 60_000 });
    const held = await Promise.all(Array.from({ length: 700 }, async (_, index) => {
      const answer = await limiter.consume([{ ...key('a', concurrent(1_000)), group: `t:${index % 3}` }, { ...key('b', concurrent(1_000)), group: `t:${index % 3}` }], 1);
      return answer.outcome === 'admitted' && answer.lease ? answer.lease : { ttlMs: 0 };
    }));
    await server.command('PEXPIRE', 'keystile:{t:1}c:key:a', '30000');
    await limiter.renew([...held, { ttlMs: 5 }]);
    expect(await client.client.pttl('keystile:{t:1}c:key:a')).toBeGreaterThan(60_000);
    await limiter.release({ ttlMs: 5 });
    await redisLimiter(client.client).release(held[0]!);
    expect(await client.client.zcard('keystile:{t:0}c:key:b')).toBe(234);
    for (const lease of held) await limiter.release(lease);
    expect(await keys()).toEqual([]);
  });

  it('is not misled by ids and groups that look like something else', async () => {
    const limiter = redisLimiter(client.client);
    for (const [group, id] of [['', 'a'], ['}', 'b'], ['{', 'c'], ['{}', 'd'], ['%7D', 'e'], ['t:a', ''], ['t:a', '}w:x'], ['t:a', 'x\nw:y'], ['t:a', '\u0000"\'é\u{1f511}'], ['t:a', 'x'.repeat(10_000)]] as const) {
      expect(await drain(limiter, [{ id, group, rules: [perMinute(2)], whenFull: 'refuse' }])).toBe(2);
    }
  });

  it('throws for an answer that is nonsense, and for a key that is somebody else’s', async () => {
    const lists = [[], ['x', 1, 0, 0], [1, 2], [1, [1, 0, 0]], [1, 1, 0], [1, 1, 0, 'x'], [1, 1, 0, null], [1, 1, 0.5, 0], [1, 1, -1, 0], [1, 0, 5, -2, 0], [1, 0, 5, 0, -2], [1, 7, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0, 1], [1, 1, 0, 0, 1, 0, 0], [1, 1, 0, 0, 'x']];
    for (const nonsense of [undefined, null, 'OK', ...lists]) {
      const limiter = redisLimiter({ status: 'ready', call: async () => nonsense });
      await expect(Promise.resolve(limiter.consume([key('a', perMinute(5))], 1))).rejects.toThrow('the server answered');
    }
    const limiter = redisLimiter(client.client);
    await client.client.set('keystile:{t:acme}w:key:a', 'somebody else has written here, and it is long');
    await client.client.set('keystile:{t:acme}c:key:b', 'here too');
    for (const id of ['a', 'b']) await expect(Promise.resolve(limiter.consume([key(id, perMinute(5), concurrent(5))], 1))).rejects.toThrow();
    expect(await keys()).toEqual(['keystile:{t:acme}c:key:b', 'keystile:{t:acme}w:key:a']);
  });

  it('fails at once, and keeps nothing for later, when the client has no connection', async () => {
    const sent: unknown[] = [];
    const note = async (...args: unknown[]): Promise<unknown> => sent.push(args);
    for (const offline of [{ status: 'reconnecting', call: note }, { isReady: false, sendCommand: note }, { isOpen: false, slots: [], sendCommand: note }]) {
      await expect(Promise.resolve(redisLimiter(offline as never).consume([key('a', perMinute(5))], 1))).rejects.toThrow('no connection');
    }
    expect(sent).toEqual([]);
  });
});
