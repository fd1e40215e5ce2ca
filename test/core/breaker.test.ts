import { describe, expect, it } from '@jest/globals';
import { createBreaker, type Breaker } from '../../src/core/breaker.js';
import { fakeClock, type FakeClock } from '../../src/testing/fake-clock.js';

const ERROR = new Error('away');

interface Bench {
  readonly breaker: Breaker;
  readonly clock: FakeClock;
  readonly told: unknown[];
  /** Asks as often, one after the other; the answers say whether each was allowed. */
  fail(times: number, isSlow?: boolean): boolean[];
  work(times?: number): boolean[];
}

function bench(): Bench {
  const clock = fakeClock();
  const told: unknown[] = [];
  const breaker = createBreaker({ clock, tell: (state, error) => told.push(error === undefined ? state : [state, error]) });
  const ask = (times: number, how: (question: number) => void): boolean[] =>
    Array.from({ length: times }, () => {
      const question = breaker.begin();
      if (question !== 0) how(question);
      return question !== 0;
    });
  return {
    breaker, clock, told,
    fail: (times, isSlow = true) => ask(times, (question) => breaker.failed(question, ERROR, isSlow)),
    work: (times = 1) => ask(times, (question) => breaker.worked(question, true)),
  };
}

/** Questions that are under way at the same time. */
const begun = (breaker: Breaker, count: number): number[] => Array.from({ length: count }, () => breaker.begin());

describe('a part that no longer answers', () => {
  it('is left alone after five slow faults in a row, and then asked by a few', () => {
    const { breaker, clock, told, fail, work } = bench();
    expect(fail(7)).toEqual([true, true, true, true, true, false, false]);
    expect(told).toEqual([['degraded', ERROR]]);
    clock.advance(499);
    expect(breaker.begin()).toBe(0);
    clock.advance(1);
    const trials = begun(breaker, 8);
    expect(trials.map((question) => question > 0)).toEqual([true, true, true, true, true, false, false, false]);
    breaker.worked(trials[0] ?? 0, true);
    expect(work(2)).toEqual([true, true]);
    expect(told).toEqual([['degraded', ERROR], 'recovered']);
  });

  it('is asked more and more rarely, never less than every five seconds', () => {
    const { breaker, clock, told, fail } = bench();
    fail(5);
    const pauses: number[] = [];
    for (let round = 0; round < 6; round++) {
      let waited = 0;
      let question = 0;
      while ((question = breaker.begin()) === 0) { clock.advance(100); waited += 100; }
      breaker.failed(question, ERROR, true);
      pauses.push(waited);
    }
    expect(pauses).toEqual([500, 1_000, 2_000, 4_000, 5_000, 5_000]);
    expect(told).toHaveLength(1);
  });

  it('is asked every time while it fails at once, so that it is back as soon as it can be', () => {
    const { told, fail, work } = bench();
    expect(fail(20, false)).not.toContain(false);
    expect(told).toEqual([['degraded', ERROR]]);
    work();
    expect(told).toHaveLength(2);
    expect(fail(4)).not.toContain(false);
    work();
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
    const questions = begun(breaker, 50);
    expect(questions).not.toContain(0);
    for (const question of questions) breaker.failed(question, ERROR, true);
    clock.advance(500);
    expect(fail(1)).toEqual([true]);
    clock.advance(-10_000);
    expect(breaker.begin()).toBeGreaterThan(0);
  });

  it('is not asked again because of what was asked before and is answered late', () => {
    const { breaker, clock, told, fail } = bench();
    const [early = 0] = begun(breaker, 1);
    fail(5);
    breaker.worked(early, true);
    expect(fail(1)).toEqual([false]);
    clock.advance(500);
    const [trial = 0] = begun(breaker, 1);
    breaker.failed(early, ERROR, true);
    breaker.worked(trial, true);
    expect(told).toEqual([['degraded', ERROR], 'recovered']);
  });

  it('is back when one of the few is answered, and is left alone but once for all that are not', () => {
    const { breaker, clock, fail } = bench();
    fail(5);
    clock.advance(500);
    const first = begun(breaker, 5);
    for (const question of first.slice(1)) breaker.failed(question, ERROR, true);
    clock.advance(999);
    expect(breaker.begin()).toBe(0);
    clock.advance(1);
    const second = begun(breaker, 2);
    expect(second).not.toContain(0);
    breaker.worked(first[0] ?? 0, true);
    expect(begun(breaker, 20)).not.toContain(0);
  });

  it('is left alone though its adapter knows some answers by itself, and is back when the trial is answered at once', () => {
    const { breaker, clock, told, fail } = bench();
    const answerAtOnce = (): void => breaker.worked(breaker.begin(), false);
    const allowed = Array.from({ length: 7 }, () => {
      const [may] = fail(1);
      if (may === true) answerAtOnce();
      return may;
    });
    expect(allowed).toEqual([true, true, true, true, true, false, false]);
    clock.advance(500);
    answerAtOnce();
    expect(told).toEqual([['degraded', ERROR], 'recovered']);
    expect(fail(1)).toEqual([true]);
  });
});

describe('a part that answers others', () => {
  it('is asked by all while one of its three servers is away, however the answers fall', () => {
    const { breaker, told } = bench();
    for (let round = 0; round < 200; round++) {
      // Those of two servers are answered at once, those of the third wait together until their time is over.
      const away = begun(breaker, 10);
      const there = begun(breaker, 20);
      expect([...away, ...there]).not.toContain(0);
      for (const question of there) breaker.worked(question, true);
      for (const question of away) breaker.failed(question, ERROR, true);
    }
    expect(told).toEqual([]);
  });

  it('is left alone all the same while nearly nothing comes in time', () => {
    const { breaker, clock, work } = bench();
    work(1_000);
    let faults = 0;
    for (let questions = begun(breaker, 10); !questions.includes(0) && faults < 1_000; questions = begun(breaker, 10)) {
      for (const question of questions.slice(1)) breaker.failed(question, ERROR, true);
      breaker.worked(questions[0] ?? 0, true);
      faults += 9;
    }
    expect(faults).toBeLessThan(250);
    expect(breaker.begin()).toBe(0);
    clock.advance(500);
    expect(work(3)).toEqual([true, true, true]);
  });
});
