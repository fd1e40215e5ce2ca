import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { concurrent, perDay, perMinute } from '../../src/core/limits/rules.js';
import type { KeyringOptions } from '../../src/core/keyring-options.js';
import type { LimitBucket, Limiter } from '../../src/core/ports.js';
import { createKeyring } from '../../src/keyring.js';
import { redisInvalidation } from '../../src/redis/invalidation.js';
import { redisLimiter } from '../../src/redis/limiter.js';
import { redisStore } from '../../src/redis/store.js';
import { KINDS, type TestClient } from './clients.js';
import { describeWith } from '../support/services/required.js';
import { REDIS, startRedis, until, type RedisServer } from '../support/services/redis.js';

const BUCKETS: LimitBucket[] = [{ id: 'key:a', group: 't:acme', rules: [perDay(1_000_000), concurrent(100_000)], whenFull: 'refuse' }];

/** Asks without a pause, 20 at a time, until it is told to stop; what came back. */
function load(limiter: Limiter): { readonly counts: { admitted: number; failed: number }; stop(): Promise<void> } {
  const counts = { admitted: 0, failed: 0 };
  let isOver = false;
  const work = async (): Promise<void> => {
    while (!isOver) {
      try {
        const answer = await limiter.consume(BUCKETS, 1);
        if (answer.outcome === 'admitted') counts.admitted++;
      } catch {
        counts.failed++;
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    }
  };
  const working = Promise.all(Array.from({ length: 20 }, work));
  return { counts, stop: async () => ((isOver = true), void (await working)) };
}

const usedOf = async (limiter: Limiter): Promise<number> => {
  const answer = await limiter.peek(BUCKETS, 0);
  return answer.outcome === 'admitted' ? 1_000_000 - (answer.states[0]?.remaining ?? 0) : NaN;
};

describeWith(REDIS)('faults of a Redis', () => {
  let server: RedisServer;
  let ends: (() => unknown)[] = [];
  beforeEach(async () => {
    server = await startRedis();
  });
  afterEach(async () => {
    server.resume();
    for (const end of ends) await end();
    ends = [];
    await server.end();
  });

  describe.each(KINDS)('by %s', (_name, connect) => {
    const connected = async (): Promise<TestClient['client']> => {
      const { client, close } = await connect(server.port);
      ends.push(close);
      return client;
    };
    const keyringOf = async (options: (client: TestClient['client']) => Partial<KeyringOptions>): Promise<ReturnType<typeof createKeyring>> => {
      const keyring = createKeyring({ prefix: 'awx', limits: { default: [perMinute(1_000)] }, ...options(await connected()) });
      ends.unshift(() => keyring.close());
      return keyring;
    };

    it('a lost script cache costs nothing but a trip', async () => {
      const limiter = redisLimiter(await connected());
      const { counts, stop } = load(limiter);
      for (let turn = 0; turn < 5; turn++) {
        const before = counts.admitted;
        await until(() => counts.admitted > before + 200);
        await server.command('SCRIPT', 'FLUSH');
      }
      await stop();
      expect(counts.failed).toBe(0);
      expect(await usedOf(limiter)).toBe(counts.admitted);
    });

    it('cut connections fail what was on its way, count it at most once, and mend', async () => {
      const limiter = redisLimiter(await connected());
      const { counts, stop } = load(limiter);
      for (let turn = 0; turn < 5; turn++) {
        const before = counts.admitted;
        await until(() => counts.admitted > before + 200);
        await server.command('CLIENT', 'KILL', 'TYPE', 'normal');
      }
      const before = counts.admitted;
      await until(() => counts.admitted > before + 200);
      await stop();
      const used = await usedOf(limiter);
      expect(used).toBeGreaterThanOrEqual(counts.admitted);
      expect(used).toBeLessThanOrEqual(counts.admitted + counts.failed);
    });

    it('a server that hangs counts nothing afterwards that nobody waits for', async () => {
      const limiter = redisLimiter(await connected(), { staleMs: 300 });
      await limiter.consume(BUCKETS, 1);
      server.pause();
      const late = Array.from({ length: 50 }, async () => limiter.consume(BUCKETS, 1));
      const settled = Promise.allSettled(late);
      await new Promise((resolve) => setTimeout(resolve, 500));
      server.resume();
      expect((await settled).every(({ status }) => status === 'rejected')).toBe(true);
      expect((await limiter.consume(BUCKETS, 1)).outcome).toBe('admitted');
      expect(await usedOf(limiter)).toBe(2);
    });

    it('while it hangs, requests are counted here after the deadline, and there again afterwards', async () => {
      const keyring = await keyringOf((client) => ({ limiter: redisLimiter(client), deadlines: { limiterMs: 50 } }));
      const told: string[] = [];
      keyring.on('degraded', ({ part }) => told.push(`degraded ${part}`));
      keyring.on('recovered', ({ part }) => told.push(`recovered ${part}`));
      const { key } = await keyring.create({ name: 'a' });
      const ask = async (): Promise<number> => {
        const began = performance.now();
        const answer = await keyring.verify(key);
        expect(answer.ok).toBe(true);
        if (answer.ok) answer.release();
        return performance.now() - began;
      };
      await ask();
      server.pause();
      const waits: number[] = [];
      for (let turn = 0; turn < 12; turn++) waits.push(await ask());
      expect(waits.filter((ms) => ms > 40).length).toBeLessThanOrEqual(7);
      expect((await keyring.health()).limiter.ok).toBe(false);
      server.resume();
      await until(async () => (await ask(), told.includes('recovered limiter')));
      expect(told).toEqual(['degraded limiter', 'recovered limiter']);
    });

    it('a server that is down at the start, dies and comes back empty, stops no request', async () => {
      const client = await connected();
      await server.kill();
      const keyring = createKeyring({ prefix: 'awx', limits: { default: [perMinute(1_000)] }, limiter: redisLimiter(client) });
      ends.unshift(() => keyring.close());
      const { key } = await keyring.create({ name: 'a' });
      const ask = async (): Promise<boolean> => (await keyring.verify(key)).ok;
      const isCounted = async (): Promise<boolean> => (await ask(), Number((await server.command('DBSIZE')).slice(1)) > 0);
      for (let turn = 0; turn < 3; turn++) {
        for (let request = 0; request < 20; request++) expect(await ask()).toBe(true);
        await server.start();
        await until(isCounted);
        await server.kill();
      }
    });

    it('authentication fails closed within its deadline, and mends by itself', async () => {
      const keyring = await keyringOf((client) => ({ store: redisStore(client), cache: { max: 0, invalidation: redisInvalidation(client) }, deadlines: { storeMs: 400 } }));
      const { key } = await keyring.create({ name: 'a' });
      expect((await keyring.verify(key)).ok).toBe(true);
      server.pause();
      const began = performance.now();
      await expect(keyring.verify(key)).rejects.toMatchObject({ code: 'store_unavailable', status: 503 });
      expect(performance.now() - began).toBeLessThan(1_200);
      server.resume();
      await until(async () => (await keyring.verify(key)).ok);
      await server.kill();
      await expect(keyring.verify(key)).rejects.toMatchObject({ code: 'store_unavailable', status: 503 });
      await server.start();
      await until(async () => !(await keyring.verify(key)).ok);
    });
  });
});
