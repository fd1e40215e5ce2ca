import { describe, expect, it, jest } from '@jest/globals';
import { concurrent, perDay, perMinute, perSecond, perWindow, type LimitRule } from '../src/core/limits/rules.js';
import type { Consumption, LimitBucket, Limiter } from '../src/core/ports.js';
import { memoryLimiter } from '../src/memory/limiter.js';
import { fakeClock } from '../src/testing/fake-clock.js';
import { limiterContract } from '../src/testing/limiter-contract.js';

limiterContract({ describe, it }, (options) => ({ limiter: memoryLimiter(options) }));

const ip = (id: string, ...rules: LimitRule[]): LimitBucket => ({ id: `ip:${id}`, group: 'g', rules, whenFull: 'share' });
const key = (id: string, ...rules: LimitRule[]): LimitBucket => ({ id: `key:${id}`, group: 'g', rules, whenFull: 'refuse' });
const ask = (limiter: Limiter, buckets: LimitBucket | LimitBucket[], cost = 1): Consumption => limiter.consume([buckets].flat(), cost) as Consumption;
const outcome = (limiter: Limiter, buckets: LimitBucket | LimitBucket[], cost = 1): string => ask(limiter, buckets, cost).outcome;

function drain(limiter: Limiter, buckets: LimitBucket | LimitBucket[]): number {
  let count = 0;
  while (outcome(limiter, buckets) === 'admitted') count++;
  return count;
}

describe('memory limiter: options', () => {
  it.each([
    [{ maxBucket: 5 }, "did you mean 'maxBuckets'"],
    [{ maxBuckets: 0 }, 'maxBuckets'],
    [{ maxBuckets: 1e9 }, 'maxBuckets'],
    [{ leaseMs: 0.5 }, 'leaseMs'],
    [{ clock: {} }, 'clock'],
  ])('refuses %j', (options, message) => {
    expect(() => memoryLimiter(options as never)).toThrow(message);
  });

  it('takes its time from a clock that nobody can set', () => {
    const limiter = memoryLimiter();
    const date = jest.spyOn(Date, 'now').mockReturnValue(0);
    expect(drain(limiter, key('a', perDay(3)))).toBe(3);
    date.mockReturnValue(Date.UTC(2100, 0));
    expect(outcome(limiter, key('a', perDay(3)))).toBe('limited');
    date.mockRestore();
  });

  it.each([-1, 1.5, NaN, Infinity])('throws for a cost of %d, and counts nothing', (cost) => {
    const limiter = memoryLimiter({ clock: fakeClock() });
    expect(() => limiter.consume([key('a', perMinute(3))], cost)).toThrow(RangeError);
    expect(() => limiter.peek([key('a', perMinute(3))], cost)).toThrow(RangeError);
    expect(drain(limiter, key('a', perMinute(3)))).toBe(3);
  });
});

describe('memory limiter: a full table', () => {
  const rules = [perMinute(10), perDay(70)];

  it('refuses a new key bucket, counts nothing, and lets known ones go on', () => {
    const limiter = memoryLimiter({ clock: fakeClock(), maxBuckets: 2 });
    expect([outcome(limiter, key('a', ...rules)), outcome(limiter, key('b', ...rules))]).toEqual(['admitted', 'admitted']);
    for (let turn = 0; turn < 20; turn++) expect(ask(limiter, [key('a', ...rules), key('c', ...rules)])).toEqual({ outcome: 'full' });
    expect(limiter.peek([key('c', ...rules)], 1)).toEqual({ outcome: 'full' });
    expect(drain(limiter, key('a', ...rules))).toBe(9);
  });

  it('counts new ip buckets together, those with other rules apart', () => {
    const limiter = memoryLimiter({ clock: fakeClock(), maxBuckets: 1 });
    outcome(limiter, ip('0', ...rules));
    let admitted = 0;
    for (let client = 1; client <= 40; client++) if (outcome(limiter, ip(String(client), ...rules)) === 'admitted') admitted++;
    expect(admitted).toBe(10);
    expect(drain(limiter, ip('x', perMinute(3)))).toBe(3);
    expect(drain(limiter, ip('0', ...rules))).toBe(9);
  });

  it('makes room by forgetting only what has expired', () => {
    const clock = fakeClock();
    const limiter = memoryLimiter({ clock, maxBuckets: 3 });
    for (const id of ['a', 'b']) drain(limiter, key(id, perSecond(5)));
    expect(drain(limiter, key('c', perMinute(5)))).toBe(5);
    clock.advance(1_000);
    for (const id of ['d', 'e']) expect(drain(limiter, key(id, perMinute(5)))).toBe(5);
    expect(outcome(limiter, key('f', perMinute(5)))).toBe('full');
    expect(outcome(limiter, key('c', perMinute(5)))).toBe('limited');
  });

  it('does not forget what was spent in common when there is room again', () => {
    const clock = fakeClock();
    const limiter = memoryLimiter({ clock, maxBuckets: 1 });
    drain(limiter, key('a', perSecond(5)));
    const shared = (id: string): LimitBucket => ip(id, perWindow(20, 30_000), perWindow(90, 60_000));
    for (let turn = 0; turn < 10; turn++) {
      clock.advance(50);
      expect(outcome(limiter, shared('x'))).toBe('admitted');
    }
    clock.advance(400);
    expect(ask(limiter, shared('x'), 10).outcome).toBe('admitted');
    clock.advance(20_000);
    expect((limiter.peek([shared('x')], 1) as Consumption).outcome).toBe('limited');
    expect(drain(limiter, shared('x'))).toBe(0);
    clock.advance(9_251);
    expect(drain(limiter, shared('x'))).toBe(3);
    clock.advance(30_000);
    for (const id of ['x', 'y']) expect(drain(limiter, shared(id))).toBe(20);
  });

  it('goes on sharing while a lease of the overflow bucket is out', () => {
    const clock = fakeClock();
    const limiter = memoryLimiter({ clock, maxBuckets: 1 });
    drain(limiter, key('a', perSecond(5)));
    const first = ask(limiter, ip('x', concurrent(1)));
    clock.advance(2_000);
    expect(outcome(limiter, ip('x', concurrent(1)))).toBe('limited');
    if (first.outcome === 'admitted' && first.lease) void limiter.release(first.lease);
    expect(outcome(limiter, ip('x', concurrent(1)))).toBe('admitted');
  });
});

describe('memory limiter: the sweeper', () => {
  it('runs one timer while something is counted, and none when all has expired', () => {
    jest.useFakeTimers();
    const clock = fakeClock();
    const limiter = memoryLimiter({ clock });
    expect(jest.getTimerCount()).toBe(0);
    const pass = (ms: number): number => {
      clock.advance(ms);
      jest.advanceTimersByTime(ms);
      return jest.getTimerCount();
    };
    for (let turn = 0; turn < 2; turn++) {
      for (let bucket = 0; bucket < 500; bucket++) outcome(limiter, key(String(bucket), perMinute(90), perSecond(5), concurrent(2)));
      expect(jest.getTimerCount()).toBe(1);
      expect(pass(59_000)).toBe(1);
      expect(pass(6_000)).toBe(0);
    }
    jest.useRealTimers();
  });

  it('keeps what is spent, and leases that are renewed', () => {
    jest.useFakeTimers();
    const clock = fakeClock();
    const limiter = memoryLimiter({ clock, leaseMs: 5_000 });
    const buckets = [key('a', perSecond(3), concurrent(1), perDay(100))];
    const answer = ask(limiter, buckets, 2);
    for (let second = 0; second < 20; second++) {
      clock.advance(1_000);
      jest.advanceTimersByTime(1_000);
      if (answer.outcome === 'admitted' && answer.lease) void limiter.renew([answer.lease]);
    }
    // Takes over the rows that the sweeper has freed.
    expect(outcome(limiter, key('b', perMinute(1), perWindow(7, 7_000)))).toBe('admitted');
    expect(ask(limiter, buckets)).toMatchObject({ outcome: 'limited', states: [{ remaining: 3 }, { remaining: 0 }, { remaining: 98 }] });
    jest.useRealTimers();
  });
});

describe('memory limiter: odd requests', () => {
  it('gives back every unit of a sub-window that counted more than 16 bits hold', () => {
    const clock = fakeClock();
    const limiter = memoryLimiter({ clock });
    const buckets = key('a', perMinute(100_000));
    for (const cost of [1, 70_000, 10]) {
      expect(outcome(limiter, buckets, cost)).toBe('admitted');
      clock.advance(20_000);
    }
    expect(outcome(limiter, buckets, 29_991)).toBe('limited');
    clock.advance(22_000);
    expect(ask(limiter, buckets, 99_990)).toMatchObject({ outcome: 'admitted', states: [{ remaining: 0 }] });
  });

  it('takes a lease long after one that was lost', () => {
    const clock = fakeClock();
    const limiter = memoryLimiter({ clock });
    const cap = key('a', concurrent(1));
    for (let turn = 0; turn < 3; turn++) {
      expect(drain(limiter, cap)).toBe(1);
      clock.advance(59_999);
      expect(outcome(limiter, cap)).toBe('limited');
      clock.advance(30 * 86_400_000);
    }
  });

  it('counts a request once in a bucket that is listed twice', () => {
    const limiter = memoryLimiter({ clock: fakeClock() });
    const twice = [key('a', perMinute(10), concurrent(4)), key('a', perMinute(6), concurrent(4))];
    const answer = ask(limiter, twice, 2);
    expect(answer.outcome === 'admitted' && answer.states.map((state) => state.remaining)).toEqual([8, 3, 4, 3]);
    if (answer.outcome === 'admitted' && answer.lease) void limiter.release(answer.lease);
    expect(drain(limiter, twice)).toBe(4);
  });

  it('counts a request once in a window that one bucket lists twice, in any order and with other windows in between', () => {
    const [narrow, wide, hourly] = [perMinute(6), perMinute(10), perWindow(100, 3_600_000)];
    for (const rules of [[wide, narrow], [narrow, wide], [wide, hourly, narrow], [narrow, hourly, wide, hourly]]) {
      const limiter = memoryLimiter({ clock: fakeClock() });
      expect(drain(limiter, key('a', ...rules))).toBe(6);
      expect(drain(limiter, key('b', concurrent(3), ...rules, concurrent(2)))).toBe(2);
    }
  });

  it('admits a request that has no rules', () => {
    expect(ask(memoryLimiter(), [key('a')])).toEqual({ outcome: 'admitted', states: [], lease: undefined });
  });

  it("ignores another limiter's lease", () => {
    const [limiter, other] = [memoryLimiter(), memoryLimiter()];
    const cap = key('a', concurrent(1));
    ask(limiter, cap);
    const foreign = ask(other, cap);
    if (foreign.outcome === 'admitted' && foreign.lease) void limiter.release(foreign.lease);
    void limiter.release({ ttlMs: 1 });
    expect(outcome(limiter, cap)).toBe('limited');
  });

  it('does not expire anything by a clock that has no time', () => {
    let time = 1_000;
    const limiter = memoryLimiter({ clock: { now: () => time } });
    drain(limiter, key('a', perMinute(5)));
    time = NaN;
    expect(outcome(limiter, key('a', perMinute(5)))).toBe('limited');
  });
});
