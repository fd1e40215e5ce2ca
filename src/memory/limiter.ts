import { ConfigurationError } from '../core/errors.js';
import { checkOptions } from '../core/options.js';
import type { Clock, Limiter } from '../core/ports.js';
import { consume, peek, type Counter } from './limiter/counter.js';
import { createLeases, expireLeases, releaseLease, renewLeases } from './limiter/leases.js';
import { createBatch } from './limiter/places.js';
import { createTable, emptyRow, NEXT, offsetOf, windowOf, wordsOf } from './limiter/rows.js';
import { createSweep } from './limiter/sweeper.js';

/** Settings of {@link memoryLimiter}. */
export interface MemoryLimiterOptions {
  /** Whole milliseconds from any fixed moment. Default: a monotonic clock, which no change of the system time moves. */
  readonly clock?: Clock;
  /** Most buckets kept at once, 1 to 16,000,000. Default: 1,000,000, which is 200 to 800 MB when all are in use. */
  readonly maxBuckets?: number;
  /** How long a lease lasts without a renewal, in milliseconds. Default: 60,000. */
  readonly leaseMs?: number;
}

const SWEEP_EVERY_MS = 1_000;
/** Buckets looked at per sweep: about a millisecond's work, a million buckets in three and a half minutes. */
const SWEEP_BUCKETS = 5_000;

/**
 * Counts in this process's memory, and answers at once. Every limit holds over any window of its length, wherever it
 * begins: limits to 60 keep each request's time, larger ones a ring of 60 sub-windows that gives a client that never
 * pauses 98 % of its limit. What a bucket costs is bounded, and an idle one is forgotten once all it spent has expired.
 *
 * Throws a `ConfigurationError` (`unknown_option`, `invalid_option`).
 *
 * @example
 * ```ts
 * const keyring = createKeyring({ prefix: 'awx', limiter: memoryLimiter({ maxBuckets: 50_000 }) });
 * ```
 */
export function memoryLimiter(options: MemoryLimiterOptions = {}): Limiter {
  checkOptions(options, 'memoryLimiter', ['clock', 'maxBuckets', 'leaseMs']);
  const { clock = monotonic, maxBuckets = 1_000_000, leaseMs = 60_000 } = options;
  checkClock(clock);
  // A Map holds 2^24 entries; a lease's lifetime must fit 31 bits.
  checkWhole('maxBuckets', maxBuckets, 16_000_000);
  checkWhole('leaseMs', leaseMs, 2 ** 31 - 1);

  const now = readingsOf(clock);
  const table = createTable();
  const leases = createLeases(table, leaseMs);
  const sweep = createSweep(table);
  const counter: Counter = { table, leases, directory: { table, maxBuckets, sweep }, batch: createBatch() };
  let timer: NodeJS.Timeout | undefined;

  function sweepOnce(): void {
    const at = now();
    expireLeases(leases, at);
    sweep(SWEEP_BUCKETS, at);
    if (table.heads.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  return {
    consume(buckets, cost) {
      const answer = consume(counter, buckets, cost, now());
      if (timer === undefined && table.heads.size > 0) timer = setInterval(sweepOnce, SWEEP_EVERY_MS).unref();
      return answer;
    },
    peek: (buckets, cost) => peek(counter, buckets, cost, now()),
    renew(held) {
      renewLeases(leases, held, now());
    },
    release(lease) {
      releaseLease(leases, lease);
    },
    reset(bucketId) {
      for (let row = table.heads.get(bucketId) ?? -1; row >= 0; ) {
        const words = wordsOf(table, row);
        const at = offsetOf(row);
        if (windowOf(words, at) > 0) emptyRow(table, words, at);
        row = words[at + NEXT] as number;
      }
    },
  };
}

const monotonic: Clock = { now: () => performance.now() };

/** Whole milliseconds; a reading that is no number repeats the one before, so that nothing expires by it. */
function readingsOf(clock: Clock): () => number {
  // In an object, where a number is written in place: a variable's would be boxed on the heap at each reading.
  const latest = { reading: 0 };
  return () => {
    const reading = Math.floor(clock.now());
    if (Number.isFinite(reading)) latest.reading = reading;
    return latest.reading;
  };
}

function checkClock(clock: unknown): void {
  if (typeof (clock as Clock | null)?.now === 'function') return;
  throw new ConfigurationError('invalid_option', 'memoryLimiter.clock', 'must have a method now()');
}

function checkWhole(name: string, value: unknown, max: number): void {
  if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= max) return;
  throw new ConfigurationError('invalid_option', `memoryLimiter.${name}`, `must be a whole number from 1 to ${String(max)}`);
}
