import { checkOptions } from '../core/options.js';
import { ConfigurationError, storeUnavailable } from '../core/errors.js';
import { withDeadline } from '../core/awaitable.js';
import type { Invalidation, InvalidationListener } from '../core/ports.js';

/** What keystile uses of a `pg` client. */
export interface PostgresClient {
  query(text: string): Promise<unknown>;
  on(event: 'notification', listener: (message: { readonly channel: string; readonly payload?: string | undefined }) => void): unknown;
  on(event: 'error' | 'end', listener: (error?: Error) => void): unknown;
  /** `true`: the connection is not to be used again. */
  release(destroy?: boolean): void;
}

/** What keystile uses of a `pg` pool. */
export interface PostgresPool {
  connect(): Promise<PostgresClient>;
  query(text: string, values: unknown[]): Promise<unknown>;
}

/** Settings of {@link postgresNotices}. */
export interface PostgresNoticeOptions {
  /** What the channel's name begins with. Default: `keystile_`, which makes it `keystile_changes`. */
  readonly prefix?: string;
  /** How often the listening connection is asked whether it still lives, in milliseconds, 100 to 600,000. Default: 10,000. */
  readonly heartbeatMs?: number;
}

/** PostgreSQL takes less than 8,000 bytes. */
const MOST_BYTES = 7_900;
const ANSWER_MS = 5_000;
const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 10_000;

/**
 * Tells other processes of changed keys by PostgreSQL's `LISTEN` and `NOTIFY`: a revocation reaches them within milliseconds. Takes one
 * connection of the pool to listen on, and connects anew by itself when that is lost. It needs a session of its own: behind a pooler
 * that shares sessions (PgBouncer in transaction mode) give it a pool that connects to the server directly.
 *
 * Throws a `ConfigurationError` (`unknown_option`, `invalid_option`).
 *
 * @example
 * ```ts
 * const keyring = createKeyring({ prefix: 'awx', store: sqlStore(db), cache: { invalidation: postgresNotices(pool) } });
 * ```
 */
export function postgresNotices(pool: PostgresPool, options: PostgresNoticeOptions = {}): Invalidation {
  checkOptions(options, 'postgresNotices', ['prefix', 'heartbeatMs']);
  const { prefix = 'keystile_', heartbeatMs = 10_000 } = options;
  if (typeof prefix !== 'string' || !/^[a-z_][a-z0-9_]{0,49}$/.test(prefix)) throw new ConfigurationError('invalid_option', 'postgresNotices.prefix', 'must be 1 to 50 of a-z 0-9 _, the first no digit');
  if (!Number.isInteger(heartbeatMs) || heartbeatMs < 100 || heartbeatMs > 600_000) throw new ConfigurationError('invalid_option', 'postgresNotices.heartbeatMs', 'must be a whole number from 100 to 600,000');
  const given = pool as Partial<PostgresPool> | null | undefined;
  if (typeof given?.connect !== 'function' || typeof given.query !== 'function') throw new ConfigurationError('invalid_option', 'postgresNotices.pool', 'must be a pool of pg, with connect() and query()');
  const channel = `${prefix}changes`;
  return {
    async publish(ids) {
      const payloads = payloadsOf(ids);
      if (payloads.length > 0) await pool.query('select pg_notify($1, payload) from unnest($2::text[]) as payload', [channel, payloads]);
    },
    subscribe: (listener) => subscribe({ pool, channel, heartbeatMs, listener }),
  };
}

/** Lists of ids as JSON, each within what one notice may hold. */
function payloadsOf(ids: readonly string[]): string[] {
  const payloads: string[] = [];
  let [texts, bytes]: [string[], number] = [[], 0];
  for (const id of ids) {
    const text = JSON.stringify(id);
    const size = Buffer.byteLength(text) + 1;
    // Longer than any id that can be stored.
    if (size > MOST_BYTES - 2) continue;
    if (bytes + size > MOST_BYTES - 2) {
      payloads.push(`[${texts.join(',')}]`);
      [texts, bytes] = [[], 0];
    }
    texts.push(text);
    bytes += size;
  }
  if (texts.length > 0) payloads.push(`[${texts.join(',')}]`);
  return payloads;
}

/** Anybody with access to the database may send a notice: what is no list of ids is passed over. */
function idsIn(payload: string | undefined): readonly string[] {
  try {
    const ids = JSON.parse(payload ?? '') as unknown;
    return Array.isArray(ids) ? ids.filter((id) => typeof id === 'string') : [];
  } catch {
    return [];
  }
}

interface Subscription {
  readonly pool: PostgresPool;
  readonly channel: string;
  readonly heartbeatMs: number;
  readonly listener: InvalidationListener;
}

/** Listens until it is told to stop: rejects when the first connection fails, and makes all later ones by itself. */
async function subscribe(subscription: Subscription): Promise<() => void> {
  const { listener } = subscription;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;

  const again = (retryMs: number): void => {
    timer = setTimeout(() => void reconnect(retryMs), retryMs).unref();
  };
  const lost = (error?: unknown): void => {
    listener.lost(error);
    again(FIRST_RETRY_MS);
  };
  const reconnect = async (retryMs: number): Promise<void> => {
    try {
      const end = await connect(subscription, lost);
      if (stopped) end();
      else {
        hangUp = end;
        listener.restored();
      }
    } catch {
      if (!stopped) again(Math.min(LONGEST_RETRY_MS, retryMs * 2));
    }
  };

  let hangUp = await connect(subscription, lost);
  return () => {
    stopped = true;
    clearTimeout(timer);
    hangUp();
  };
}

/**
 * One connection that listens, and is asked now and then whether it lives: a cut cable says nothing. `lost` is called at most once, and
 * not after the connection was ended.
 */
async function connect({ pool, channel, heartbeatMs, listener }: Subscription, lost: (error?: unknown) => void): Promise<() => void> {
  const client = await inTime(pool.connect(), (late) => late.release());
  let state = 'starting' as 'starting' | 'listening' | 'over';
  let timer: NodeJS.Timeout | undefined;
  const end = (): void => {
    if (state !== 'over') client.release(true);
    state = 'over';
    clearTimeout(timer);
  };
  const fail = (error?: unknown): void => {
    const wasListening = state === 'listening';
    end();
    if (wasListening) lost(error);
  };
  const beat = (): void => {
    timer = setTimeout(() => void inTime(client.query('select 1')).then(beat, fail), heartbeatMs).unref();
  };
  client.on('notification', (message) => {
    const ids = message.channel === channel && state !== 'over' ? idsIn(message.payload) : [];
    if (ids.length > 0) listener.changed(ids);
  });
  client.on('error', fail);
  client.on('end', fail);
  try {
    await inTime(client.query(`listen "${channel}"`));
  } catch (error) {
    end();
    throw error;
  }
  // It may have been lost together with the answer.
  if (state === 'over') throw storeUnavailable('the connection for notices was lost');
  state = 'listening';
  beat();
  return end;
}

/** A promise, or a rejection when the server lets it wait: a pool may be exhausted, a connection cut. */
function inTime<T>(promise: Promise<T>, discard?: (late: T) => void): Promise<T> {
  return withDeadline(promise, ANSWER_MS, () => storeUnavailable(`the connection for notices gave no answer within ${String(ANSWER_MS)} ms`), discard);
}
