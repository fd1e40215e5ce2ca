/** One of several processes that share a Redis: does what its parent asks, and tells when. Started by processes.test.ts. */
import { appendFileSync } from 'node:fs';
import { concurrent, createKeyring, perWindow, type Consumption, type Keyring, type Lease, type LimitBucket } from 'keystile';
import { redisInvalidation, redisLimiter, redisStore, type RedisLimiterOptions } from 'keystile/redis';
import { streamed } from '../sql/suites/streaming.js';
import { ioredis, nodeRedis } from './clients.js';

export interface Load {
  readonly what: 'load';
  readonly options: RedisLimiterOptions;
  readonly rules: readonly (readonly [limit: number, windowMs: number])[];
  readonly cap?: number;
  readonly forMs: number;
  readonly inFlight: number;
  /** A file that grows by one byte with each admission, which a killed process leaves behind. */
  readonly tally?: string;
}

/** Keys that all processes change at the same moment. */
export interface Race {
  readonly what: 'race';
  readonly rotate: string;
  readonly update: string;
  readonly tenantId: string;
}

/** Keys created, rotated, changed and revoked without end, each said when it was acknowledged. */
export interface Stream {
  readonly what: 'stream';
  readonly name: string;
}

export type Task = Load | Race | Stream | { readonly what: 'hold'; readonly cap: number; readonly leaseMs: number } | { readonly what: 'listen'; readonly key: string };

/** An admission: when it was asked for, and when it was known, by the machine's monotonic clock; and when its lease was given back. */
export type Event = readonly [sentAt: number, knownAt: number, releasedAt: number];

const now = (): number => Number(process.hrtime.bigint()) / 1e6;
const rest = async (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const [, , port = '', kind = ''] = process.argv;
const { client } = await (kind === 'ioredis' ? ioredis : nodeRedis)(Number(port));

async function load({ options, rules, cap, forMs, inFlight, tally }: Load): Promise<Event[]> {
  const limiter = redisLimiter(client, options);
  const windows = rules.map(([limit, windowMs]) => perWindow(limit, windowMs));
  const buckets: LimitBucket[] = [{ id: 'key:hot', group: 't:hot', rules: cap === undefined ? windows : [...windows, concurrent(cap)], whenFull: 'refuse' }];
  const events: Event[] = [];
  const end = now() + forMs;
  const work = async (): Promise<void> => {
    while (now() < end) {
      const sentAt = now();
      const pending = limiter.consume(buckets, 1);
      // On a machine that is too busy a request may come too late to be counted: it is not admitted.
      const answer = pending instanceof Promise ? await (pending as Promise<Consumption>).catch(() => undefined) : (pending as Consumption);
      const knownAt = now();
      if (answer?.outcome !== 'admitted') {
        await rest(1);
        continue;
      }
      if (tally !== undefined) appendFileSync(tally, '.');
      if (answer.lease !== undefined) await rest(Math.random() * 10);
      const releasedAt = now();
      events.push([sentAt, knownAt, releasedAt]);
      if (answer.lease !== undefined) await limiter.release(answer.lease);
      // A process that never rests would not hear its own answers.
      else if (events.length % 50 === 0) await rest(0);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, work));
  return events;
}

/** What became of each change: `done`, or the code with which it was turned down. */
async function race({ rotate, update, tenantId }: Race): Promise<string[]> {
  const keyring: Keyring = createKeyring({ prefix: 'awx', store: redisStore(client) });
  const fateOf = async (change: Promise<unknown>): Promise<string> => change.then(() => 'done', (error: unknown) => (error as { code?: string }).code ?? 'fault');
  const fates = await Promise.all([
    fateOf(keyring.rotate(rotate)),
    fateOf(keyring.update(update, { name: `by ${process.pid}` }, { version: 1 })),
    fateOf(keyring.create({ name: 'claim', tenantId, slot: 'primary' })),
  ]);
  await keyring.close();
  return fates;
}

async function stream({ name }: Stream): Promise<void> {
  const keyring: Keyring = createKeyring({ prefix: 'awx', store: redisStore(client) });
  const work = async (tenantId: string): Promise<never> => {
    for (let round = 0; ; round++) await streamed(keyring, tenantId, round, (said) => process.send?.({ said }));
  };
  await Promise.all(['a', 'b', 'c'].map(async (tenant) => work(`${name}-${tenant}`)));
}

async function hold(cap: number, leaseMs: number): Promise<Lease[]> {
  const limiter = redisLimiter(client, { leaseMs });
  const buckets: LimitBucket[] = [{ id: 'key:held', group: 't:held', rules: [concurrent(cap)], whenFull: 'refuse' }];
  const answers = await Promise.all(Array.from({ length: cap }, async () => limiter.consume(buckets, 1)));
  return answers.flatMap((answer) => (answer.outcome === 'admitted' && answer.lease ? [answer.lease] : []));
}

/** Asks for one key again and again, from the cache, and tells when the answer changes. */
async function listen(key: string): Promise<void> {
  const keyring: Keyring = createKeyring({ prefix: 'awx', store: redisStore(client), cache: { invalidation: redisInvalidation(client) } });
  while (!(await keyring.health()).invalidation?.ok) await rest(5);
  let before = '';
  for (;;) {
    const answer = await keyring.verify(key);
    const code = answer.ok ? 'ok' : answer.code;
    if (code !== before) process.send?.({ code, at: now() });
    before = code;
    if (code === 'revoked_key') break;
    await rest(1);
  }
  await keyring.close();
}

process.on('message', (task: Task) => {
  const done = (result: unknown): void => void process.send?.({ done: result });
  if (task.what === 'load') void load(task).then(done);
  else if (task.what === 'race') void race(task).then(done);
  // It ends with its server.
  else if (task.what === 'stream') void stream(task).catch(() => process.exit(1));
  else if (task.what === 'hold') void hold(task.cap, task.leaseMs).then((leases) => done(leases.length));
  else void listen(task.key).then(done);
});
process.on('disconnect', () => process.exit(0));
process.send?.('ready');
