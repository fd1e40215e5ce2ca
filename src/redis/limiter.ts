import { ConfigurationError } from '../core/errors.js';
import { checkOptions } from '../core/options.js';
import type { Awaitable, Clock, Consumption, LimitBucket, Limiter } from '../core/ports.js';
import { redisOf, type RedisClient } from './client.js';
import { createAccounts, noAccounts, type LocalLeaseOptions } from './limiter/accounts.js';
import { consumptionOf } from './limiter/answer.js';
import { createDenials, noDenials, type DenyCacheOptions } from './limiter/denials.js';
import { createHeldLeases } from './limiter/held.js';
import { createMixing } from './limiter/mixing.js';
import { bucketKey, createRequests } from './limiter/request.js';
import { createLimitServer } from './limiter/server.js';
import { checkPrefix } from './names.js';

/** Settings of {@link redisLimiter}. */
export interface RedisLimiterOptions {
  /** What the names of all keys begin with. Default: `keystile:`. */
  readonly prefix?: string;
  /** How long a lease lasts without a renewal, in milliseconds. Default: 60,000. */
  readonly leaseMs?: number;
  /** How late, in milliseconds, a request may reach the server and still be counted. Default: 1,000. */
  readonly staleMs?: number;
  /** Repeats refusals that stand without asking the server. Default: on; `false` turns it off. */
  readonly denyCache?: DenyCacheOptions | false;
  /** Takes units of hot buckets in advance and gives them out without asking the server. Default: off. */
  readonly localLease?: LocalLeaseOptions | false;
  /** Epoch milliseconds that take the place of the server's time: for tests. */
  readonly clock?: Clock;
}

const OPTIONS = ['prefix', 'leaseMs', 'staleMs', 'denyCache', 'localLease', 'clock'];
/** While a test's clock stands still, the server's goes on: its keys must not expire by it. */
const BEYOND_TESTS_MS = 3_600_000;

/**
 * Counts in Redis or Valkey, for all processes together: one script call and one round trip per request, whatever its limits, by the
 * server's clock. The client is the host's, of ioredis or node-redis, single or cluster; it is neither opened nor closed.
 *
 * Limits hold as in memory: over any window of their length, wherever it begins. Keys expire by themselves, and a bucket takes at most
 * 360 bytes per window beside its name. Calls reject when the server cannot be asked, which is for `onLimiterError` to answer.
 *
 * Throws a `ConfigurationError` (`unknown_option`, `invalid_option`).
 *
 * @example
 * ```ts
 * const client = new Redis(url, { enableOfflineQueue: false, autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0 });
 * const keyring = createKeyring({ prefix: 'awx', limiter: redisLimiter(client) });
 * ```
 */
export function redisLimiter(client: RedisClient, options: RedisLimiterOptions = {}): Limiter {
  checkOptions(options, 'redisLimiter', OPTIONS);
  const redis = redisOf(client, 'redisLimiter.client');
  const { leaseMs = 60_000, staleMs = 1_000, clock, denyCache = {}, localLease = false } = options;
  const prefix = checkPrefix(options.prefix ?? 'keystile:', 'redisLimiter.prefix');
  checkNumber('leaseMs', leaseMs, 1, 2 ** 31 - 1);
  checkNumber('staleMs', staleMs, 1, 600_000);
  if (clock !== undefined && typeof (clock as Clock | null)?.now !== 'function') {
    throw new ConfigurationError('invalid_option', 'redisLimiter.clock', 'must have a method now()');
  }
  const local: Clock = clock ?? { now: () => performance.now() };
  const time = clock === undefined ? () => '' : () => String(Math.floor(clock.now()));
  const beyondMs = clock === undefined ? 1 : BEYOND_TESTS_MS;

  const mixing = createMixing(redis, local);
  const leases = createHeldLeases({ redis, mixing, leaseMs, beyondMs, time });
  const server = createLimitServer({ redis, mixing, leases, leaseMs, staleMs, beyondMs, local, time });
  const requestOf = createRequests(prefix);
  const denials = denyCache === false ? noDenials : createDenials(checkDenyCache(denyCache), local);
  const accounts = localLease === false ? noAccounts : createAccounts({ redis, server, requestOf, local, share: checkShare(localLease), note: (...told) => denials.note(...told) });

  const ask = (method: 'consume' | 'peek', buckets: readonly LimitBucket[], cost: number): Awaitable<Consumption> => {
    const request = requestOf(buckets);
    if (request.keys.length === 0) return { outcome: 'admitted', states: [], lease: undefined };
    return server[method](request, cost, 0).then((asked) => {
      denials.note(buckets, cost, asked);
      const { answer, member } = asked;
      return consumptionOf(answer, answer.admitted && member !== undefined ? leases.make(member, request) : undefined);
    });
  };
  return {
    consume(buckets, cost): Awaitable<Consumption> {
      checkCost(cost);
      return denials.find(buckets, cost) ?? accounts.consume(buckets, cost) ?? ask('consume', buckets, cost);
    },
    peek(buckets, cost) {
      checkCost(cost);
      return denials.find(buckets, cost) ?? ask('peek', buckets, cost);
    },
    renew: (held) => leases.renew(held),
    release: (lease) => leases.release(lease),
    async reset(bucketId, group) {
      const key = bucketKey(prefix, group, bucketId);
      await redis.send(key, ['DEL', key]);
      denials.forget(bucketId);
      accounts.forget(bucketId);
    },
  };
}

function checkCost(cost: number): void {
  if (Number.isSafeInteger(cost) && cost >= 0) return;
  throw new RangeError(`the cost of a request must be a whole number of at least 0, not ${String(cost)}`);
}

function checkDenyCache(options: DenyCacheOptions): DenyCacheOptions {
  checkOptions(options, 'redisLimiter.denyCache', ['max', 'maxMs']);
  checkNumber('denyCache.max', options.max ?? 1, 1, 16_000_000);
  checkNumber('denyCache.maxMs', options.maxMs ?? 1, 1, 3_600_000);
  return options;
}

function checkShare(options: LocalLeaseOptions): number {
  checkOptions(options, 'redisLimiter.localLease', ['share']);
  const { share = 0.1 } = options;
  if (typeof share === 'number' && share > 0 && share <= 1) return share;
  throw new ConfigurationError('invalid_option', 'redisLimiter.localLease.share', 'must be a number above 0 and at most 1');
}

function checkNumber(name: string, value: unknown, least: number, most: number): void {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return;
  throw new ConfigurationError('invalid_option', `redisLimiter.${name}`, `must be a whole number from ${String(least)} to ${String(most)}`);
}
