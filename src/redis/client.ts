import { driverFault } from '../core/driver-fault.js';
import { ConfigurationError } from '../core/errors.js';
import type { Awaitable } from '../core/ports.js';

/**
 * A client of ioredis, or its Cluster. Only what is used is asked for, so that neither package is imported, and any version with
 * this shape will do.
 */
export interface IoredisLike {
  readonly status: string;
  call(command: string, ...args: string[]): Promise<unknown>;
}

/** A client of node-redis (`redis`), 4 or later. */
export interface NodeRedisLike {
  readonly isReady: boolean;
  sendCommand(args: string[]): Promise<unknown>;
}

/** A cluster of node-redis: it is told the first key, by which it finds the node. */
export interface NodeRedisClusterLike {
  readonly slots: unknown;
  sendCommand(firstKey: string, isReadonly: boolean, args: string[]): Promise<unknown>;
}

/** A sentinel client of node-redis. */
export interface NodeRedisSentinelLike {
  getSentinelNode(): unknown;
  sendCommand(isReadonly: boolean, args: string[]): Promise<unknown>;
}

/** A connected client of the host's: keystile neither opens nor closes it. */
export type RedisClient = IoredisLike | NodeRedisLike | NodeRedisClusterLike | NodeRedisSentinelLike;

/** A client as the adapters use it. Both methods reject at once when the client is known to have no connection. */
export interface Redis {
  /** Sends one command to the node that has `key`. */
  send(key: string, args: string[]): Promise<unknown>;
}

/** States in which ioredis would keep a command for later. `wait` is that of a lazy client, which the first command connects. */
const WITHOUT_CONNECTION: readonly string[] = ['connecting', 'connect', 'reconnecting', 'disconnecting', 'close', 'end'];

/**
 * Looks at what kind of client this is. A command that a client keeps until it is connected again would come long after its request
 * has been answered, so a client without a connection is not asked.
 */
export function redisOf(client: unknown, path: string): Redis {
  const sender = senderOf(client, path);
  const fail = (error: unknown): never => {
    throw driverFault(error);
  };
  return { send: (key, args) => sender.send(key, args).catch(fail) };
}

function senderOf(client: unknown, path: string): Redis {
  if (isIoredis(client)) {
    return {
      send: (_key, [command = '', ...args]) => (WITHOUT_CONNECTION.includes(client.status) ? notConnected() : client.call(command, ...args)),
    };
  }
  if (!has(client, 'sendCommand', 'function')) {
    throw new ConfigurationError('invalid_option', path, 'must be a client of ioredis or node-redis, or a cluster of theirs');
  }
  const isDown = (): boolean => (client as { isReady?: unknown }).isReady === false || (client as { isOpen?: unknown }).isOpen === false;
  if (isCluster(client)) return { send: (key, args) => (isDown() ? notConnected() : client.sendCommand(key, false, args)) };
  if (isSentinel(client)) return { send: (_key, args) => (isDown() ? notConnected() : client.sendCommand(false, args)) };
  const plain = client as unknown as NodeRedisLike;
  return { send: (_key, args) => (isDown() ? notConnected() : plain.sendCommand(args)) };
}

/** The masters of a cluster, each connected when it is asked for; of anything else the client itself. */
export function mastersOf(client: RedisClient): readonly [Master, ...Master[]] {
  const [first, ...others] = listed(client);
  if (first === undefined) throw new Error('no node of the Redis cluster is known');
  return [first, ...others];
}

type Master = () => Awaitable<RedisClient>;

function listed(client: RedisClient): readonly Master[] {
  if (isIoredis(client) && has(client, 'nodes', 'function')) {
    return (client as unknown as { nodes(role: string): RedisClient[] }).nodes('master').map((node) => () => node);
  }
  if (isCluster(client) && has(client, 'nodeClient', 'function')) {
    const cluster = client as unknown as { masters: unknown[]; nodeClient(node: unknown): Awaitable<RedisClient> };
    return cluster.masters.map((node) => () => cluster.nodeClient(node));
  }
  return [() => client];
}

export const isIoredis = (client: unknown): client is IoredisLike => has(client, 'call', 'function') && has(client, 'status', 'string');

export const isCluster = (client: object): client is NodeRedisClusterLike => 'slots' in client;

export const isSentinel = (client: object): client is NodeRedisSentinelLike => has(client, 'getSentinelNode', 'function');

function has(client: unknown, name: string, type: 'function' | 'string'): client is object {
  return typeof client === 'object' && client !== null && typeof (client as Record<string, unknown>)[name] === type;
}

const notConnected = (): Promise<never> => Promise.reject(Object.assign(new Error('the Redis client has no connection'), { code: 'ENOTCONN' }));
