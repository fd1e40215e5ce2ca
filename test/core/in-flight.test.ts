import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { perMinute } from '../../src/core/limits/rules.js';
import { sha256 } from '../../src/core/hashing/sha256.js';
import type { Hasher, Limiter } from '../../src/core/ports.js';
import { memoryLimiter } from '../../src/memory/limiter.js';
import { CHANGEABLE, CHANGES } from './changes.js';
import { latch, ring, turn, verdict, watchedStore } from './support.js';

const REQUEST = { scopes: ['read'], ip: '192.0.2.1' };
const slowHasher = (until: () => Promise<unknown>): Hasher => ({ ...sha256(), verify: async (key, stored) => (await until(), sha256().verify(key, stored)) });
const slowLimiter = (until: () => Promise<unknown>, counts = { released: 0 }): Limiter => {
  const inner = memoryLimiter();
  return { ...inner, consume: async (...args) => { const answer = inner.consume(...args); await until(); return answer; }, release: (lease) => { counts.released++; return inner.release(lease); } };
};

/** Where a verification can be held up. */
const WAITS = ['store', 'hasher', 'limiter', 'limiter of a cached key'] as const;

describe.each(WAITS)('a verification that waits for its %s while the key changes', (wait) => {
  const limits = [perMinute(10)];
  const rows = CHANGES.flatMap(([name, change, code]) => [{}, false as const].flatMap((cache) => ['{prefix}_{id}_{secret}{checksum}', '{prefix}_{secret}'].map((formats) => ({ name, change, code, cache, formats }))));

  it.each(rows)('is refused: $name, cache $cache, format $formats', async ({ change, code, cache, formats }) => {
    const store = watchedStore();
    const gate = latch();
    let held = wait !== 'limiter of a cached key';
    const until = async (): Promise<void> => (held ? gate.opened : undefined);
    const { keyring } = ring({ store, cache, formats, ...(wait === 'hasher' && { hashing: slowHasher(until) }), ...(wait.startsWith('limiter') && { limiter: slowLimiter(until), deadlines: { limiterMs: 5_000 } }) });
    const { key, apiKey } = await keyring.create({ ...CHANGEABLE, limits });
    if (!held) expect(await verdict(keyring, key, REQUEST)).toBe('ok');
    held = true;
    if (wait === 'store') store.gate = { methods: ['find'], until: gate.opened };
    const verifying = Promise.all(Array.from({ length: 3 }, async () => verdict(keyring, key, REQUEST)));
    await turn();
    store.gate = undefined;
    await change(keyring, apiKey.id);
    gate.open();
    expect(new Set(await verifying)).toEqual(new Set([code]));
    expect(await verdict(keyring, key, REQUEST)).toBe(code);
  });
});

describe('a change under way', () => {
  it.each(CHANGES)('%s: what has been read before it is not kept after it', async (_name, change, code) => {
    const store = watchedStore();
    const { keyring } = ring({ store });
    const { key, apiKey } = await keyring.create(CHANGEABLE);
    const gate = latch();
    // The store makes the change at once and tells of it late.
    store.gate = { methods: ['update', 'replace'], until: gate.opened };
    const changing = change(keyring, apiKey.id);
    await turn();
    await verdict(keyring, key, REQUEST);
    gate.open();
    await changing;
    expect(await verdict(keyring, key, REQUEST)).toBe(code);
  });

  it('gives the place of a refused verification back', async () => {
    const gate = latch();
    const counts = { released: 0 };
    const { keyring } = ring({ limiter: slowLimiter(async () => gate.opened, counts), deadlines: { limiterMs: 5_000 } });
    const { key, apiKey } = await keyring.create({ name: 'one', limits: [{ kind: 'concurrency', name: 'c', limit: 1, per: 'key' }] });
    const verifying = verdict(keyring, key);
    await turn();
    await keyring.revoke(apiKey.id);
    gate.open();
    expect(await verifying).toBe('revoked_key');
    expect(counts.released).toBe(1);
    await keyring.close();
  });

  it('that never ends holds up nobody for ever: after some rounds it is a fault', async () => {
    const store = watchedStore('later');
    const { keyring } = ring({ store });
    const { key, apiKey } = await keyring.create({ name: 'one' });
    const rounds = { left: 10_000 };
    const churn = (async () => { for (let round = 0; round < rounds.left; round++) await keyring.update(apiKey.id, { name: `name ${String(round)}` }); })();
    const answer = await keyring.verify(key).then(({ ok }) => ok, (error: unknown) => (error as { code?: string }).code);
    rounds.left = 0;
    await churn;
    expect([true, 'store_unavailable']).toContain(answer);
    expect(await verdict(keyring, key)).toBe('ok');
  });
});

describe('whatever the order of events', () => {
  const endings = CHANGES.filter(([name]) => !name.startsWith('update'));

  it('no verification that ends after the key has ended is accepted', async () => {
    await fc.assert(fc.asyncProperty(fc.scheduler(), fc.constantFrom(...endings), fc.boolean(), fc.constantFrom('{prefix}_{id}_{secret}{checksum}', '{prefix}_{secret}'), fc.integer({ min: 1, max: 4 }), async (scheduler, [, end], cached, formats, crowd) => {
      const inner = watchedStore();
      const local = memoryLimiter();
      const step = async (name: string): Promise<void> => { await scheduler.schedule(Promise.resolve(), name); };
      const { keyring } = ring({
        formats, cache: cached ? { max: 10 } : false, deadlines: { limiterMs: 60_000, storeMs: 60_000 },
        store: {
          ...inner,
          // A store reads at some moment between question and answer.
          find: async (lookup) => { await step('find asked'); const found = await inner.find(lookup); await step('find answered'); return found; },
          update: async (...args) => { await step('update asked'); const after = await inner.update(...args); await step('update answered'); return after; },
          replace: async (...args) => { await step('replace asked'); const answer = await inner.replace(...args); await step('replace answered'); return answer; },
        },
        limiter: { ...local, consume: async (...args) => { await step('consume'); return local.consume(...args); } },
      });
      const { key, apiKey } = await keyring.create({ ...CHANGEABLE, limits: [perMinute(100)] });
      let ended = false;
      const late: string[] = [];
      const all = Promise.all([
        ...Array.from({ length: crowd }, async () => { await step('client'); const answer = await verdict(keyring, key); if (ended) late.push(answer); }),
        step('manager').then(async () => end(keyring, apiKey.id)).then(() => (ended = true)),
      ]);
      await scheduler.waitFor(all);
      expect(late.filter((answer) => answer === 'ok')).toEqual([]);
      await keyring.close();
    }), { numRuns: 300 });
  });
});
