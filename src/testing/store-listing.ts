import type { KeyQuery } from '../core/ports.js';
import { statusOf, type KeyRecord, type KeyStatus } from '../core/record.js';
import { fullRecord, plainRecord, same, walk, type WithStore } from './store-records.js';
import type { TestRunner } from './runner.js';

const ALL: KeyQuery = { limit: 500, now: 1_000 };
const STATUSES: readonly KeyStatus[] = ['active', 'scheduled', 'disabled', 'expired', 'revoked'];

/** `list`: order, filters, search and paging. */
export function listingContract({ describe, it }: TestRunner, withStore: WithStore): void {
  /** A test of a store that already holds these records. */
  const withRecords = (records: readonly KeyRecord[], test: (ids: (query: Partial<KeyQuery>) => Promise<string[]>) => Promise<void>): (() => Promise<void>) =>
    withStore(async (store) => {
      for (const record of records) await store.insert(record);
      await test(async (query) => (await walk(store, { ...ALL, ...query })).ids);
    });

  describe('list', () => {
    it('is empty for an empty store', withStore(async (store) => {
      same(await store.list(ALL), { records: [] }, 'an empty store lists no records and no nextCursor');
    }));

    it('shows the newest first, and of equal times the id that comes last', withRecords(
      [plainRecord('b', { createdAt: 5 }), plainRecord('a', { createdAt: 9_007_199_254_740_991 }), plainRecord('B', { createdAt: 5 }), plainRecord('a9', { createdAt: 5 }), plainRecord('c', { createdAt: 40 }), plainRecord('_', { createdAt: 5 })],
      async (ids) => same(await ids({}), ['a', 'c', 'b', 'a9', '_', 'B'], 'createdAt falls as a number, then id falls by character code (in SQL: a binary collation)'),
    ));

    it('filters by tenant, owner, environment and tag, all of which must hold', withRecords(
      [
        plainRecord('1', { tenantId: 'acme', owner: { type: 'user', id: 'u1' }, environment: 'test', tags: ['blue', 'green'] }),
        plainRecord('2', { tenantId: 'acme', owner: { type: 'org', id: 'u1' }, tags: ['blue'] }),
        plainRecord('3', { tenantId: 'Acme', owner: { type: 'user', id: 'U1' }, environment: 'test', tags: ['blueish', 'Blue', 'gr%n'] }),
        plainRecord('4', { tags: [] }),
      ],
      async (ids) => {
        same(await ids({ tenantId: 'acme' }), ['2', '1'], 'tenantId is compared exactly');
        same(await ids({ owner: { type: 'user', id: 'u1' } }), ['1'], 'owner is compared by type and id');
        same(await ids({ environment: 'test' }), ['3', '1'], 'environment is compared exactly');
        same(await ids({ tag: 'blue' }), ['2', '1'], 'tag is one of the tags, as a whole and exactly');
        same(await ids({ tag: 'gr%n' }), ['3'], '% is a character like any other');
        same(await ids({ tenantId: 'acme', environment: 'test', tag: 'green' }), ['1'], 'every filter must hold');
        same(await ids({ tenantId: 'acme', tag: 'blueish' }), [], 'no record fits both');
        same(await ids({ tenantId: 'acme', limit: 1 }), ['2', '1'], 'filters hold on every page');
      },
    ));

    it('filters by slot', withRecords(
      [plainRecord('1', { tenantId: 'acme', slot: 'primary' }), plainRecord('2', { tenantId: 'acme', slot: 'secondary' }), plainRecord('3', { tenantId: 'other', slot: 'primary' }), plainRecord('4', { tenantId: 'acme', tags: ['primary'] })],
      async (ids) => {
        same(await ids({ slot: 'primary' }), ['3', '1'], 'records with this slot, of every tenant');
        same(await ids({ slot: 'secondary', tenantId: 'acme' }), ['2'], 'slot and tenant must both hold');
        same(await ids({ slot: 'secondary', tenantId: 'other' }), [], 'no record fits both');
      },
    ));

    it('leaves deleted records out, or gives nothing else', withStore(async (store) => {
      const deleted = [{ ...fullRecord('full'), deletedAt: 4_102_444_800_001 }, plainRecord('gone', { deletedAt: 0, revokedAt: 5 })];
      for (const record of [...deleted, plainRecord('here')]) await store.insert(record);
      const ids = async (query: Partial<KeyQuery>): Promise<string[]> => (await walk(store, { ...ALL, ...query })).ids;
      same(await ids({}), ['here'], 'without `deleted` they are not listed');
      same(await ids({ deleted: false }), ['here'], 'nor with `deleted: false`');
      same(await ids({ deleted: true }), ['full', 'gone'], '`deleted: true` lists them and no others');
      same(await ids({ deleted: true, limit: 1 }), ['full', 'gone'], 'on every page');
      same(await ids({ deleted: true, status: 'revoked', environment: 'live' }), ['gone'], 'all other filters hold beside it');
      same(await ids({ search: 'gone' }), [], 'a search does not find them either');
      for (const record of deleted) {
        same(await store.find({ by: 'id', id: record.id }), record, 'find finds them by id, with every field');
        same(await store.find({ by: 'hash', hashes: [record.hash] }), record, 'and by hash');
      }
      same(await store.insert(plainRecord('gone', { hash: 'sha256:other' })), 'conflict', 'until it is removed, a deleted record keeps its id');
      await store.update('gone', 1, { deletedAt: undefined });
      same(await ids({}), ['here', 'gone'], 'a record that is deleted no more is listed');
    }));

    it('filters by the status that statusOf derives at `now`', async () => {
      const times = [undefined, 999, 1_000, 1_001];
      const matrix = times.flatMap((notBefore) => times.flatMap((expiresAt) => [undefined, 1_000].flatMap((graceExpiresAt) => [undefined, 1].flatMap((disabledAt) => [undefined, 1].map((revokedAt) => ({ notBefore, expiresAt, graceExpiresAt, disabledAt, revokedAt }))))));
      const records = matrix.map((fields, index) => plainRecord(`key-${String(index)}`, Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))));
      await withRecords(records, async (ids) => {
        for (const status of STATUSES) {
          const expected = records.filter((record) => statusOf(record, ALL.now) === status).map(({ id }) => id);
          same((await ids({ status })).sort(), expected.sort(), `status '${status}' is what statusOf says: ends are exclusive, beginnings inclusive, revoked before disabled before expired before scheduled`);
          same((await ids({ status, limit: 7 })).sort(), expected, `status '${status}' holds on every page`);
        }
      })();
    });

    it('searches in id, name, tenant id and owner id, upper and lower case alike', withRecords(
      [
        plainRecord('id-Needle', { name: 'one' }),
        plainRecord('2', { name: 'A NEEDLE here', metadata: { needle: 'no' } }),
        plainRecord('3', { tenantId: 'needles', name: 'three' }),
        plainRecord('4', { owner: { type: 'org', id: 'xneedle' }, name: 'four' }),
        plainRecord('5', { metadata: { x: 'needle' }, tags: ['needle'], hash: 'sha256:needle', plan: 'needle', name: 'nee', tenantId: 'dle' }),
        plainRecord('6', { name: '100% of_a\\b [x] \'q\' "d" ÄÖ' }),
        plainRecord('7', { name: '1000 ofXa/b x q d' }),
      ],
      async (ids) => {
        same(await ids({ search: 'nEEDle' }), ['id-Needle', '4', '3', '2'], 'exactly the records with it in one of these four fields; hashes, tags and metadata are not searched');
        for (const literal of ['0%', 'f_a', 'a\\b', '[X]', "'q'", '"d"', 'äö']) same(await ids({ search: literal }), ['6'], `a search for ${literal} takes every character literally, case apart`);
        same(await ids({ search: '%' }), ['6'], 'a lone % is no wildcard');
        same(await ids({ search: "' OR 1=1 --" }), [], 'a search is a text, not a piece of a query');
        same(await ids({ search: 'needle', tenantId: 'needles' }), ['3'], 'search and filters hold together');
      },
    ));
  });

  describe('paging', () => {
    it('visits every record once, whatever the size of a page', withStore(async (store) => {
      const expected = Array.from({ length: 12 }, (_, index) => `key-${String(index).padStart(2, '0')}`);
      for (const [index, id] of expected.entries()) await store.insert(plainRecord(id, { createdAt: Math.floor(index / 5) }));
      for (const limit of [1, 2, 3, 5, 11, 12, 13, 500]) {
        same((await walk(store, { ...ALL, limit })).ids, [...expected].reverse(), `pages of ${String(limit)} make up the whole list`);
      }
      same((await walk(store, { ...ALL, limit: 6 })).pages, 2, 'twelve records are two pages of six: the last full page has no nextCursor');
    }));

    it('neither repeats nor hides a record when keys come and go between two pages', withStore(async (store) => {
      for (const id of ['a', 'b', 'c', 'd', 'e']) await store.insert(plainRecord(id, { createdAt: 10 }));
      const first = await store.list({ ...ALL, limit: 2 });
      same(first.records.map(({ id }) => id), ['e', 'd'], 'the first page');
      await store.insert(plainRecord('newer', { createdAt: 11 }));
      await store.insert(plainRecord('f', { createdAt: 10 }));
      await store.insert(plainRecord('older', { createdAt: 9 }));
      await store.delete('d');
      await store.delete('b');
      const cursor = first.nextCursor ?? 'missing';
      same((await walk(store, { ...ALL, limit: 2, cursor })).ids, ['c', 'a', 'older'], 'the rest, though the last record of the page before has gone');
    }));

    it('answers an unreadable cursor with an empty page', withStore(async (store) => {
      for (const id of ['a', 'b', 'c']) await store.insert(plainRecord(id));
      for (const cursor of ['', 'x', '!!!', 'e30', 'bnVsbA', "' OR 1=1 --", '\u{1f511}', 'a'.repeat(10_000)]) {
        same(await store.list({ ...ALL, limit: 1, cursor }), { records: [] }, `cursor ${JSON.stringify(cursor.slice(0, 20))}: no record and no nextCursor, rather than the first page again`);
      }
    }));
  });
}
