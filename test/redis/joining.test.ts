import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { concurrent, perDay, perHour, perMinute, type LimitRule } from '../../src/core/limits/rules.js';
import type { Consumption, LimitBucket, Limiter } from '../../src/core/ports.js';
import { memoryLimiter } from '../../src/memory/limiter.js';
import type { IoredisLike } from '../../src/redis/client.js';
import { redisLimiter } from '../../src/redis/limiter.js';
import { fakeClock } from '../../src/testing/fake-clock.js';
import { ioredis, KINDS } from './clients.js';
import { describeOnEach } from '../support/services/engines.js';
import { until, type RedisServer } from '../support/services/redis.js';

const bucket = (tenant: number | string, ...rules: LimitRule[]): LimitBucket => ({ id: `key:${tenant}`, group: `t:${tenant}`, rules, whenFull: 'refuse' });
const tenants = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const consume = async (limiter: Limiter, ...buckets: LimitBucket[]): Promise<Consumption> => limiter.consume(buckets, 1);

describeOnEach('requests of one turn of the event loop', ({ startRedis, startCluster }) => {
  let server: RedisServer;
  let own: Awaited<ReturnType<typeof ioredis>>;
  let limiter: Limiter;
  let nodes: readonly RedisServer[] = [];
  beforeAll(async () => {
    server = await startRedis();
    nodes = await startCluster();
    own = await ioredis(server.port);
  });
  beforeEach(async () => {
    await server.command('FLUSHALL');
    limiter = await knowing(own.client);
  });
  afterAll(async () => {
    await own.close();
    for (const each of [server, ...nodes]) await each.end();
  });

  /** A limiter that has had time to ask the server what it is. */
  async function knowing(client: Parameters<typeof redisLimiter>[0]): Promise<Limiter> {
    const made = redisLimiter(client);
    for (let turn = 0; turn < 3; turn++) await consume(made, bucket('first', perMinute(60)));
    return made;
  }
  const scripts = async (of = server): Promise<number> => {
    const told = await of.command('INFO', 'commandstats');
    return Number(/cmdstat_evalsha:calls=(\d+)/.exec(told)?.[1] ?? 0);
  };

  it.each(KINDS)('share calls, whatever their tenants: %s', async (_name, connect) => {
    const client = await connect(server.port);
    const shared = await knowing(client.client);
    await server.command('CONFIG', 'RESETSTAT');
    const answers = await Promise.all(tenants(160).map((tenant) => consume(shared, bucket(tenant, perMinute(60), concurrent(5)), { ...bucket(tenant, perDay(tenant + 1)), id: 'all' })));
    expect(await scripts()).toBeLessThanOrEqual(20);
    answers.forEach((answer, tenant) => expect(answer).toMatchObject({ outcome: 'admitted', states: [{ remaining: 59 }, { remaining: 4 }, { remaining: tenant }] }));

    await server.command('CONFIG', 'RESETSTAT');
    await Promise.all(answers.map(async (answer) => shared.release((answer.outcome === 'admitted' && answer.lease) || { ttlMs: 0 })));
    expect(await scripts()).toBeLessThanOrEqual(20);
    expect(await own.client.keys('*c:*')).toEqual([]);
    await client.close();
  });

  it('count one after the other where they share a bucket', async () => {
    const clock = fakeClock();
    const ids = fc.constantFrom('a', 'b', 'c');
    const rule = fc.constantFrom<LimitRule>(perMinute(5), perHour(9), perDay(70), concurrent(3));
    const request = fc.record({ ids: fc.uniqueArray(ids, { minLength: 1, maxLength: 3 }), rules: fc.uniqueArray(rule, { minLength: 1, maxLength: 3, selector: ({ kind }) => kind }), cost: fc.nat({ max: 3 }) });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(request, { minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 3 }), async (turns) => {
        const prefix = `run${String(run++)}:`;
        const [model, tested] = [memoryLimiter({ clock }), redisLimiter(own.client, { prefix, clock, denyCache: false })];
        for (const turn of turns) {
          const ask = async (of: Limiter): Promise<unknown[]> =>
            Promise.all(turn.map(async (one) => {
              const { lease, ...told } = { lease: undefined, ...(await of.consume(one.ids.map((id) => ({ id, group: 'g', rules: one.rules, whenFull: 'refuse' })), one.cost)) };
              return { ...told, hasLease: lease !== undefined };
            }));
          expect(await ask(tested)).toEqual(await ask(model));
          clock.advance(20_000);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('fail alone where a bucket holds what is not keystile’s', async () => {
    await server.command('SET', 'keystile:{t:3}w:key:3', 'somebody else has written here, and it is long');
    await server.command('SADD', 'keystile:{t:5}w:key:5', 'a');
    await server.command('SET', 'keystile:{t:7}c:key:7', 'here too');
    const answers = await Promise.allSettled(tenants(10).map((tenant) => consume(limiter, bucket(tenant, perMinute(60), concurrent(2)))));
    expect(answers.map(({ status }) => status)).toEqual(tenants(10).map((tenant) => ([3, 5, 7].includes(tenant) ? 'rejected' : 'fulfilled')));
    expect(await server.command('TYPE', 'keystile:{t:5}w:key:5')).toMatch(/^\+set\s*$/);
    // What fails is not counted in part.
    expect(await own.client.exists('keystile:{t:7}w:key:7')).toBe(0);
    const leases = answers.flatMap((answer) => (answer.status === 'fulfilled' && answer.value.outcome === 'admitted' && answer.value.lease) || []);
    await server.command('SET', 'keystile:{t:1}c:key:1', 'and here');
    await Promise.all(leases.map(async (lease) => limiter.release(lease)));
    expect((await own.client.keys('*c:*')).sort()).toEqual(['keystile:{t:1}c:key:1', 'keystile:{t:7}c:key:7']);
  });

  it('fail alone also where a client reads texts as bytes', async () => {
    const bytes: IoredisLike = {
      status: 'ready',
      call: async (...words) => {
        const answer = await own.client.call(...words);
        return Array.isArray(answer) ? answer.map((one: unknown) => (typeof one === 'string' ? Buffer.from(one) : one)) : answer;
      },
    };
    const reading = await knowing(bytes);
    await server.command('SADD', 'keystile:{t:2}w:key:2', 'a');
    const answers = await Promise.allSettled(tenants(5).map((tenant) => consume(reading, bucket(tenant, perMinute(60)))));
    expect(answers.map(({ status }) => status)).toEqual(tenants(5).map((tenant) => (tenant === 2 ? 'rejected' : 'fulfilled')));
    expect(answers[2]).toMatchObject({ reason: expect.objectContaining({ message: expect.stringContaining('WRONGTYPE') }) });
  });

  it('pass on the server’s own trouble as its error, which clients act upon', async () => {
    const heard: string[] = [];
    const attentive = await ioredis(server.port);
    attentive.client.options.reconnectOnError = (error) => {
      heard.push(error.message);
      return false;
    };
    const troubled = await knowing(attentive.client);
    await server.command('REPLICAOF', '127.0.0.1', '1');
    const answers = await Promise.allSettled(tenants(5).map((tenant) => consume(troubled, bucket(tenant, perMinute(60)))));
    await server.command('REPLICAOF', 'NO', 'ONE');
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 'rejected'));
    expect(heard.some((message) => message.includes('READONLY'))).toBe(true);
    await attentive.close();
  });

  it('go by tenant where the server has not said that it keeps all keys in one place', async () => {
    await server.command('ACL', 'SETUSER', 'plain', 'on', 'nopass', '~*', '+@all', '-info');
    const plain = await ioredis(server.port);
    await plain.client.auth('plain', 'x');
    const separate = await knowing(plain.client);
    await server.command('CONFIG', 'RESETSTAT');
    await Promise.all([...tenants(10), ...tenants(10)].map((tenant) => consume(separate, bucket(tenant, perMinute(60)))));
    expect(await scripts()).toBeGreaterThanOrEqual(10);
    expect(await scripts()).toBeLessThanOrEqual(14);
    await plain.close();
  });

  it('go by tenant from the first refusal on, and none is counted twice', async () => {
    const node = await ioredis(nodes[0]?.port ?? 0);
    // What a server says after a change for a cluster, to a client that had asked before.
    const changed: IoredisLike = { status: 'ready', call: (command, ...args) => (command === 'INFO' ? Promise.resolve('redis_mode:standalone\r\n') : node.client.call(command, ...args)) };
    const here = await slotsOf(nodes[0] as RedisServer);
    await until(async () => (await node.client.call('CLUSTER', 'INFO') as string).includes('cluster_state:ok'));
    const some = await Promise.all(tenants(400).map(async (tenant) => ({ tenant, slot: Number(await node.client.call('CLUSTER', 'KEYSLOT', `{t:${String(tenant)}}`)) })));
    const local = some.filter(({ slot }) => slot >= here.from && slot <= here.to).slice(0, 60).map(({ tenant }) => tenant);
    const split = redisLimiter(changed);
    // By then it has asked, and several calls that mix are under way when the first refusal comes.
    await consume(split, { ...bucket(local[0] ?? 0, perMinute(60)), id: 'before' });
    for (let turn = 1; turn <= 3; turn++) {
      const answers = await Promise.all(local.map((tenant) => consume(split, bucket(tenant, perMinute(60), concurrent(9)))));
      for (const answer of answers) expect(answer).toMatchObject({ outcome: 'admitted', states: [{ remaining: 60 - turn }, { remaining: 9 - turn }] });
    }
    await node.close();
  });

  async function slotsOf(node: RedisServer): Promise<{ from: number; to: number }> {
    const own = (await node.command('CLUSTER', 'NODES')).split('\n').find((line) => line.includes('myself')) ?? '';
    const [, from, to] = /(\d+)-(\d+)\s*$/.exec(own) ?? [];
    return { from: Number(from), to: Number(to) };
  }

  it('wait for nobody when nothing is under way', async () => {
    let isSent = false;
    const watching: IoredisLike = { status: 'ready', call: (command, ...args) => {
      if (command === 'EVALSHA') isSent = true;
      return own.client.call(command, ...args);
    } };
    const answer = redisLimiter(watching).consume([bucket('one', perMinute(60))], 1);
    expect(isSent).toBe(true);
    expect(await answer).toMatchObject({ outcome: 'admitted' });
  });
});

describe('a turn', () => {
  it('is over before what the server was asked has an answer', async () => {
    const sent: number[] = [];
    const silent: IoredisLike = { status: 'ready', call: (command, ...args) => {
      if (command === 'EVALSHA') sent.push(args.filter((arg) => arg.includes('w:')).length);
      return new Promise(() => undefined);
    } };
    const limiter = redisLimiter(silent);
    for (let count = 0; count < 40; count++) void limiter.consume([bucket('one', perMinute(60))], 1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(sent.reduce((sum, count) => sum + count, 0)).toBe(40);
    expect(Math.max(...sent)).toBeLessThanOrEqual(32);
  });
});
