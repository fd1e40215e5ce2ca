import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { concurrent, perWindow, type LimitRule } from '../src/core/limits/rules.js';
import type { Consumption, Lease, LimitBucket, Limiter } from '../src/core/ports.js';
import { memoryLimiter } from '../src/memory/limiter.js';
import { fakeClock } from '../src/testing/fake-clock.js';

const RUNS = { numRuns: 120 };
const bucket = (...rules: LimitRule[]): LimitBucket => ({ id: 'key:a', group: 'g', rules, whenFull: 'refuse' });
const ask = (limiter: Limiter, buckets: readonly LimitBucket[], cost: number): Consumption => limiter.consume(buckets, cost) as Consumption;

/** Around the places where the inner workings change: 16 bits, 32 bits, and lengths that sixty does not divide. */
const windowMs = fc.constantFrom(1_000, 1_009, 7_001, 60_000, 65_535, 65_536, 86_400_000, 2 ** 32 - 1, 2 ** 32, 31_622_400_000);
const limit = fc.oneof(fc.integer({ min: 1, max: 5 }), fc.constantFrom(59, 60, 61, 62, 120, 1_000, 100_000));
const smallLimit = fc.integer({ min: 1, max: 60 });
const cost = fc.oneof(fc.constant(1), fc.integer({ min: 0, max: 70 }), fc.integer({ min: 1, max: 90_000 }));
const start = fc.constantFrom(0, 5, 999_999_937, Date.UTC(2030, 0), -1_000);
/** Steps as a share of the window, with a nudge of milliseconds. */
const share = fc.constantFrom(0, 0, 0, 1 / 60, 1 / 60, 0.25, 0.5, 59 / 60, 1, 61 / 60, 1.5, 70);
const nudge = fc.integer({ min: -2, max: 2 });

class Log {
  private readonly entries: { readonly at: number; readonly cost: number }[] = [];
  /** The limiter's own time: the clock's, but never before its last spending. */
  last = -Infinity;

  usedSince(after: number): number {
    return this.entries.reduce((sum, entry) => (entry.at > after ? sum + entry.cost : sum), 0);
  }

  add(at: number, units: number): void {
    if (units === 0) return;
    this.entries.push({ at, cost: units });
    this.last = Math.max(this.last, at);
  }
}

describe('memory limiter, against a log that forgets nothing', () => {
  it('never admits more than the limit, whatever the clock does, and while limits change', () => {
    const steps = fc.array(fc.record({ share, nudge, back: fc.boolean(), cost }), { minLength: 1, maxLength: 120 });
    const limits = fc.array(limit, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(start, windowMs, limits, steps, (from, length, planned, moves) => {
        const clock = fakeClock(from);
        const limiter = memoryLimiter({ clock });
        const log = new Log();
        for (const [turn, move] of moves.entries()) {
          clock.advance((move.back ? -0.3 : 1) * Math.floor(move.share * length) + move.nudge);
          const rule = perWindow(planned[Math.floor((turn * planned.length) / moves.length)] ?? 1, length);
          const units = move.cost % (rule.limit + 2);
          const now = Math.max(Math.floor(clock.now()), log.last);
          if (ask(limiter, [bucket(rule)], units).outcome === 'admitted') {
            log.add(now, units);
            expect(units === 0 || log.usedSince(now - length) <= rule.limit).toBe(true);
          } else {
            // A partly expired sub-window counts in full; a tick of the longest exact windows is 8 ms.
            expect(log.usedSince(now - (length * 61) / 60 - 17) + units).toBeGreaterThan(rule.limit);
          }
        }
      }),
      RUNS,
    );
  });

  it('knows the time of each unit still when a limit is raised past sixty', () => {
    const costs = fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 3_000 })), { minLength: 20, maxLength: 80 });
    fc.assert(
      fc.property(windowMs, smallLimit, fc.integer({ min: 61, max: 150 }), costs, (length, before, after, moves) => {
        const clock = fakeClock();
        const limiter = memoryLimiter({ clock });
        const log = new Log();
        for (const [turn, [units, part]] of moves.entries()) {
          clock.advance(Math.floor((length * part) / 30_000));
          const rule = perWindow(turn < 12 ? before : after, length);
          if (ask(limiter, [bucket(rule)], units).outcome === 'admitted') log.add(clock.now(), units);
          else expect(log.usedSince(clock.now() - (length * 61) / 60 - 17) + units).toBeGreaterThan(rule.limit);
          expect(turn < 12 || log.usedSince(clock.now() - length) <= after).toBe(true);
        }
      }),
      RUNS,
    );
  });

  it('loses nothing at all while limits stay at sixty', () => {
    const steps = fc.array(fc.record({ share, nudge, cost: fc.integer({ min: 0, max: 8 }), limit: smallLimit }), { minLength: 1, maxLength: 150 });
    fc.assert(
      fc.property(start, windowMs.filter((ms) => ms < 2 ** 32), steps, (from, length, moves) => {
        const clock = fakeClock(from);
        const limiter = memoryLimiter({ clock });
        const log = new Log();
        for (const move of moves) {
          clock.advance(Math.max(0, Math.floor(move.share * length) + move.nudge));
          const used = log.usedSince(clock.now() - length);
          const fits = move.cost === 0 || used + move.cost <= move.limit;
          const answer = ask(limiter, [bucket(perWindow(move.limit, length))], move.cost);
          expect(answer.outcome).toBe(fits ? 'admitted' : 'limited');
          expect(answer.outcome !== 'full' && answer.states[0]?.remaining).toBe(Math.max(0, move.limit - used - (fits ? move.cost : 0)));
          if (fits) log.add(clock.now(), move.cost);
        }
      }),
      RUNS,
    );
  });

  it('keeps the promise in true time when the clock only ever loses time', () => {
    const steps = fc.array(fc.record({ share, nudge, lose: share, cost: fc.integer({ min: 1, max: 40 }) }), { minLength: 1, maxLength: 120 });
    fc.assert(
      fc.property(windowMs, limit, steps, (length, most, moves) => {
        const clock = fakeClock();
        const limiter = memoryLimiter({ clock });
        const log = new Log();
        let trueTime = clock.now();
        for (const move of moves) {
          const passed = Math.max(0, Math.floor(move.share * length) + move.nudge);
          trueTime += passed;
          clock.advance(passed - (move.cost % 3 === 0 ? Math.floor(move.lose * length) : 0));
          if (ask(limiter, [bucket(perWindow(most, length))], move.cost).outcome === 'limited') continue;
          log.add(trueTime, move.cost);
          expect(log.usedSince(trueTime - length)).toBeLessThanOrEqual(most);
        }
      }),
      RUNS,
    );
  });

  it('spends on all rules or on none', () => {
    const rules = fc.uniqueArray(fc.tuple(windowMs, limit), { minLength: 1, maxLength: 4, selector: ([length]) => length });
    const steps = fc.array(fc.record({ share, nudge, cost: fc.integer({ min: 0, max: 30 }) }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(rules, rules, steps, (own, common, moves) => {
        const clock = fakeClock();
        const limiter = memoryLimiter({ clock });
        const windows = (list: [number, number][]): LimitRule[] => list.map(([length, most]) => perWindow(most, length));
        const buckets = [bucket(...windows(own)), { ...bucket(...windows(common)), id: 'tenant:t' }];
        const log = new Log();
        for (const move of moves) {
          clock.advance(Math.max(0, Math.floor(move.share * 7_001) + move.nudge));
          const answer = ask(limiter, buckets, move.cost);
          if (answer.outcome === 'admitted') log.add(clock.now(), move.cost);
          for (const [length, most] of [...own, ...common]) expect(log.usedSince(clock.now() - length)).toBeLessThanOrEqual(most);
          if (answer.outcome !== 'limited') continue;
          const full = [...own, ...common].some(([length, most]) => log.usedSince(clock.now() - (length * 61) / 60 - 17) + move.cost > most);
          expect(full).toBe(true);
        }
      }),
      RUNS,
    );
  });
});

describe('memory limiter, what it tells and what it leaves alone', () => {
  it('admits a lone client that waits ceil(retryAfterMs), also after the clock has stepped back', () => {
    const steps = fc.array(fc.record({ share, nudge, cost, back: share, limit }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(start, windowMs, steps, (from, length, moves) => {
        const clock = fakeClock(from);
        const limiter = memoryLimiter({ clock });
        for (const move of moves) {
          const buckets = [bucket(perWindow(move.limit, length), concurrent(1_000))];
          clock.advance(Math.floor(move.share * length) + move.nudge - (move.cost % 3 === 0 ? Math.floor(move.back * length) : 0));
          const answer = ask(limiter, buckets, move.cost);
          if (answer.outcome !== 'limited') continue;
          if (move.cost > move.limit) {
            expect(answer.retryAfterMs).toBeUndefined();
            continue;
          }
          clock.advance(Math.ceil(answer.retryAfterMs ?? NaN));
          expect(ask(limiter, buckets, move.cost).outcome).toBe('admitted');
        }
      }),
      RUNS,
    );
  });

  it('gives a client that takes all it can at least 98 % of the limit', () => {
    fc.assert(
      fc.property(start, windowMs, limit, fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 5, maxLength: 5 }), (from, length, most, parts) => {
        const clock = fakeClock(from);
        const limiter = memoryLimiter({ clock });
        const buckets = [bucket(perWindow(most, length))];
        let units = 0;
        // The first helping is taken in parts, so that later ones come free in parts.
        for (const part of parts) {
          const helping = Math.floor((part * most) / parts.length);
          if (ask(limiter, buckets, helping).outcome === 'admitted') units += helping;
          clock.advance(Math.floor(length / 7));
        }
        const began = clock.now();
        while (clock.now() - began < 400 * length) {
          const look = limiter.peek(buckets, 0) as Extract<Consumption, { outcome: 'admitted' }>;
          const free = look.states[0]?.remaining ?? 0;
          expect(ask(limiter, buckets, free).outcome).toBe('admitted');
          units += free;
          const next = ask(limiter, buckets, 1);
          clock.advance(next.outcome === 'limited' ? Math.ceil(next.retryAfterMs ?? NaN) : 1);
        }
        expect(units / most / 401).toBeGreaterThanOrEqual(0.98);
      }),
      { numRuns: 15 },
    );
  });

  it('is left unchanged by looks and refusals, at whatever time the clock showed them', () => {
    const steps = fc.array(fc.record({ share, nudge, cost: fc.integer({ min: 0, max: 30 }), glitch: share, keep: fc.boolean() }), { minLength: 1, maxLength: 80 });
    fc.assert(
      fc.property(windowMs, limit, steps, (length, most, moves) => {
        const clock = fakeClock();
        const [limiter, twin] = [memoryLimiter({ clock, leaseMs: 30_000 }), memoryLimiter({ clock, leaseMs: 30_000 })];
        const buckets = [bucket(perWindow(most, length), perWindow(70, 3_001), concurrent(3))];
        const refusal = [...buckets, { ...bucket(perWindow(0, 1_000)), id: 'key:none' }];
        for (const move of moves) {
          const shown = clock.now();
          clock.advance(Math.floor(move.glitch * length) + 31_000);
          twin.peek(buckets, 1);
          expect(ask(twin, refusal, 1).outcome).toBe('limited');
          clock.set(shown + Math.max(0, Math.floor(move.share * length) + move.nudge));
          const [expected, answer] = [ask(limiter, buckets, move.cost), ask(twin, buckets, move.cost)];
          expect({ ...answer, lease: undefined }).toEqual({ ...expected, lease: undefined });
          if (move.keep) continue;
          if (expected.outcome === 'admitted' && expected.lease) void limiter.release(expected.lease);
          if (answer.outcome === 'admitted' && answer.lease) void twin.release(answer.lease);
        }
      }),
      RUNS,
    );
  });

  it('never has more leases out than the cap, whatever the clock does', () => {
    const steps = fc.array(fc.record({ ms: fc.integer({ min: -3_000, max: 6_000 }), what: fc.integer({ min: 0, max: 5 }), which: fc.nat(20) }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), steps, (cap, moves) => {
        const clock = fakeClock();
        const limiter = memoryLimiter({ clock, leaseMs: 10_000 });
        const all = [bucket(concurrent(cap)), { ...bucket(concurrent(cap + 1)), id: 'tenant:t' }];
        let out: { lease: Lease; size: number; until: number }[] = [];
        for (const { ms, what, which } of moves) {
          clock.advance(ms);
          out = out.filter((entry) => entry.until > clock.now());
          const chosen = out[which % Math.max(1, out.length)];
          if (what === 0 && chosen) {
            void limiter.release(chosen.lease);
            out = out.filter((entry) => entry !== chosen);
          } else if (what === 1 && chosen) {
            void limiter.renew([chosen.lease]);
            chosen.until = Math.max(chosen.until, clock.now() + 10_000);
          } else {
            const answer = ask(limiter, all.slice(0, 1 + (which % 2)), 1);
            if (answer.outcome === 'admitted' && answer.lease) out.push({ lease: answer.lease, size: 1 + (which % 2), until: clock.now() + 10_000 });
          }
          expect(out.length).toBeLessThanOrEqual(cap);
          expect(out.filter((entry) => entry.size === 2).length).toBeLessThanOrEqual(cap + 1);
        }
      }),
      RUNS,
    );
  });
});
