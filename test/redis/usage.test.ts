import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createKeyring } from '../../src/keyring.js';
import { redisUsage } from '../../src/redis/usage.js';
import { usageContract } from '../../src/testing/usage-contract.js';
import { describeOnEach } from '../support/services/engines.js';
import type { RedisServer } from '../support/services/redis.js';
import { KINDS, type TestClient } from './clients.js';

describeOnEach('redisUsage', ({ startRedis }) => {
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

    usageContract({ describe, it }, async () => {
      await server.command('FLUSHALL');
      return { meter: redisUsage(client.client) };
    });

    it('forgets by itself', async () => {
      await server.command('FLUSHALL');
      const at = Math.floor(Date.now() / 60_000) * 60_000;
      await redisUsage(client.client, { keepDays: { minute: 1, hour: 0, day: 2 } }).add({ id: 'x', at, counts: [{ at, keyId: 'a', tenantId: 't', outcome: 'allowed', count: 1 }] });
      const names = (await server.command('KEYS', '*')).split('\r\n').filter((line) => line.startsWith('keystile:'));
      expect(names).toHaveLength(9);
      for (const name of names) expect(Number((await server.command('TTL', name)).slice(1))).toBeGreaterThan(86_400);
      expect(names.filter((name) => name.includes('hour'))).toEqual([]);
      for (const options of [{ prefix: '{x}' }, { keepDays: { week: 1 } }, { keepDay: {} }]) expect(() => redisUsage(client.client, options as never)).toThrow('redisUsage');
    });

    it('counts the requests of a keyring, and none twice that were counted although the answer was lost', async () => {
      await server.command('FLUSHALL');
      let lose = true;
      const meter = redisUsage(client.client);
      const keyring = createKeyring({
        prefix: 'awx',
        usage: {
          ...meter,
          async add(batch) {
            await meter.add(batch);
            if (lose) throw new Error('connection reset');
          },
        },
      });
      const { key, apiKey } = await keyring.create({ name: 'a', tenantId: 't' });
      await keyring.verify(key);
      await keyring.flush();
      await keyring.flush();
      lose = false;
      await keyring.verify(key);
      expect((await keyring.usage({ keyId: apiKey.id })).totals).toEqual({ allowed: 2, limited: 0, refused: {} });
      expect(await keyring.topKeys()).toEqual([{ keyId: apiKey.id, tenantId: 't', allowed: 2, limited: 0, refused: 0 }]);
      await keyring.close();
    });
  });
});
