import { withDeadline } from '../core/awaitable.js';
import { ConfigurationError } from '../core/errors.js';
import { isCluster, isIoredis, isSentinel, mastersOf, type RedisClient } from './client.js';

/** A connection of its own, for a client that listens can do nothing else. It never mends itself: whoever opened it opens another. */
export interface Subscriber {
  close(): void;
}

export interface Listening {
  readonly channels: readonly string[];
  message(channel: string, text: string): void;
  /** The connection is gone, for good. */
  gone(error?: unknown): void;
}

/** Where a connection like the client's can be had. */
export type Opener = (listening: Listening) => Promise<Subscriber>;

const CONNECT_MS = 5_000;
const RETRIES_OFF = (): null => null;

interface Emitter {
  on(event: string, listener: (...args: never[]) => void): unknown;
}

interface IoredisConnection extends Emitter {
  duplicate(options: object): IoredisConnection;
  connect(): Promise<void>;
  subscribe(...channels: string[]): Promise<unknown>;
  disconnect(): void;
}

interface NodeRedisConnection extends Emitter {
  readonly options?: { readonly socket?: object };
  duplicate(options: object): NodeRedisConnection;
  connect(): Promise<unknown>;
  subscribe(channels: string[], listener: (text: string, channel: string) => void): Promise<void>;
  destroy?(): void;
  disconnect?(): unknown;
}

/** Messages of one node of a cluster are those of all, so a cluster is listened to at any of its masters. */
export function openerOf(client: RedisClient, path: string): Opener {
  const isListed = isIoredis(client) ? 'nodes' in client : isCluster(client) && 'nodeClient' in client;
  if (!isListed && typeof (client as { duplicate?: unknown }).duplicate !== 'function') {
    throw new ConfigurationError('invalid_option', path, 'must be a client of ioredis or node-redis that can be duplicated, or a cluster of theirs');
  }
  return async (listening) => {
    const node = await anyOf(mastersOf(client))();
    return isIoredis(node) ? openIoredis(node as unknown as IoredisConnection, listening) : openNodeRedis(node as unknown as NodeRedisConnection, listening);
  };
}

const anyOf = <T>([first, ...others]: readonly [T, ...T[]]): T => others[Math.floor(Math.random() * (others.length + 1)) - 1] ?? first;

async function openIoredis(client: IoredisConnection, listening: Listening): Promise<Subscriber> {
  const own = client.duplicate({ lazyConnect: true, enableOfflineQueue: true, autoResubscribe: false, retryStrategy: RETRIES_OFF, maxRetriesPerRequest: null, connectTimeout: CONNECT_MS });
  own.on('message', (channel: string, text: string) => {
    listening.message(channel, text);
  });
  return opened(own, async () => own.subscribe(...listening.channels), listening, () => {
    own.disconnect();
  });
}

async function openNodeRedis(client: NodeRedisConnection, listening: Listening): Promise<Subscriber> {
  // One for sentinels finds the master by itself, and has no socket of its own.
  const own = client.duplicate(isSentinel(client) ? {} : { disableOfflineQueue: false, socket: { ...client.options?.socket, reconnectStrategy: false, connectTimeout: CONNECT_MS } });
  const tell = (text: string, channel: string): void => {
    listening.message(channel, text);
  };
  return opened(own, async () => own.subscribe([...listening.channels], tell), listening, () => {
    // `destroy` of a client that is closed already throws; node-redis 4 has `disconnect` instead.
    void Promise.resolve()
      .then(() => (own.destroy === undefined ? own.disconnect?.() : own.destroy()))
      .catch(() => undefined);
  });
}

async function opened(own: IoredisConnection | NodeRedisConnection, subscribe: () => Promise<unknown>, listening: Listening, close: () => void): Promise<Subscriber> {
  const link: { state: 'opening' | 'open' | 'ended' | 'closed'; error: unknown } = { state: 'opening', error: undefined };
  const shut = (): void => {
    link.state = 'closed';
    close();
  };
  const end = (error?: unknown): void => {
    link.error = error ?? link.error;
    if (link.state === 'opening') link.state = 'ended';
    if (link.state !== 'open') return;
    shut();
    listening.gone(link.error);
  };
  own.on('error', (error: unknown) => {
    // A client for sentinels tells of each that does not answer while it looks for one that does.
    if (link.state === 'open' || !isSentinel(own)) end(error);
  });
  own.on('end', () => {
    end();
  });
  // It moves to another master by itself, and says nothing of what was missed meanwhile.
  own.on('topology-change', ({ type }: { type?: unknown }) => {
    if (link.state === 'open' && type === 'MASTER_CHANGE') end(new Error('the sentinels have named another master'));
  });
  const ready = Promise.resolve(own.connect()).then(async () => {
    // It came too late, after the wait for it was over.
    if (link.state === 'closed') close();
    else await subscribe();
  });
  try {
    await withDeadline(ready, CONNECT_MS, () => new Error(`no subscription within ${String(CONNECT_MS)} ms`));
    if (link.state === 'ended') throw new Error('the connection ended while it was opened', { cause: link.error });
  } catch (error) {
    shut();
    throw error;
  }
  link.state = 'open';
  return { close: shut };
}
