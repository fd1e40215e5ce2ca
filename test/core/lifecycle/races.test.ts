import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Keyring } from '../../../src/core/keyring.js';
import type { Succession } from '../../../src/core/management/succession.js';
import type { KeyStore } from '../../../src/core/ports.js';
import { memoryStore } from '../../../src/memory/store.js';
import { ring, START, verdict, watchedStore } from '../support.js';

const MANY = 30;
const PRIMARY = { name: 'one', tenantId: 'acme', slot: 'primary' } as const;

async function settled(calls: readonly Promise<Succession>[]): Promise<{ done: Succession[]; codes: unknown[] }> {
  const answers = await Promise.allSettled(calls);
  return {
    done: answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : [])),
    codes: answers.flatMap((answer) => (answer.status === 'rejected' ? [(answer.reason as { code?: unknown }).code] : [])),
  };
}

/** Keyrings in as many processes, over one store. */
const processes = (count: number, store: KeyStore): Keyring[] => Array.from({ length: count }, () => ring({ store, cache: false }).keyring);
const active = async (keyring: Keyring): Promise<string[]> => (await keyring.list({ status: 'active' })).keys.map(({ id }) => id);

describe.each([['at once', 'now'], ['later', 'later']] as const)('with a store that answers %s', (_how, answers) => {
  describe.each([1, 3])('from %i processes at the same time', (count) => {
    const setting = (): Keyring[] => processes(count, watchedStore(answers));
    const times = <T>(keyrings: readonly Keyring[], call: (keyring: Keyring) => T): T[] => Array.from({ length: MANY }, (_, index) => call(keyrings[index % count] as Keyring));

    it('rotations of one key: one wins, the others are told', async () => {
      const keyrings = setting();
      const [keyring] = keyrings as [Keyring];
      const { key, apiKey } = await keyring.create(PRIMARY);
      const { done, codes } = await settled(times(keyrings, async (one) => one.rotate(apiKey.id, { gracePeriod: 0 })));
      expect([done.length, new Set(codes)]).toEqual([1, new Set(['already_rotated'])]);
      expect(await active(keyring)).toEqual([done[0]?.apiKey.id]);
      expect([await verdict(keyring, key), await verdict(keyring, done[0]?.key ?? '')]).toEqual(['expired_key', 'ok']);
    });

    it.each([['of an empty slot', false], ['of a held slot', true]])('regenerations %s: one wins, the others are told, one key lives', async (_what, held) => {
      const keyrings = setting();
      const [keyring] = keyrings as [Keyring];
      if (held) await keyring.create(PRIMARY);
      const { done, codes } = await settled(times(keyrings, async (one) => one.regenerate('acme', 'primary')));
      expect([done.length, new Set(codes)]).toEqual([1, new Set(['slot_taken'])]);
      expect(await active(keyring)).toEqual([done[0]?.apiKey.id]);
    });

    it('a rotation, a regeneration and a revoke of one key: nobody is told a key that does not hold', async () => {
      const keyrings = setting();
      const [keyring] = keyrings as [Keyring];
      const { apiKey } = await keyring.create(PRIMARY);
      const { done, codes } = await settled(times(keyrings, async (one) => one.rotate(apiKey.id, { gracePeriod: 0 })).flatMap((rotating, index) => [rotating, (keyrings[index % count] as Keyring).regenerate('acme', 'primary')]));
      expect(new Set(codes)).toEqual(new Set(['already_rotated', 'slot_taken']));
      const living = await active(keyring);
      expect(living).toHaveLength(1);
      // Each succession that was answered begins where the one before ends.
      const chain = done.map(({ apiKey: { id } }) => id);
      expect(chain).toContain(living[0]);
      expect(done.every(({ previous }) => previous !== undefined && [apiKey.id, ...chain].includes(previous.id))).toBe(true);
    });

    it('regenerations of a key that is being changed: the changes do not get in the way', async () => {
      const keyrings = setting();
      const [keyring] = keyrings as [Keyring];
      const { apiKey } = await keyring.create(PRIMARY);
      const [made] = await Promise.all([keyring.regenerate('acme', 'primary'), ...Array.from({ length: 5 }, async (_, index) => keyrings[index % count]?.update(apiKey.id, { name: `name ${String(index)}` }))]);
      expect(await active(keyring)).toEqual([made.apiKey.id]);
      expect((await keyring.get(apiKey.id))?.status).toBe('revoked');
    });
  });
});

describe('whatever the order of events', () => {
  it('one key holds the slot, and at most one that is not in its grace period lives', async () => {
    await fc.assert(fc.asyncProperty(fc.scheduler(), fc.boolean(), fc.array(fc.constantFrom('rotate', 'regenerate', 'revoke', 'delete', 'disable', 'touch'), { minLength: 2, maxLength: 6 }), async (scheduler, held, steps) => {
      const inner = memoryStore();
      const pass = async (name: string): Promise<void> => { await scheduler.schedule(Promise.resolve(), name); };
      /** Each call takes a while, before and after it is carried out. */
      const through = <A extends unknown[], T>(name: string, call: (...args: A) => T) => async (...args: A): Promise<Awaited<T>> => { await pass(name); const answer = await call(...args); await pass(`${name} answered`); return answer; };
      const store: KeyStore = { insert: through('insert', inner.insert), find: through('find', inner.find), update: through('update', inner.update), replace: through('replace', inner.replace), delete: through('delete', inner.delete), list: through('list', inner.list), touch: through('touch', inner.touch) };
      const { keyring: preparing } = ring({ store: inner });
      const created = held ? await preparing.create(PRIMARY) : undefined;
      const id = created?.apiKey.id ?? 'nobody';
      const calls: Record<(typeof steps)[number], (keyring: Keyring) => Promise<unknown>> = {
        rotate: async (keyring) => keyring.rotate(id, { gracePeriod: 50 }),
        regenerate: async (keyring) => keyring.regenerate('acme', 'primary'),
        revoke: async (keyring) => keyring.revoke(id),
        delete: async (keyring) => keyring.delete(id),
        disable: async (keyring) => keyring.disable(id),
        touch: async () => store.touch([{ id, at: START }]),
      };
      const keyrings = processes(2, store);
      const waiting = Promise.allSettled(steps.map(async (name, index) => calls[name](keyrings[index % 2] as Keyring)));
      await scheduler.waitFor(waiting);
      const keys = (await preparing.list({ limit: 500 })).keys;
      const slots = keys.filter(({ slot }) => slot !== undefined);
      expect(slots.length).toBeLessThanOrEqual(1);
      const living = keys.filter(({ status, graceExpiresAt }) => (status === 'active' || status === 'disabled') && graceExpiresAt === undefined);
      expect(living.map((one) => one.id)).toEqual(slots.map((one) => one.id));
      // What was answered is what is stored.
      for (const answer of await waiting) {
        const { apiKey } = ((answer.status === 'fulfilled' ? answer.value : undefined) ?? {}) as Partial<Succession>;
        if (apiKey !== undefined) expect(keys.map((one) => one.id)).toContain(apiKey.id);
      }
    }), { numRuns: 300 });
  });
});
