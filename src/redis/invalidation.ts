import { randomBytes } from 'node:crypto';
import { ConfigurationError } from '../core/errors.js';
import { checkOptions } from '../core/options.js';
import type { Invalidation, InvalidationListener } from '../core/ports.js';
import { mastersOf, redisOf, type RedisClient } from './client.js';
import { openerOf, type Opener, type Subscriber } from './subscriber.js';

/** Settings of {@link redisInvalidation}. */
export interface RedisInvalidationOptions {
  /** The channel of everyone who uses the same store. Default: `keystile:changed`. */
  readonly channel?: string;
  /** How often, in milliseconds, it is made sure that messages still arrive; after two that do not, the connection is given up. Default: 5,000. */
  readonly heartbeatMs?: number;
}

const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 2_000;
/** Nobody changes that many keys at once; what is longer is not ours. */
const LONGEST_MESSAGE = 1_000_000;

/**
 * Tells other processes of changed keys by publish and subscribe. It opens one connection more, like the client's, to listen on, and
 * closes no other. While that is lost the keyring's cache is dropped, so that a message that was missed keeps no revoked key alive.
 *
 * Throws a `ConfigurationError` (`unknown_option`, `invalid_option`).
 *
 * @example
 * ```ts
 * const keyring = createKeyring({ prefix: 'awx', store, cache: { invalidation: redisInvalidation(client) } });
 * ```
 */
export function redisInvalidation(client: RedisClient, options: RedisInvalidationOptions = {}): Invalidation {
  checkOptions(options, 'redisInvalidation', ['channel', 'heartbeatMs']);
  const { channel = 'keystile:changed', heartbeatMs = 5_000 } = options;
  if (typeof channel !== 'string' || channel === '') throw new ConfigurationError('invalid_option', 'redisInvalidation.channel', 'must be a text');
  if (!Number.isInteger(heartbeatMs) || heartbeatMs < 10 || heartbeatMs > 3_600_000) {
    throw new ConfigurationError('invalid_option', 'redisInvalidation.heartbeatMs', 'must be a whole number from 10 to 3,600,000');
  }
  const redis = redisOf(client, 'redisInvalidation.client');
  const open = openerOf(client, 'redisInvalidation.client');
  const origin = randomBytes(9).toString('base64url');
  const say = (to: string, text: string): Promise<unknown> => redis.send(to, ['PUBLISH', to, text]);
  return {
    // Every master of a cluster is told, for what one hears may be lost on its way to another: Valkey without its change 2817 (November
    // 2025) drops messages while the link between two nodes is new. Others then hear of a change more than once.
    async publish(ids) {
      const words = ['PUBLISH', channel, JSON.stringify({ from: origin, ids })];
      const told = mastersOf(client).map(async (master) => redisOf(await master(), 'redisInvalidation.client').send(channel, words));
      await Promise.any(told).catch(() => told[0]);
    },
    subscribe: (listener) => listen({ open, say, channel, origin, heartbeatMs, listener }),
  };
}

interface Settings {
  readonly open: Opener;
  readonly say: (to: string, text: string) => Promise<unknown>;
  readonly channel: string;
  readonly origin: string;
  readonly heartbeatMs: number;
  readonly listener: InvalidationListener;
}

/** Listens, and opens another connection whenever one is gone, until the answer is called. */
async function listen({ open, say, channel, origin, heartbeatMs, listener }: Settings): Promise<() => void> {
  const ownChannel = `${channel}:${origin}`;
  let subscriber: Subscriber | undefined;
  let closed = false;
  let retryMs = FIRST_RETRY_MS;
  let unheard = 0;
  let timer: NodeJS.Timeout | undefined;

  const message = (from: string, text: string): void => {
    if (from === ownChannel) {
      unheard = 0;
      return;
    }
    const ids = from === channel ? idsOf(text, origin) : [];
    if (ids.length > 0) listener.changed(ids);
  };
  const later = (work: () => void, ms: number): void => {
    clearTimeout(timer);
    if (!closed) timer = setTimeout(work, ms).unref();
  };
  const gone = (error?: unknown): void => {
    if (closed) return;
    subscriber?.close();
    subscriber = undefined;
    listener.lost(error);
    // Not all processes at the same moment.
    later(() => void reopen(), retryMs * (0.5 + Math.random() / 2));
  };
  /** An end that nobody told of (a cut cable, a frozen server) shows by the process no longer hearing itself. */
  const beat = (): void => {
    if (unheard >= 2) {
      gone(new Error('messages no longer arrive'));
      return;
    }
    unheard++;
    say(ownChannel, '').catch(() => undefined);
    later(beat, heartbeatMs);
  };
  const connect = async (): Promise<void> => {
    const opened = await open({ channels: [channel, ownChannel], message, gone });
    if (closed) {
      opened.close();
      return;
    }
    subscriber = opened;
    retryMs = FIRST_RETRY_MS;
    unheard = 0;
    later(beat, heartbeatMs);
  };
  const reopen = async (): Promise<void> => {
    try {
      await connect();
      listener.restored();
    } catch {
      retryMs = Math.min(LONGEST_RETRY_MS, retryMs * 2);
      later(() => void reopen(), retryMs * (0.5 + Math.random() / 2));
    }
  };

  await connect();
  return () => {
    closed = true;
    clearTimeout(timer);
    subscriber?.close();
  };
}

/** The ids of a message from somebody else. Whatever else comes over the channel says nothing. */
function idsOf(text: string, origin: string): readonly string[] {
  if (text.length > LONGEST_MESSAGE) return [];
  try {
    const { from, ids } = JSON.parse(text) as { from?: unknown; ids?: unknown };
    if (from === origin || !Array.isArray(ids)) return [];
    return ids.filter((id): id is string => typeof id === 'string');
  } catch {
    return [];
  }
}
