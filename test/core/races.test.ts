import { describe, expect, it } from '@jest/globals';
import type { ApiKey } from '../../src/core/record.js';
import { memoryStore } from '../../src/memory/store.js';
import { ring, turn, verdict, watchedStore, type WatchedStore } from './support.js';

const MANY = 100;
const times = <T>(call: (index: number) => T): T[] => Array.from({ length: MANY }, (_, index) => call(index));
const settled = async (calls: readonly Promise<ApiKey>[]): Promise<{ done: ApiKey[]; codes: unknown[] }> => {
  const answers = await Promise.allSettled(calls);
  return {
    done: answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : [])),
    codes: answers.flatMap((answer) => (answer.status === 'rejected' ? [(answer.reason as { code?: unknown }).code] : [])),
  };
};

/** Answers come in no particular order, the same one each time. */
function jumbled(): WatchedStore {
  let seed = 1;
  const inner = memoryStore();
  const wait = async (): Promise<void> => { seed = (seed * 48_271) % 2_147_483_647; for (let turns = seed % 4; turns > 0; turns--) await turn(); };
  return watchedStore('now', {
    insert: (record) => inner.insert(record),
    find: async (lookup) => { await wait(); const found = await inner.find(lookup); await wait(); return found; },
    update: async (...args) => { await wait(); const after = await inner.update(...args); await wait(); return after; },
    replace: async (...args) => { await wait(); const answer = await inner.replace(...args); await wait(); return answer; },
    delete: async (id) => { await wait(); return inner.delete(id); },
    list: (query) => inner.list(query),
    touch: (uses) => inner.touch(uses),
  });
}

describe.each([['at once', () => watchedStore()], ['later', () => watchedStore('later')], ['in any order', jumbled]])('a hundred at the same time, with a store that answers %s', (_how, makeStore) => {
  it('disables, enables: one change each, all agree', async () => {
    const { keyring } = ring({ store: makeStore() });
    const { key, apiKey } = await keyring.create({ name: 'one' });
    const disabled = await settled(times(async () => keyring.disable(apiKey.id)));
    expect([disabled.codes, new Set(disabled.done.map(({ status, version }) => `${status} ${String(version)}`))]).toEqual([[], new Set(['disabled 2'])]);
    expect(await verdict(keyring, key)).toBe('disabled_key');
    const enabled = await settled(times(async () => keyring.enable(apiKey.id)));
    expect([enabled.codes, new Set(enabled.done.map(({ status, version }) => `${status} ${String(version)}`))]).toEqual([[], new Set(['active 3'])]);
    expect(await verdict(keyring, key)).toBe('ok');
  });

  it('revokes: one reason, one actor, one event', async () => {
    const { keyring } = ring({ store: makeStore() });
    const { apiKey } = await keyring.create({ name: 'one' });
    let told = 0;
    keyring.on('revoked', () => void told++);
    const { done, codes } = await settled(times(async (index) => keyring.revoke(apiKey.id, { reason: `reason ${String(index)}`, by: `actor ${String(index)}` })));
    expect([codes, told]).toEqual([[], 1]);
    const [{ revokedReason, revokedBy } = apiKey] = done;
    expect(revokedReason?.replace('reason', 'actor')).toBe(revokedBy);
    expect(new Set(done.map((one) => one.revokedReason))).toEqual(new Set([revokedReason]));
    expect(await keyring.get(apiKey.id)).toMatchObject({ revokedReason, revokedBy, version: 2 });
  });

  it('updates without a guard: every one is made', async () => {
    const { keyring } = ring({ store: makeStore() });
    const { apiKey } = await keyring.create({ name: 'one', tags: [] });
    const { done, codes } = await settled(times(async (index) => keyring.update(apiKey.id, { name: `name ${String(index)}` })));
    expect(codes).toEqual([]);
    expect(new Set(done.map(({ version }) => version)).size).toBe(MANY);
    expect(await keyring.get(apiKey.id)).toMatchObject({ version: MANY + 1 });
  });

  it('updates guarded by one version: exactly one is made', async () => {
    const { keyring } = ring({ store: makeStore() });
    const { apiKey } = await keyring.create({ name: 'one' });
    const { done, codes } = await settled(times(async (index) => keyring.update(apiKey.id, { name: `name ${String(index)}` }, { version: 1 })));
    expect([done.length, new Set(codes)]).toEqual([1, new Set(['version_conflict'])]);
    expect(await keyring.get(apiKey.id)).toMatchObject({ name: done[0]?.name, version: 2 });
  });

  it('changes of different fields, and a revoke among them: nothing is lost', async () => {
    const { keyring } = ring({ store: makeStore() });
    const { key, apiKey } = await keyring.create({ name: 'one' });
    const { id } = apiKey;
    const { codes } = await settled([
      ...times(async (index) => (index % 2 === 0 ? keyring.update(id, { name: `name ${String(index)}` }) : keyring.update(id, { metadata: { index } }))),
      keyring.revoke(id, { reason: 'leaked' }), keyring.disable(id), keyring.update(id, { tags: ['kept'] }), keyring.update(id, { plan: 'starter' }),
    ]);
    expect(codes).toEqual([]);
    expect(await keyring.get(id)).toMatchObject({ name: 'name 98', metadata: { index: 99 }, status: 'revoked', revokedReason: 'leaked', disabledAt: expect.any(Number), tags: ['kept'], plan: 'starter' });
    expect(await verdict(keyring, key)).toBe('revoked_key');
  });

  it('imports of one key, deletes of one key: one of each', async () => {
    const { keyring } = ring({ store: makeStore() });
    const { key } = keyring.format.generate({ environment: 'live' });
    const imported = await settled(times(async () => keyring.import({ key, name: 'one' })));
    expect([imported.done.length, new Set(imported.codes)]).toEqual([1, new Set(['key_exists'])]);
    const gone = await Promise.all(times(async () => keyring.delete(imported.done[0]?.id ?? '')));
    expect(gone.filter((was) => was)).toHaveLength(1);
    expect(await verdict(keyring, key)).toBe('invalid_key');
  });

  it('verifications of a fresh key ask the store together, not each', async () => {
    const store = makeStore();
    const { keyring } = ring({ store });
    const { key } = await keyring.create({ name: 'one' });
    store.calls.find = 0;
    expect(new Set(await Promise.all(times(async () => verdict(keyring, key))))).toEqual(new Set(['ok']));
    expect(store.calls.find).toBe(1);
  });
});
