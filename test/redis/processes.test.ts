import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createKeyring } from '../../src/keyring.js';
import { concurrent } from '../../src/core/limits/rules.js';
import { redisInvalidation } from '../../src/redis/invalidation.js';
import { redisLimiter } from '../../src/redis/limiter.js';
import { redisStore } from '../../src/redis/store.js';
import { ioredis, type TestClient } from './clients.js';
import { mostIn } from './windows.js';
import type { Event, Load, Race, Task } from './worker.js';
import { describeOnEach } from '../support/services/engines.js';
import { until, type RedisServer } from '../support/services/redis.js';

const now = (): number => Number(process.hrtime.bigint()) / 1e6;

describeOnEach('four processes and one Redis', ({ startRedis }) => {
  let server: RedisServer;
  let client: TestClient;
  let workers: ChildProcess[] = [];

  const start = async (kind: string): Promise<ChildProcess> => {
    const child = fork(fileURLToPath(new URL('worker.ts', import.meta.url)), [String(server.port), kind], { execArgv: ['--import', 'tsx'], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    process.once('exit', () => child.kill('SIGKILL'));
    await once(child, 'message');
    return child;
  };
  const ask = async <T>(worker: ChildProcess, task: Task): Promise<T> => {
    const answer = once(worker, 'message');
    worker.send(task);
    return ((await answer) as [{ done: T }])[0].done;
  };
  const askAll = async (task: Load): Promise<Event[]> => (await Promise.all(workers.map(async (worker) => ask<Event[]>(worker, task)))).flat();

  beforeAll(async () => {
    server = await startRedis();
    client = await ioredis(server.port);
    workers = await Promise.all(['ioredis', 'node-redis', 'ioredis', 'node-redis'].map(start));
  });
  beforeEach(() => server.command('FLUSHALL'));
  afterAll(async () => {
    for (const worker of workers) worker.kill('SIGKILL');
    await client.close();
    await server.end();
  });

  it('never admit more than the limit in any window, nor hold more places than the cap', async () => {
    const events = await askAll({ what: 'load', options: {}, rules: [[40, 1_000], [70, 2_000]], cap: 3, forMs: 3_000, inFlight: 3 });
    expect(mostIn(events, 1_000)).toBeLessThanOrEqual(40);
    expect(mostIn(events, 2_000)).toBeLessThanOrEqual(70);
    // More than one window's worth, also on a machine that is busy with something else.
    expect(events.length).toBeGreaterThan(70);
    // From the moment a place is known to be held until just before it is given back it is certainly held.
    const changes = events.flatMap(([, knownAt, releasedAt]) => [[knownAt, 1], [releasedAt, -1]] as const).sort(([a, one], [b, other]) => a - b || one - other);
    let held = 0;
    const most = changes.reduce((greatest, [, change]) => Math.max(greatest, (held += change)), 0);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(3);
  });

  it('never admit more than the limit with units leased in advance, in a tenth of the trips', async () => {
    await server.command('CONFIG', 'RESETSTAT');
    const events = await askAll({ what: 'load', options: { localLease: { share: 0.05 } }, rules: [[30_000, 3_000], [60_000, 60_000]], forMs: 4_000, inFlight: 10 });
    const trips = Number(/cmdstat_evalsha:calls=(\d+)/.exec(await server.command('INFO', 'commandstats'))?.[1]);
    process.stdout.write(`${events.length} admissions, most in a window ${mostIn(events, 3_000)}, ${trips} script calls\n`);
    expect(mostIn(events, 3_000)).toBeLessThanOrEqual(30_000);
    expect(events.length).toBeLessThanOrEqual(60_000);
    // What nobody has used went back.
    expect(events.length).toBeGreaterThan(30_000);
    expect(trips).toBeLessThan(events.length / 10);
  });

  it('never admit more than the limit when one of them is killed while it holds units', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'keystile-tally-'));
    const limit = 6_000;
    const task = (name: string): Load => ({ what: 'load', options: { localLease: { share: 0.1 } }, rules: [[limit, 60_000]], forMs: 2_000, inFlight: 10, tally: join(folder, name) });
    const sizeOf = (name: string): number => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0;
    const doomed = await start('ioredis');
    doomed.send(task('doomed'));
    await until(() => sizeOf('doomed') > 500);
    const working = Promise.all(workers.slice(0, 3).map(async (worker, index) => ask(worker, task(String(index)))));
    await until(() => sizeOf('0') > 50);
    doomed.kill('SIGKILL');
    await working;
    const total = ['doomed', '0', '1', '2'].reduce((sum, name) => sum + sizeOf(name), 0);
    rmSync(folder, { recursive: true });
    expect(total).toBeLessThanOrEqual(limit);
    // What the killed one held, at most its share, is lost, and what it was being given: ten requests.
    expect(total).toBeGreaterThanOrEqual(limit * 0.9 - 10);
  });

  it('change a key once, however many try at the same moment, and tell the others', async () => {
    const keyring = createKeyring({ prefix: 'awx', store: redisStore(client.client) });
    for (let round = 0; round < 10; round++) {
      const [rotate, update] = [(await keyring.create({ name: 'a' })).apiKey.id, (await keyring.create({ name: 'b' })).apiKey.id];
      const task: Race = { what: 'race', rotate, update, tenantId: `t${round}` };
      const fates = await Promise.all(workers.map(async (worker) => ask<string[]>(worker, task)));
      for (const [place, code] of ['already_rotated', 'version_conflict', 'slot_taken'].entries()) expect(fates.map((all) => all[place]).sort()).toEqual(['done', code, code, code].sort());
      expect(await keyring.get(update)).toMatchObject({ version: 2 });
    }
    await keyring.close();
  });

  it('get the places of a killed process when its leases end', async () => {
    const limiter = redisLimiter(client.client);
    const buckets = [{ id: 'key:held', group: 't:held', rules: [concurrent(4)], whenFull: 'refuse' }] as const;
    const doomed = await start('ioredis');
    expect(await ask(doomed, { what: 'hold', cap: 4, leaseMs: 700 })).toBe(4);
    const takenAt = now();
    doomed.kill('SIGKILL');
    expect((await limiter.consume(buckets, 1)).outcome).toBe('limited');
    await until(async () => (await limiter.consume(buckets, 1)).outcome === 'admitted');
    expect(now() - takenAt).toBeLessThan(1_000);
  });

  it('refuse a revoked key within 100 ms at the median', async () => {
    const keyring = createKeyring({ prefix: 'awx', store: redisStore(client.client), cache: { invalidation: redisInvalidation(client.client) } });
    const delays: number[] = [];
    for (let round = 0; round < 3; round++) {
      const { key, apiKey } = await keyring.create({ name: 'shared' });
      const heard = new Map<ChildProcess, number>();
      const ready = workers.map(async (worker) => {
        await new Promise<void>((resolve) => {
          const note = (message: { code?: string; at?: number; done?: unknown }): void => {
            if (message.code === 'ok') resolve();
            if (message.code === 'revoked_key') heard.set(worker, message.at ?? NaN);
            if ('done' in message || message.code === 'revoked_key') worker.off('message', note);
          };
          worker.on('message', note);
          worker.send({ what: 'listen', key } satisfies Task);
        });
      });
      await Promise.all(ready);
      const revokedAt = now();
      await keyring.revoke(apiKey.id);
      await until(() => heard.size === workers.length, 5_000);
      delays.push(...[...heard.values()].map((at) => at - revokedAt));
    }
    delays.sort((a, b) => a - b);
    process.stdout.write(`revocation elsewhere: median ${delays[6]?.toFixed(1)} ms, longest ${delays.at(-1)?.toFixed(1)} ms\n`);
    expect(delays[6]).toBeLessThan(100);
    await keyring.close();
  });
});
