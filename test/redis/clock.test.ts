import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { concurrent, perDay, perMinute, perWindow } from '../../src/core/limits/rules.js';
import type { Consumption, Lease, LimitBucket, Limiter } from '../../src/core/ports.js';
import { redisLimiter } from '../../src/redis/limiter.js';
import { describeWith } from '../support/services/required.js';
import { until } from '../support/services/redis.js';
import { startStepped, STEPPED, type SteppedRedis } from '../support/services/stepped.js';
import { KINDS, type TestClient } from './clients.js';
import { mostIn } from './windows.js';

const [SECOND, HOUR, DAY] = [1_000, 3_600_000, 86_400_000] as const;
/** Less than any step forward that must be noticed, and more than a busy machine takes. */
const STALE_MS = 3_000;
const key = (id: string, ...rules: LimitBucket['rules']): LimitBucket[] => [{ id: `key:${id}`, group: 't:acme', rules, whenFull: 'refuse' }];
const rest = async (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** No answer is nonsense, whatever the clock says. */
function expectFigures(answer: Consumption): void {
  if (answer.outcome === 'full') throw new Error('the table is full');
  const waitMs = answer.outcome === 'limited' ? answer.retryAfterMs : 0;
  for (const figure of [waitMs, ...answer.states.flatMap(({ remaining, resetMs }) => [remaining, resetMs])]) expect(figure).toBeGreaterThanOrEqual(0);
}

describeWith(STEPPED)('a clock that is set while requests are under way', () => {
  let server: SteppedRedis;
  let client: TestClient;
  let limiter: Limiter;
  const start = async (connect: (port: number) => Promise<TestClient>): Promise<void> => {
    client = await connect(server.port);
    limiter = redisLimiter(client.client, { leaseMs: 700, staleMs: STALE_MS });
  };
  beforeEach(async () => {
    server = await startStepped();
  });
  afterEach(async () => {
    await client.close();
    await server.end();
  });

  const outcome = async (buckets: LimitBucket[]): Promise<string> => (await limiter.consume(buckets, 1)).outcome;
  const take = async (buckets: LimitBucket[]): Promise<Lease> => {
    const answer = await limiter.consume(buckets, 1);
    if (answer.outcome !== 'admitted' || answer.lease === undefined) throw new Error('no place is free');
    return answer.lease;
  };
  /** Milliseconds until a request is admitted; all before it are refused, and none fails. */
  const admittedAfter = async (buckets: LimitBucket[]): Promise<number> => {
    const began = performance.now();
    await until(async () => (await outcome(buckets)) === 'admitted');
    return performance.now() - began;
  };

  /** Asks without a pause while the clock is set to one time after the other, each for longer than a window. */
  async function loaded(aheads: readonly number[]): Promise<readonly { readonly limit: number; readonly admissions: readonly (readonly [number, number])[] }[]> {
    let isOver = false;
    // Exact times are kept of the first, counts of the second, and units of the third are spent in advance.
    const leasing = redisLimiter(client.client, { staleMs: STALE_MS, localLease: { share: 0.1 } });
    const loads = [{ limit: 40, by: limiter, caps: [concurrent(3)] }, { limit: 90, by: limiter, caps: [concurrent(3)] }, { limit: 600, by: leasing, caps: [] }].map(async ({ limit, by, caps }) => {
      const admissions: (readonly [number, number])[] = [];
      const work = async (): Promise<void> => {
        while (!isOver) {
          const sentAt = performance.now();
          const answer = await by.consume(key(String(limit), perWindow(limit, SECOND), ...caps), 1);
          expectFigures(answer);
          if (answer.outcome === 'admitted') {
            admissions.push([sentAt, performance.now()]);
            await by.release(answer.lease ?? { ttlMs: 0 });
          } else await rest(1);
        }
      };
      await Promise.all([work(), work(), work(), work()]);
      return { limit, admissions };
    });
    const working = Promise.all(loads);
    for (const ahead of aheads) {
      server.setAhead(ahead);
      await Promise.race([rest(1_300), working]);
    }
    isOver = true;
    return working;
  }

  describe('on many requests', () => {
    beforeEach(() => start(KINDS[0]![1]));

    it('back by seconds, an hour and a day: no more is admitted in any window, and no request fails', async () => {
      const loads = await loaded([0, -5 * SECOND, -HOUR, -DAY]);
      for (const { limit, admissions } of loads) expect(mostIn(admissions, SECOND)).toBeLessThanOrEqual(limit);
      // What was spent before is held for one more window, not until the clock has caught up.
      for (const { limit, admissions } of loads) expect(admissions.length).toBeGreaterThan(2 * limit);
    });

    it('forward by seconds, an hour and a day: each frees one window early, and no request fails', async () => {
      const loads = await loaded([0, 5 * SECOND, HOUR, DAY]);
      for (const { limit, admissions } of loads) expect(mostIn(admissions, SECOND)).toBeLessThanOrEqual(2 * limit);
      // Nobody waits for a clock that has gone on.
      for (const { limit, admissions } of loads.slice(0, 2)) expect(admissions.length).toBeGreaterThan(3 * limit);
    });
  });

  describe.each(KINDS)('on what is under way: %s', (_name, connect) => {
    beforeEach(() => start(connect));

    it.each([['back', -HOUR], ['forward', HOUR]])('%s, while requests wait for the server: each is admitted, and counted once', async (_where, ahead) => {
      const buckets = key('a', perDay(1_000), concurrent(1_000));
      for (let turn = 0; turn < 3; turn++) await outcome(buckets);
      server.pause();
      const waiting = Array.from({ length: 50 }, () => outcome(buckets));
      server.setAhead(ahead);
      server.resume();
      expect(new Set(await Promise.all(waiting))).toEqual(new Set(['admitted']));
      expect(await limiter.peek(buckets, 0)).toMatchObject({ states: [{ remaining: 1_000 - 53 }, {}] });
    });
  });

  describe('and afterwards', () => {
    beforeEach(() => start(KINDS[0]![1]));

    it.each([['back', [-2 * SECOND]], ['back by a day', [-DAY]], ['forward and back again', [DAY, 0]]])('%s: what is full is full for one window more, and then as before', async (_where, aheads) => {
      const buckets = key('a', perWindow(5, SECOND), perWindow(90, SECOND + 1));
      for (const ahead of [0, ...aheads].slice(0, -1)) {
        server.setAhead(ahead);
        await until(async () => (await limiter.peek(buckets, 5)).outcome === 'admitted');
        for (let turn = 0; turn < 5; turn++) expect(await outcome(buckets)).toBe('admitted');
      }
      server.setAhead(aheads.at(-1)!);
      const waited = await admittedAfter(buckets);
      expect(waited).toBeGreaterThan(1_000 - 400);
      expect(waited).toBeLessThan(1_000 + 400);
      // As far from each other as they were spent.
      for (let turn = 1; turn < 5; turn++) expect(await admittedAfter(buckets)).toBeLessThan(400);
      expect(await outcome(buckets)).toBe('limited');
      expect(await admittedAfter(buckets)).toBeLessThan(1_000 + 400);
    });

    it('forward: a refusal is remembered for no longer than a second', async () => {
      const buckets = key('a', perMinute(5));
      for (let turn = 0; turn < 5; turn++) await outcome(buckets);
      expect(await outcome(buckets)).toBe('limited');
      server.setAhead(HOUR);
      expect(await admittedAfter(buckets)).toBeLessThan(1_000 + 400);
    });

    it('back: places last for their time and the step, renewed or not, and none for ever; one that is given back is free', async () => {
      const buckets = key('a', concurrent(2));
      const [left, held] = [await take(buckets), await take(buckets)];
      server.setAhead(-2 * SECOND);
      expect(await outcome(buckets)).toBe('limited');
      await limiter.renew([held]);
      await limiter.release(held);
      const again = await take(buckets);
      expect(await outcome(buckets)).toBe('limited');
      // Nobody renews the other: a process was killed.
      const began = performance.now();
      await until(async () => (await limiter.renew([again]), (await outcome(buckets)) === 'admitted'));
      const waited = performance.now() - began;
      expect(waited).toBeGreaterThan(1_500);
      expect(waited).toBeLessThan(2_700 + 400);
      expect(left.ttlMs).toBe(700);
    });

    it('forward: places that are renewed outlast a step that is shorter than they are', async () => {
      const buckets = key('a', concurrent(1));
      const held = await take(buckets);
      server.setAhead(400);
      await limiter.renew([held]);
      await rest(400);
      expect(await outcome(buckets)).toBe('limited');
      // And end with a longer one, whoever holds them.
      server.setAhead(DAY);
      expect(await outcome(buckets)).toBe('admitted');
    });
  });
});
