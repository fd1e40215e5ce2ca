import assert from 'node:assert/strict';
import { concurrent, perHour, perMinute, perSecond, perWindow } from '../core/limits/rules.js';
import { admitted, bucket, drain, GROUP, limited, type LimiterCases } from './limiter-cases.js';

const remaining = (answer: { readonly states: readonly { readonly remaining: number }[] }): number[] => answer.states.map((state) => state.remaining);

export const answerCases: LimiterCases = {
  async 'lists buckets and rules in order, with what remains after the request'({ limiter }) {
    const buckets = [bucket('key:a', perMinute(5), concurrent(2)), bucket('tenant:t', perHour(100))];
    const { states } = await admitted(limiter, buckets);
    assert.deepEqual(states.map(({ bucket: { id }, rule: { name } }) => `${id} ${name}`), ['key:a minute', 'key:a concurrency', 'tenant:t hour']);
    assert.deepEqual(states.map((state) => state.remaining), [4, 1, 99]);
    assert.deepEqual(states.map((state) => state.violated), [false, false, false]);
    assert.ok((states[0]?.resetMs ?? 0) >= 60_000 && (states[0]?.resetMs ?? 0) <= 61_000, 'a unit of the minute comes back after it');
    assert.equal(states[1]?.resetMs, 0, 'no one knows when a place becomes free');
  },

  async 'marks the violated rules of a refusal, and tells what remains without it'({ limiter, clock }) {
    const buckets = [bucket('key:a', perSecond(2), perMinute(50)), bucket('tenant:t', perMinute(2))];
    await admitted(limiter, buckets, 2);
    clock.advance(500);
    const answer = await limited(limiter, buckets);
    assert.deepEqual(answer.states.map((state) => state.violated), [true, false, true]);
    assert.deepEqual(remaining(answer), [0, 48, 0]);
    assert.ok((answer.retryAfterMs ?? 0) >= 59_500, 'the longest wait of the violated rules');
  },

  async 'spends nothing on a refusal: all rules or none'({ limiter, clock }) {
    const wide = bucket('key:a', perMinute(10), perHour(100));
    await admitted(limiter, [bucket('tenant:t', perSecond(1))]);
    for (let turn = 0; turn < 30; turn++) await limited(limiter, [wide, bucket('tenant:t', perSecond(1))]);
    assert.deepEqual(remaining(await limiter.peek([wide], 0) as never), [10, 100]);
    clock.advance(1_100);
    await admitted(limiter, [wide, bucket('tenant:t', perSecond(1))], 1, 'refusals do not put off the end of a wait');
  },

  async 'takes weighted requests whole or not at all'({ limiter }) {
    const buckets = [bucket('key:a', perMinute(10), perHour(500))];
    await admitted(limiter, buckets, 7);
    await limited(limiter, buckets, 4);
    assert.deepEqual(remaining(await admitted(limiter, buckets, 3)), [0, 490]);
    assert.deepEqual(remaining(await admitted(limiter, buckets, 0, 'free requests pass')), [0, 490]);
  },

  async 'names no wait for what can never pass'({ limiter }) {
    assert.equal((await limited(limiter, [bucket('key:a', perMinute(5))], 6)).retryAfterMs, undefined, 'cost above the limit');
    assert.equal((await limited(limiter, [bucket('key:b', perMinute(0))])).retryAfterMs, undefined, 'a limit of 0');
    assert.equal((await limited(limiter, [bucket('key:c', concurrent(0))])).retryAfterMs, undefined, 'no place at all');
    const both = [bucket('key:d', perSecond(1)), bucket('tenant:t', perMinute(0))];
    assert.equal((await limited(limiter, both)).retryAfterMs, undefined, 'one of several');
  },

  async 'peeks without spending, and foretells what consume answers'({ limiter, clock }) {
    const buckets = [bucket('key:a', perSecond(3), perHour(300), concurrent(9))];
    for (let turn = 0; turn < 8; turn++) {
      for (let look = 0; look < 3; look++) await limiter.peek(buckets, 1);
      const foreseen = await limiter.peek(buckets, 1);
      assert.equal('lease' in foreseen ? foreseen.lease : undefined, undefined, 'a look takes no lease');
      const { lease: _lease, ...answer } = { lease: undefined, ...(await limiter.consume(buckets, 1)) };
      assert.deepEqual({ lease: undefined, ...foreseen }, { lease: undefined, ...answer });
      clock.advance(170);
    }
  },

  async 'forgets what a bucket has spent on reset, and nothing of its neighbours'({ limiter }) {
    const rules = [perMinute(3), perHour(200)];
    for (const id of ['key:a', 'key:ab']) await drain(limiter, [bucket(id, ...rules)]);
    await limiter.reset('key:a', GROUP);
    await limiter.reset('key:unknown', GROUP);
    assert.equal(await drain(limiter, [bucket('key:a', ...rules)]), 3);
    await limited(limiter, [bucket('key:ab', ...rules)]);
  },

  async 'keeps the counter when the limit changes'({ limiter, clock }) {
    const used = async (limit: number): Promise<number> => drain(limiter, [bucket('key:a', perWindow(limit, 30_000))]);
    assert.equal(await used(60), 60);
    clock.advance(10_000);
    assert.equal(await used(100), 40, 'raised: the rest of the larger limit');
    assert.equal(await used(30), 0, 'lowered: nothing until enough has expired');
    clock.advance(20_500);
    assert.equal(await used(30), 0, 'forty of the later requests are left');
    clock.advance(10_500);
    assert.equal(await used(30), 30);
  },

  async 'counts each bucket for itself, and each window of one bucket'({ limiter }) {
    assert.equal(await drain(limiter, [bucket('key:a', perMinute(4))]), 4);
    assert.equal(await drain(limiter, [bucket('key:b', perMinute(4))]), 4);
    assert.equal(await drain(limiter, [bucket('key:a', perHour(3))]), 3, 'a window that is new to the bucket');
    await limited(limiter, [bucket('key:a', perMinute(4))]);
  },
};
