import { expect, it } from '@jest/globals';
import { inspect } from 'node:util';
import { createKeyring } from '../../src/index.js';
import { redisStore } from '../../src/redis/store.js';
import { describeWith } from '../support/services/required.js';
import { REDIS, startRedis } from '../support/services/redis.js';
import { KINDS } from './clients.js';

describeWith(REDIS)('a fault of a Redis store', () => {
  it.each(KINDS)('holds neither hash nor record, over %s', async (_name, connect) => {
    const server = await startRedis();
    const { client, close } = await connect(server.port);
    const keyring = createKeyring({ prefix: 'awx', store: redisStore(client) });
    await server.command('CONFIG', 'SET', 'maxmemory', '1');
    const error: unknown = await keyring.create({ name: 'a name of its own' }).catch((fault: unknown) => fault);
    expect(error).toMatchObject({ code: 'store_unavailable' });
    expect(inspect(error, { depth: 20, showHidden: true, maxStringLength: null })).not.toMatch(/sha256|a name of its own/);
    await close();
    await server.end();
  });
});
