import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { redisInvalidation } from '../../src/redis/invalidation.js';
import type { InvalidationListener } from '../../src/core/ports.js';
import { KINDS, type TestClient } from './clients.js';
import { describeOnEach } from '../support/services/engines.js';
import { until, type RedisServer } from '../support/services/redis.js';

/** A listener that writes down what it is told. */
function diary(): { listener: InvalidationListener; told: string[] } {
  const told: string[] = [];
  return { told, listener: { changed: (ids) => void told.push(...ids), lost: () => void told.push('-lost'), restored: () => void told.push('-restored') } };
}

describeOnEach('redisInvalidation', ({ startRedis }) => {
  let server: RedisServer;
  let ends: (() => unknown)[] = [];
  beforeAll(async () => {
    server = await startRedis();
  });
  afterEach(async () => {
    for (const end of ends) await end();
    ends = [];
  });
  afterAll(() => server.end());

  describe.each(KINDS)('on %s', (_name, connect) => {
    const join = async (options = {}): Promise<{ invalidation: ReturnType<typeof redisInvalidation>; told: string[]; client: TestClient; off: () => unknown }> => {
      const client = await connect(server.port);
      const invalidation = redisInvalidation(client.client, options);
      const { listener, told } = diary();
      const off = await invalidation.subscribe(listener);
      ends.push(off, () => client.close());
      return { invalidation, told, client, off };
    };
    const subscribers = async (): Promise<number> => Number(/:(\d+)/.exec((await server.command('PUBSUB', 'NUMSUB', 'keystile:changed')).split('\r\n').slice(-2)[0] ?? '')?.[1]);

    it('tells all others, not oneself, and neither repeats nor believes what is no notice', async () => {
      const [one, two, three] = [await join(), await join(), await join({ channel: 'elsewhere' })];
      for (const noise of ['', 'x', '{}', 'null', '[]', '{"ids":5}', '{"ids":[{},7]}', '\u0000', `{"ids":["${'x'.repeat(1_000_001)}"]}`]) await server.command('PUBLISH', 'keystile:changed', noise);
      const hard = `a'"\u{1f511}\u0000\n`;
      await one.invalidation.publish(['k1', hard]);
      await two.invalidation.publish(['k2']);
      await until(() => two.told.length === 2 && one.told.length === 1);
      expect([one.told, two.told, three.told]).toEqual([['k2'], ['k1', hard], []]);
    });

    it('says when it hears nothing, and when it hears again, and misses nothing from then on', async () => {
      const [one, two] = [await join(), await join()];
      await server.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await until(() => one.told.includes('-restored') && two.told.includes('-restored'));
      await one.invalidation.publish(['after']);
      await until(() => two.told.includes('after'));
      expect(two.told).toEqual(['-lost', '-restored', 'after']);
    });

    it('comes back after a restart of the server', async () => {
      const one = await join();
      await server.kill();
      await until(() => one.told.includes('-lost'));
      await server.start();
      await until(() => one.told.includes('-restored'));
      const two = await join();
      await two.invalidation.publish(['later']);
      await until(() => one.told.includes('later'));
      expect(one.told).toEqual(['-lost', '-restored', 'later']);
    });

    it('notices a connection that is silent', async () => {
      const one = await join({ heartbeatMs: 50 });
      server.pause();
      await until(() => one.told.includes('-lost'));
      server.resume();
      await until(() => one.told.includes('-restored'), 15_000);
    });

    it('closes its own connection and no other', async () => {
      const one = await join();
      await until(async () => (await subscribers()) === 1);
      await one.off();
      await until(async () => (await subscribers()) === 0);
      await one.invalidation.publish(['x']);
      expect(one.told).toEqual([]);
    });

    it('rejects when nobody answers, so that the keyring tries again', async () => {
      const client = await connect(server.port);
      ends.push(() => client.close());
      await server.kill();
      await expect(redisInvalidation(client.client).subscribe(diary().listener)).rejects.toThrow();
      await expect(Promise.resolve(redisInvalidation(client.client).publish(['x']))).rejects.toThrow();
      await server.start();
    });
  });

  it('refuses what is no client, and options that it does not know', async () => {
    for (const client of [undefined, null, {}, { call: 5 }, { status: 'ready' }, 'redis://x']) expect(() => redisInvalidation(client as never)).toThrow('redisInvalidation.client');
    const [, connect] = KINDS[0]!;
    const { client, close } = await connect(server.port);
    expect(() => redisInvalidation(client, { chanel: 'x' } as never)).toThrow("did you mean 'channel'");
    await close();
  });
});
