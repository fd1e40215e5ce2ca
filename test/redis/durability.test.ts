import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { redisStore } from '../../src/redis/store.js';
import { expectKept } from '../sql/suites/killing.js';
import type { Said } from '../sql/suites/streaming.js';
import { describeWith } from '../support/services/required.js';
import { REDIS, startRedis, type RedisServer } from '../support/services/redis.js';
import { ioredis } from './clients.js';
import type { Stream } from './worker.js';

describeWith(REDIS)('redisStore on a server that writes every change to disk', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis({ after: ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always'] });
  });
  let close: () => unknown = () => undefined;
  afterAll(async () => {
    await close();
    await server.end();
  });

  /** What a process has been told was done until somebody is killed: itself, or the server under it. */
  async function streamUntil(kind: string, name: string, count: number, kill?: () => unknown): Promise<readonly Said[]> {
    const child = fork(fileURLToPath(new URL('worker.ts', import.meta.url)), [String(server.port), kind], { execArgv: ['--import', 'tsx'], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    process.once('exit', () => child.kill('SIGKILL'));
    const said: Said[] = [];
    await once(child, 'message');
    child.on('message', (message: { said: Said }) => {
      said.push(message.said);
      if (said.length === count) (kill ?? (() => child.kill('SIGKILL')))();
    });
    child.send({ what: 'stream', name } satisfies Stream);
    await once(child, 'close');
    expect(said.length).toBeGreaterThanOrEqual(count);
    return said;
  }

  it('keeps all that was acknowledged, and nothing by half, when a process is killed in the middle, and when the server is', async () => {
    const acknowledged = [await streamUntil('ioredis', 'one', 200), await streamUntil('node-redis', 'two', 200, () => server.kill())];
    await server.start();
    const connection = await ioredis(server.port);
    close = connection.close;
    const { client } = connection;
    for (const said of acknowledged) await expectKept(redisStore(client), said);
    // It goes on where it was: no slot is in the hands of a key that is not there.
    await expectKept(redisStore(client), await streamUntil('ioredis', 'two', 50));
  });
});
