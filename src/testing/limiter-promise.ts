import assert from 'node:assert/strict';
import { perSecond, perWindow, type LimitRule, type WindowRule } from '../core/limits/rules.js';
import { admitted, bucket, drain, limited, type LimiterCase, type LimiterCases } from './limiter-cases.js';
import { limiterLog, randomFrom } from './limiter-log.js';

/** Sends random requests to three buckets, at moments that like the edges of windows and sub-windows. */
function randomTraffic(seed: number, rules: readonly LimitRule[], stepsMs: readonly number[]): LimiterCase {
  return async ({ limiter, clock }) => {
    const random = randomFrom(seed);
    const log = limiterLog();
    const buckets = ['a', 'b', 'c'].map((name) => bucket(`key:${name}`, ...rules));
    for (let turn = 0; turn < 800; turn++) {
      clock.advance((stepsMs[random(stepsMs.length)] as number) + (random(4) === 0 ? random(3) : 0));
      const first = random(3);
      const chosen = buckets.slice(first, first + 1 + random(2));
      const cost = [1, 1, 1, 1, 2, 5, 0][random(7)] as number;
      log.check(chosen, cost, clock.now(), await limiter.consume(chosen, cost));
    }
  };
}

/** Keeps a bucket full for 61 windows, in which a ring of 60 sub-windows comes round 60 times, and compares with the limit. */
function saturated(rule: WindowRule): LimiterCase {
  return async ({ limiter, clock }) => {
    const buckets = [bucket('key:greedy', rule)];
    await drain(limiter, buckets);
    let units = 0;
    for (let elapsed = 0; elapsed < 61 * rule.windowMs; elapsed += 4) {
      clock.advance(4);
      units += await drain(limiter, buckets);
    }
    const share = units / (61 * rule.limit);
    assert.ok(share >= 0.98 && share <= 1, `a client that never pauses got ${(100 * share).toFixed(1)} % of its limit`);
  };
}

export const promiseCases: LimiterCases = {
  'never admits more than a small limit in any window': randomTraffic(1, [perSecond(5)], [0, 1, 7, 50, 300, 999]),
  'never admits more than a large limit in any window': randomTraffic(2, [perWindow(90, 6_000)], [0, 0, 1, 99, 100, 101]),
  'keeps several windows at once': randomTraffic(3, [perSecond(8), perWindow(70, 12_000), perWindow(20, 3_333)], [0, 1, 40, 200, 201]),
  'keeps a window that no sub-window divides evenly': randomTraffic(4, [perWindow(61, 1_009)], [0, 0, 1, 16, 17]),
  'gives a saturating client 98 % of a small limit': saturated(perWindow(60, 1_200)),
  'gives a saturating client 98 % of a large limit': saturated(perWindow(240, 1_200)),

  async 'admits no second burst across the edge of a fixed window'({ limiter, clock }) {
    for (const [name, rule] of Object.entries({ small: perWindow(50, 10_000), large: perWindow(100, 10_000) })) {
      const buckets = [bucket(`key:${name}`, rule)];
      clock.advance(20_000 - (clock.now() % 10_000) - 1);
      assert.equal(await drain(limiter, buckets), rule.limit, 'a fresh bucket admits its whole limit at once');
      for (const stepMs of [1, 100, 4_900, 4_998]) {
        clock.advance(stepMs);
        await limited(limiter, buckets, 1, 'the first burst is less than a window old');
      }
    }
  },

  async 'admits a lone client that waits exactly retryAfterMs'({ limiter, clock }) {
    const random = randomFrom(5);
    for (const rule of [perWindow(3, 5_000), perWindow(100, 7_001)]) {
      const buckets = [bucket(`key:${String(rule.limit)}`, rule)];
      for (let turn = 0; turn < 60; turn++) {
        const cost = 1 + random(rule.limit);
        const answer = await limiter.consume(buckets, cost);
        if (answer.outcome === 'limited') {
          assert.ok(answer.retryAfterMs !== undefined && answer.retryAfterMs > 0, 'a wait that ends');
          clock.advance(Math.ceil(answer.retryAfterMs));
          await admitted(limiter, buckets, cost, `it waited ${String(answer.retryAfterMs)} ms`);
        }
        clock.advance(random(rule.windowMs / 3));
      }
    }
  },

  async 'spends once for each of many requests at the same time'({ limiter }) {
    for (const limit of [10, 100]) {
      const buckets = [bucket(`key:${String(limit)}`, perSecond(limit)), bucket('tenant:big', perSecond(1_000))];
      const answers = await Promise.all(Array.from({ length: 150 }, async () => limiter.consume(buckets, 1)));
      assert.equal(answers.filter((answer) => answer.outcome === 'admitted').length, limit);
    }
  },
};
