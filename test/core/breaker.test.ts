import { describe, expect, it } from '@jest/globals';
import { createBreaker, type Breaker } from '../../src/core/breaker.js';
import { fakeClock, type FakeClock } from '../../src/testing/fake-clock.js';

const ERROR = new Error('away');

function bench(): { breaker: Breaker; clock: FakeClock; told: unknown[]; fail(times: number, isSlow?: boolean): boolean[] } {
  const clock = fakeClock();
  const told: unknown[] = [];
  const breaker = createBreaker({ clock, tell: (state, error) => told.push(error === undefined ? state : [state, error]) });
  /** Asks as often; the answers say whether each was allowed. */
  const fail = (times: number, isSlow = true): boolean[] =>
    Array.from({ length: times }, () => {
      const may = breaker.mayAsk();
      if (may) breaker.failed(ERROR, isSlow);
      return may;
    });
  return { breaker, clock, told, fail };
}

describe('a part that no longer answers', () => {
  it('is left alone after five slow faults in a row, and then asked once', () => {
    const { breaker, clock, told, fail } = bench();
    expect(fail(7)).toEqual([true, true, true, true, true, false, false]);
    expect(told).toEqual([['degraded', ERROR]]);
    clock.advance(499);
    expect(breaker.mayAsk()).toBe(false);
    clock.advance(1);
    expect([breaker.mayAsk(), breaker.mayAsk()]).toEqual([true, false]);
    breaker.worked();
    expect([breaker.mayAsk(), breaker.mayAsk()]).toEqual([true, true]);
    expect(told).toEqual([['degraded', ERROR], 'recovered']);
  });

  it('is asked more and more rarely, never less than every five seconds', () => {
    const { breaker, clock, told, fail } = bench();
    fail(5);
    const pauses: number[] = [];
    for (let round = 0; round < 6; round++) {
      let waited = 0;
      while (!breaker.mayAsk()) { clock.advance(100); waited += 100; }
      breaker.failed(ERROR, true);
      pauses.push(waited);
    }
    expect(pauses).toEqual([500, 1_000, 2_000, 4_000, 5_000, 5_000]);
    expect(told).toHaveLength(1);
  });

  it('is asked every time while it fails at once, so that it is back as soon as it can be', () => {
    const { breaker, told, fail } = bench();
    expect(fail(20, false)).not.toContain(false);
    expect(told).toEqual([['degraded', ERROR]]);
    breaker.worked();
    expect(told).toHaveLength(2);
    expect(fail(4)).not.toContain(false);
    breaker.worked();
    expect(fail(4)).not.toContain(false);
    expect(told).toHaveLength(2);
  });

  it('is asked every time again once a trial has failed at once', () => {
    const { clock, fail } = bench();
    fail(5);
    clock.advance(500);
    expect(fail(1, false)).toEqual([true]);
    expect(fail(3, false)).toEqual([true, true, true]);
  });

  it('is not kept out by late faults of what was asked before, nor by a clock that was set back', () => {
    const { breaker, clock, fail } = bench();
    for (let call = 0; call < 50; call++) expect(breaker.mayAsk()).toBe(true);
    for (let call = 0; call < 50; call++) breaker.failed(ERROR, true);
    clock.advance(500);
    expect(fail(1)).toEqual([true]);
    clock.advance(-10_000);
    expect(breaker.mayAsk()).toBe(true);
  });
});
