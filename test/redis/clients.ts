import { Cluster, Redis } from 'ioredis';
import { createClient, createCluster, createSentinel } from 'redis';
import type { RedisClient } from '../../src/redis/client.js';

/** A connected client, as a host has it. */
export interface TestClient {
  readonly client: RedisClient;
  close(): Promise<void> | void;
}

type Connect = (port: number) => Promise<TestClient>;

/** As docs/redis.md says: nothing is kept for later, nothing sent twice. */
export async function ioredis(port: number): Promise<TestClient & { readonly client: Redis }> {
  const client = new Redis({ port, enableOfflineQueue: false, autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0, retryStrategy: () => 20, lazyConnect: true });
  client.on('error', () => undefined);
  await client.connect();
  return { client, close: () => client.disconnect() };
}

export async function nodeRedis(port: number): Promise<TestClient> {
  const client = createClient({ socket: { port, reconnectStrategy: 20 }, disableOfflineQueue: true });
  client.on('error', () => undefined);
  await client.connect();
  return { client, close: () => client.destroy() };
}

export const KINDS: readonly (readonly [name: string, connect: Connect])[] = [
  ['ioredis', ioredis],
  ['node-redis', nodeRedis],
];

const nodesOf = (ports: readonly number[]): { host: string; port: number }[] => ports.map((port) => ({ host: '127.0.0.1', port }));

export async function ioredisCluster(ports: readonly number[]): Promise<TestClient> {
  const client = new Cluster(nodesOf(ports), { lazyConnect: true });
  client.on('error', () => undefined);
  await client.connect();
  return { client, close: () => client.disconnect() };
}

export async function nodeRedisCluster(ports: readonly number[]): Promise<TestClient> {
  const client = createCluster({ rootNodes: nodesOf(ports).map((socket) => ({ socket })) });
  client.on('error', () => undefined);
  await client.connect();
  return { client, close: () => client.destroy() };
}

const MASTER = 'main';

export async function ioredisSentinel(port: number): Promise<TestClient> {
  const client = new Redis({ sentinels: [{ host: '127.0.0.1', port }], name: MASTER, enableOfflineQueue: false, autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0, retryStrategy: () => 20, sentinelRetryStrategy: () => 20, lazyConnect: true });
  client.on('error', () => undefined);
  await client.connect();
  return { client, close: () => client.disconnect() };
}

export async function nodeRedisSentinel(port: number): Promise<TestClient> {
  const client = createSentinel({ name: MASTER, sentinelRootNodes: [{ host: '127.0.0.1', port }], nodeClientOptions: { disableOfflineQueue: true } });
  client.on('error', () => undefined);
  await client.connect();
  return { client, close: () => client.destroy() };
}
