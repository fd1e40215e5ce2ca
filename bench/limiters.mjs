/** The same limits in keystile's memory limiter and in two peers, on one clock that the benchmark moves. */
import { MemoryStore } from 'express-rate-limit';
import { RateLimiterMemory, RateLimiterUnion } from 'rate-limiter-flexible';
import { concurrent, memoryLimiter, perDay, perMinute } from '../dist/esm/index.js';

const MINUTE = 60_000;
const DAY = 86_400_000;

/**
 * A clock for all of them. The peers ask `Date.now`, so this replaces it; what they await is the same as ever.
 * It begins at a whole number, and fractions of a millisecond add up.
 */
export function simulatedClock() {
  let time = Date.UTC(2026, 0, 1);
  const clock = { now: () => Math.floor(time), advance: (ms) => (time += ms) };
  Date.now = clock.now;
  return clock;
}

/**
 * keystile. `subject(id)` is what a host keeps for each key: the bucket with its rules. Answers whether the request was
 * admitted; the lease is given back at once, or kept when `hold` is given.
 */
export function keystileLimiter(clock, { perMinuteLimit = 60, perDayLimit = 10_000, maxBuckets = 2_000_000 } = {}) {
  const rules = [perMinute(perMinuteLimit), perDay(perDayLimit), concurrent(5)];
  const limiter = memoryLimiter({ clock, maxBuckets });
  return {
    name: 'keystile memoryLimiter',
    subject: (id) => [{ id, group: 'tenant', rules, whenFull: 'refuse' }],
    hit(buckets, hold) {
      const answer = limiter.consume(buckets, 1);
      if (answer.outcome !== 'admitted') return false;
      if (hold === undefined) limiter.release(answer.lease);
      else hold.push(answer.lease);
      return true;
    },
  };
}

/** Two express-rate-limit stores, one after the other, as two of its middlewares would ask them. */
export function expressRateLimitStores(_clock, { perMinuteLimit = 60, perDayLimit = 10_000 } = {}) {
  const minute = new MemoryStore();
  const day = new MemoryStore();
  minute.init({ windowMs: MINUTE });
  day.init({ windowMs: DAY });
  return {
    name: '2 × express-rate-limit MemoryStore',
    subject: (id) => id,
    async hit(id) {
      if ((await minute.increment(id)).totalHits > perMinuteLimit) return false;
      return (await day.increment(id)).totalHits <= perDayLimit;
    },
  };
}

export function flexibleUnion(_clock, { perMinuteLimit = 60, perDayLimit = 10_000 } = {}) {
  const minute = new RateLimiterMemory({ keyPrefix: 'minute', points: perMinuteLimit, duration: MINUTE / 1_000 });
  const day = new RateLimiterMemory({ keyPrefix: 'day', points: perDayLimit, duration: DAY / 1_000 });
  const union = new RateLimiterUnion(minute, day);
  return {
    name: 'rate-limiter-flexible union',
    subject: (id) => id,
    async hit(id) {
      try {
        await union.consume(id);
        return true;
      } catch (refusal) {
        if (refusal instanceof Error) throw refusal;
        return false;
      }
    },
  };
}

export const LIMITERS = { keystile: keystileLimiter, 'express-rate-limit': expressRateLimitStores, 'rate-limiter-flexible': flexibleUnion };
