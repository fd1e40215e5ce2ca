import { expect, it } from '@jest/globals';
import type { KeyQuery, KeyStore } from '../../../src/core/ports.js';
import type { KeyRecord } from '../../../src/core/record.js';
import { memoryStore } from '../../../src/memory/store.js';
import { plainRecord } from '../../../src/testing/store-records.js';
import { withTables, type TestEngine } from './engine.js';

const LAST = Number.MAX_SAFE_INTEGER;
/** Times on both sides of whatever a store might divide time by, as a hostile clock could give them, and many of the same. */
const TIMES = [-LAST, -LAST + 1, -(2 ** 46), -129, -128, -127, -1, 0, 1, 127, 128, 129, 255, 256, 2 ** 46 - 1, 2 ** 46, 2 ** 52, LAST - 1, LAST];
const DIRECTIONS = ['asc', 'desc'] as const;

/** The pages of a search, one after the other, while keys come and go. */
async function pages(store: KeyStore, query: KeyQuery, between: (page: number) => Promise<unknown>): Promise<string[]> {
  const found: string[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < 200; page++) {
    const { records, nextCursor } = await store.list({ ...query, ...(cursor !== undefined && { cursor }) });
    found.push(...records.map(({ id }) => id));
    if (nextCursor === undefined) return found;
    cursor = nextCursor;
    await between(page);
  }
  throw new Error('the pages of a search never end');
}

const nothing = (): Promise<void> => Promise.resolve();

/** Searches in the order of creation, whatever the clocks have said. */
export function searchSuite(engine: () => TestEngine): void {
  const records = TIMES.flatMap((createdAt, index) =>
    Array.from({ length: 1 + ((index * 5) % 7) }, (_, twin): KeyRecord => plainRecord(`k${(index * 7919 + twin * 104_729) % 1_009}-${index}`, { createdAt, name: twin % 3 === 2 ? 'Other' : 'The Needle', ...(twin % 4 === 3 && { disabledAt: 1 }) })));

  it('finds in the order of creation, at any time and in pages of any size', async () => {
    await withTables(engine, async (open) => {
      const { store } = open();
      const memory = memoryStore();
      // In no order of time.
      for (const record of [...records].sort((a, b) => (a.id < b.id ? -1 : 1))) expect([record.id, await store.insert(record)]).toEqual([record.id, memory.insert(record)]);
      for (const direction of DIRECTIONS) {
        for (const limit of [1, 2, 5, 50]) {
          for (const filter of [{ search: 'NEEDLE' }, { search: 'eed' }, { search: 'ne' }, { search: 'needle', status: 'disabled' }, { search: 'needle', status: 'active' }] as const) {
            const query = { limit, now: 1_000, sort: { by: 'createdAt', direction }, ...filter } as const;
            expect([query, await pages(store, query, nothing)]).toEqual([query, await pages(memory, query, nothing)]);
          }
        }
      }
    });
  });

  it('neither repeats nor hides what is found when keys come and go between two pages', async () => {
    for (const direction of DIRECTIONS) {
      await withTables(engine, async (open) => {
        const { store } = open();
        for (const record of records) await store.insert(record);
        const query: KeyQuery = { limit: 3, now: 1_000, search: 'needle', sort: { by: 'createdAt', direction } };
        const before = await pages(store, query, nothing);
        const gone = new Set(before.filter((_, index) => index % 9 === 4));
        const during = await pages(store, query, async (page) => {
          const createdAt = TIMES[page % TIMES.length] ?? 0;
          await store.insert(plainRecord(`new-${page}`, { createdAt, name: 'needle' }));
          const [leaving] = gone;
          if (leaving === undefined) return;
          gone.delete(leaving);
          await store.delete(leaving);
        });
        expect(during.length).toBe(new Set(during).size);
        const all = new Set(during);
        expect(before.filter((id, index) => index % 9 !== 4 && !all.has(id))).toEqual([]);
        const rest = during.filter((id) => !id.startsWith('new-'));
        expect(rest).toEqual(before.filter((id) => all.has(id)));
      });
    }
  });
}
