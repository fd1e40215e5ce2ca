import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { concurrent, perDay, perMinute } from '../../src/core/limits/rules.js';
import type { LimitBucket } from '../../src/core/ports.js';
import { redisInvalidation } from '../../src/redis/invalidation.js';
import { redisLimiter } from '../../src/redis/limiter.js';
import { redisStore } from '../../src/redis/store.js';
import { limiterContract } from '../../src/testing/limiter-contract.js';
import { storeContract } from '../../src/testing/store-contract.js';
import { ioredisCluster, nodeRedisCluster, type TestClient } from './clients.js';
import { describeOnEach } from '../support/services/engines.js';
import { until, type RedisServer } from '../support/services/redis.js';

describeOnEach('a cluster of three masters', ({ startCluster }) => {
  let nodes: readonly RedisServer[] = [];
  beforeAll(async () => {
    nodes = await startCluster();
  });
  afterAll(async () => {
    for (const node of nodes) await node.end();
  });
  const empty = async (): Promise<void> => {
    for (const node of nodes) await node.command('FLUSHALL');
  };

  describe.each([['ioredis', ioredisCluster], ['node-redis', nodeRedisCluster]] as const)('by %s', (_name, connect) => {
    let client: TestClient;
    let ends: (() => unknown)[] = [];
    afterEach(async () => {
      for (const end of ends.reverse()) await end();
      ends = [];
    });
    beforeAll(async () => {
      client = await connect(nodes.map(({ port }) => port));
    });
    afterAll(() => client.close());

    it('counts tenants on all nodes, each on one', async () => {
      await empty();
      const limiter = redisLimiter(client.client);
      const buckets = (tenant: number): LimitBucket[] => [
        { id: `key:${tenant}`, group: `t:${tenant}`, rules: [perMinute(60), perDay(10_000), concurrent(5)], whenFull: 'refuse' },
        { id: `tenant:${tenant}`, group: `t:${tenant}`, rules: [perMinute(100), concurrent(9)], whenFull: 'refuse' },
      ];
      const tenants = Array.from({ length: 60 }, (_, index) => index);
      const answers = await Promise.all(tenants.map(async (tenant) => limiter.consume(buckets(tenant), 1)));
      const leases = answers.map((answer) => (answer.outcome === 'admitted' && answer.lease) || { ttlMs: 0 });
      await limiter.renew(leases);
      for (const lease of leases) await limiter.release(lease);
      for (const tenant of tenants) {
        expect(await limiter.peek(buckets(tenant), 0)).toMatchObject({ outcome: 'admitted', states: [{ remaining: 60 - 1 }, { remaining: 9_999 }, { remaining: 4 }, { remaining: 99 }, { remaining: 8 }] });
        await limiter.reset(`key:${tenant}`, `t:${tenant}`);
        expect(await limiter.peek(buckets(tenant), 0)).toMatchObject({ states: [{ remaining: 60 }, {}, {}, { remaining: 99 }, {}] });
      }
      const sizes = await Promise.all(nodes.map(async (node) => Number((await node.command('DBSIZE')).slice(1))));
      expect(sizes.every((size) => size > 0)).toBe(true);
    });

    it('tells of changes, whichever node somebody listens at', async () => {
      const invalidation = redisInvalidation(client.client);
      const told: string[][] = [[], [], [], []];
      const offs = await Promise.all(told.map(async (list) => redisInvalidation(client.client).subscribe({ changed: (ids) => void list.push(...ids), lost: () => void list.push('-lost'), restored: () => undefined })));
      await invalidation.publish(['a']);
      await until(() => told.every((list) => list.includes('a')));
      for (const off of offs) await off();
      expect(told.flat()).not.toContain('-lost');
    });

    it('tells of changes without help of the nodes, which may lose what they pass on', async () => {
      const apart = await startCluster();
      ends.push(...apart.map((node) => () => node.end()));
      const { client: own, close } = await connect(apart.map(({ port }) => port));
      ends.push(close);
      // Each knows itself only, for a minute.
      const ids = await Promise.all(apart.map(async (node) => (await node.command('CLUSTER', 'MYID')).split('\r\n')[1] ?? ''));
      for (const [index, node] of apart.entries()) for (const id of ids.filter((_id, other) => other !== index)) await node.command('CLUSTER', 'FORGET', id);
      const told: string[][] = Array.from({ length: 12 }, () => []);
      const offs = await Promise.all(told.map(async (list) => redisInvalidation(own).subscribe({ changed: (changed) => void list.push(...changed), lost: () => undefined, restored: () => undefined })));
      ends.push(...offs);
      const listeners = await Promise.all(apart.map(async (node) => Number(/:(\d+)/.exec((await node.command('PUBSUB', 'NUMSUB', 'keystile:changed')).split('\r\n').slice(-2)[0] ?? '')?.[1])));
      expect(listeners.filter((count) => count > 0).length).toBeGreaterThan(1);
      await redisInvalidation(own).publish(['a']);
      await until(() => told.every((list) => list.includes('a')));
    });
  });

  describe('every promise of the contracts', () => {
    let limiting: TestClient;
    let storing: TestClient;
    beforeAll(async () => {
      const ports = nodes.map(({ port }) => port);
      limiting = await ioredisCluster(ports);
      storing = await nodeRedisCluster(ports);
    });
    afterAll(async () => {
      await limiting.close();
      await storing.close();
    });
    storeContract({ describe, it }, async () => {
      await empty();
      return { store: redisStore(storing.client) };
    });
    limiterContract({ describe, it }, async (options) => {
      await empty();
      return { limiter: redisLimiter(limiting.client, options) };
    });
  });
});
