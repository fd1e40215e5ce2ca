import type { KeyQuery, KeySort } from '../core/ports.js';
import type { TestRunner } from './runner.js';
import { plainRecord, same, walk, type WithStore } from './store-records.js';

const ALL: KeyQuery = { limit: 500, now: 1_000 };

/** `list` in other orders than the usual one. */
export function sortingContract({ describe, it }: TestRunner, withStore: WithStore): void {
  describe('sorting', () => {
    const records = [
      plainRecord('a', { name: 'beta', createdAt: 3, expiresAt: 40 }),
      plainRecord('b', { name: 'Beta', createdAt: 1, expiresAt: 9, lastUsedAt: 100 }),
      plainRecord('c', { name: 'alpha', createdAt: 2, lastUsedAt: 9 }),
      plainRecord('d', { name: 'alpha', createdAt: 10, expiresAt: 40 }),
      plainRecord('e', { name: 'gamma', createdAt: 2 }),
    ];
    /** Rising, those that have the value and those that have none. */
    const rising: Readonly<Record<KeySort['by'], readonly (readonly string[])[]>> = {
      createdAt: [['b', 'c', 'e', 'a', 'd']],
      name: [['b', 'c', 'd', 'a', 'e']],
      expiresAt: [['b', 'a', 'd'], ['c', 'e']],
      lastUsedAt: [['c', 'b'], ['a', 'd', 'e']],
    };

    for (const by of ['createdAt', 'name', 'expiresAt', 'lastUsedAt'] as const) {
      it(`goes by ${by}, then by id, in either direction`, withStore(async (store) => {
        for (const record of records) await store.insert(record);
        const ids = async (query: Partial<KeyQuery>): Promise<string[]> => (await walk(store, { ...ALL, ...query })).ids;
        for (const limit of [1, 2, 3, 500]) {
          same(await ids({ sort: { by, direction: 'asc' }, limit }), rising[by].flat(), `${by} rises in pages of ${String(limit)}: numbers as numbers, texts by character code; records without it come last`);
          same(await ids({ sort: { by, direction: 'desc' }, limit }), rising[by].flatMap((part) => [...part].reverse()), `${by} falls in pages of ${String(limit)}, and so does the id; records without it come last all the same`);
        }
      }));
    }

    it('is by creation, falling, unless said', withStore(async (store) => {
      for (const record of records) await store.insert(record);
      same(await store.list({ ...ALL, sort: { by: 'createdAt', direction: 'desc' } }), await store.list(ALL), 'the usual order, spelt out');
    }));
  });
}
