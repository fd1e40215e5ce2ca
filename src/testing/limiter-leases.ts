import assert from 'node:assert/strict';
import { concurrent, perMinute } from '../core/limits/rules.js';
import { admitted, bucket, drain, GROUP, leased, limited, type LimiterCases } from './limiter-cases.js';
import { randomFrom } from './limiter-log.js';
import type { Lease } from '../core/ports.js';

const two = [bucket('key:a', concurrent(2))];

export const leaseCases: LimiterCases = {
  async 'admits no more at once than the cap, and another after a release'({ limiter }) {
    const first = await leased(limiter, two);
    await leased(limiter, two);
    const refused = await limited(limiter, two);
    assert.equal(refused.retryAfterMs, 0, 'a place may become free at any moment');
    await limiter.release(first);
    await leased(limiter, two, 'one was released');
    await limited(limiter, two);
  },

  async 'takes no lease without a concurrency rule'({ limiter }) {
    assert.equal((await admitted(limiter, [bucket('key:a', perMinute(2))])).lease, undefined);
  },

  async 'takes a lease, but no units, for a free request'({ limiter }) {
    const buckets = [bucket('key:a', perMinute(1), concurrent(1))];
    const { lease, states } = await admitted(limiter, buckets, 0);
    assert.ok(lease !== undefined);
    assert.deepEqual(states.map((state) => state.remaining), [1, 0]);
    await limited(limiter, buckets, 0, 'the place is taken');
  },

  async 'spends no units when the cap refuses, and takes no place when a window does'({ limiter }) {
    const lease = await leased(limiter, [bucket('key:a', concurrent(1), perMinute(2))]);
    for (let turn = 0; turn < 5; turn++) await limited(limiter, [bucket('key:a', concurrent(1), perMinute(2))]);
    await limiter.release(lease);
    await limiter.release(await leased(limiter, [bucket('key:a', concurrent(1), perMinute(2))], 'a unit is left'));
    for (let turn = 0; turn < 5; turn++) await limited(limiter, [bucket('key:a', concurrent(1), perMinute(2))]);
    await leased(limiter, [bucket('key:a', concurrent(1))], 'no refused request holds a place');
  },

  async 'frees a place once, however often it is released'({ limiter }) {
    const first = await leased(limiter, two);
    await leased(limiter, two);
    for (let turn = 0; turn < 3; turn++) await limiter.release(first);
    assert.equal(await drain(limiter, two, 5), 1);
  },

  async 'frees the place of a lease that nobody renews'({ limiter, clock, leaseMs }) {
    const lost = await leased(limiter, two);
    assert.equal(lost.ttlMs, leaseMs);
    clock.advance(10);
    await leased(limiter, two);
    clock.advance(leaseMs - 11);
    await limited(limiter, two, 1, 'neither lease is due');
    clock.advance(1);
    await leased(limiter, two, 'the first is due');
    await limited(limiter, two, 1, 'only the first was');
    await limiter.release(lost);
    await limited(limiter, two, 1, 'a late release gives nothing back');
  },

  async 'keeps a lease alive that is renewed, and brings none back to life'({ limiter, clock, leaseMs }) {
    const one = [bucket('key:a', concurrent(1))];
    const lease = await leased(limiter, one);
    for (let turn = 0; turn < 5; turn++) {
      clock.advance(leaseMs - 1);
      await limited(limiter, one, 1, 'it is renewed in time');
      await limiter.renew([lease]);
    }
    clock.advance(leaseMs);
    await limiter.renew([lease]);
    const next = await leased(limiter, one, 'the lease has expired');
    await limiter.renew([lease]);
    await limiter.release(lease);
    await limited(limiter, one, 1, 'the lost lease has no power over the next');
    await limiter.renew([]);
    await limiter.release(next);
  },

  async 'holds a place in every capped bucket with one lease'({ limiter }) {
    const buckets = [bucket('key:a', concurrent(5)), bucket('tenant:t', perMinute(100), concurrent(2))];
    const first = await leased(limiter, buckets);
    await leased(limiter, buckets);
    await limited(limiter, buckets, 1, "the tenant's cap is reached");
    await limiter.release(first);
    assert.equal(await drain(limiter, [bucket('key:a', concurrent(5))], 9), 4, 'the key has its place back too');
    await leased(limiter, [bucket('tenant:t', concurrent(2))]);
  },

  async 'leaves leases held on reset'({ limiter }) {
    const held = await leased(limiter, [bucket('key:a', concurrent(1), perMinute(1))]);
    await limiter.reset('key:a', GROUP);
    await limited(limiter, [bucket('key:a', concurrent(1), perMinute(1))], 1, 'the place is still taken');
    await limiter.release(held);
    await leased(limiter, [bucket('key:a', concurrent(1), perMinute(1))]);
  },

  async 'keeps the cap for many requests at the same time'({ limiter }) {
    const answers = await Promise.all(Array.from({ length: 40 }, async () => limiter.consume(two, 1)));
    assert.equal(answers.filter((answer) => answer.outcome === 'admitted').length, 2);
  },

  async 'counts leases right through random taking, renewing, releasing and expiring'({ limiter, clock, leaseMs }) {
    const random = randomFrom(6);
    const buckets = ['key:a', 'key:b'].map((id) => bucket(id, concurrent(4)));
    let held: { lease: Lease; ids: string[]; expiresAt: number }[] = [];
    for (let turn = 0; turn < 600; turn++) {
      clock.advance(random(leaseMs / 8));
      held = held.filter((entry) => entry.expiresAt > clock.now());
      const chosen = buckets.slice(random(2), 1 + random(2));
      const some = held[random(Math.max(held.length, 1))];
      if (random(3) > 0 || some === undefined) {
        const fits = chosen.every(({ id }) => held.filter((entry) => entry.ids.includes(id)).length < 4);
        const answer = await limiter.consume(chosen, 1);
        assert.equal(answer.outcome, fits ? 'admitted' : 'limited', `turn ${String(turn)}, ${String(held.length)} held`);
        if (answer.outcome === 'admitted' && answer.lease !== undefined) {
          held.push({ lease: answer.lease, ids: chosen.map(({ id }) => id), expiresAt: clock.now() + leaseMs });
        }
      } else if (random(2) === 0) {
        await limiter.release(some.lease);
        held.splice(held.indexOf(some), 1);
      } else {
        await limiter.renew([some.lease]);
        some.expiresAt = clock.now() + leaseMs;
      }
    }
  },
};
