import { describe, expect, it } from '@jest/globals';
import { memoryStore } from '../src/memory/store.js';
import type { KeyLookup, KeyPage, KeyQuery, KeyStore } from '../src/core/ports.js';
import type { KeyRecord } from '../src/core/record.js';
import { storeContract } from '../src/testing/store-contract.js';

/** The names of the tests that fail. Another runner than Jest, and as plain as one can be. */
async function failures(make: () => KeyStore, closed?: () => void): Promise<string[]> {
  const tests: { name: string; run: () => void | Promise<void> }[] = [];
  const names: string[] = [];
  const runner = {
    describe(name: string, define: () => void) {
      names.push(name);
      define();
      names.pop();
    },
    it: (name: string, run: () => void | Promise<void>) => void tests.push({ name: [...names, name].join(' > '), run }),
  };
  storeContract(runner, async () => ({ store: make(), ...(closed && { close: async () => closed() }) }));
  expect(tests.length).toBeGreaterThan(20);
  const failed: string[] = [];
  for (const { name, run } of tests) {
    try {
      await run();
    } catch {
      failed.push(name);
    }
  }
  return failed;
}

const later = async (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const slow = (store: KeyStore): KeyStore => ({
  insert: async (record) => (await later(), store.insert(record)),
  find: async (lookup) => (await later(), (await store.find(lookup)) ?? null),
  update: async (...args) => (await later(), (await store.update(...args)) ?? null),
  delete: async (id) => (await later(), store.delete(id)),
  list: async (query) => (await later(), store.list(query)),
});

describe('the store contract', () => {
  it('is kept by a store that answers later, and with null', async () => {
    expect(await failures(() => slow(memoryStore()))).toEqual([]);
  });

  it('closes every store that it asked for', async () => {
    let [made, closed] = [0, 0];
    await failures(() => (made++, memoryStore()), () => void closed++);
    expect(made).toBeGreaterThan(20);
    expect(closed).toBe(made);
    await failures(() => ({ ...memoryStore(), insert: () => Promise.reject(new Error('down')) }), () => void closed++);
    expect(closed).toBe(2 * made);
  });
});

type Sync = { [K in keyof KeyStore]: (...args: Parameters<KeyStore[K]>) => Awaited<ReturnType<KeyStore[K]>> };
type Find = (lookup: KeyLookup) => KeyRecord | undefined;

/** One way each to get a store wrong, and a test that must notice. */
const MISTAKES: readonly (readonly [mistake: string, noticed: RegExp, make: (store: Sync, find: Find) => Partial<KeyStore>])[] = [
  ['an id that is taken is overwritten', /id that is taken/, (store) => ({ insert: (record) => (store.delete(record.id), store.insert(record)) })],
  ['an equal hash is let in', /hash that is taken/, (store) => ({ insert: (record) => (store.insert(record), 'inserted') })],
  ['a conflict is an exception', /that is taken/, (store) => ({ insert: (record) => { if (store.insert(record) === 'conflict') throw new Error('UNIQUE'); return 'inserted'; } })],
  ['check, wait, insert', /simultaneous records/, (store, find) => ({ insert: async (record) => { if (find({ by: 'id', id: record.id })) return 'conflict'; await later(); store.delete(record.id); return store.insert(record); } })],
  ['ids are found whatever their case', /tells ids and hashes apart|none/, (store, find) => ({ find: (lookup) => find(lookup.by === 'id' ? { by: 'id', id: lookup.id.toLowerCase() } : lookup) })],
  ['blanks at the end of an id do not count', /none/, (store, find) => ({ find: (lookup) => find(lookup.by === 'id' ? { by: 'id', id: lookup.id.trimEnd() } : lookup) })],
  ['only the first hash is looked up', /several hashes/, (store, find) => ({ find: (lookup) => find(lookup.by === 'id' ? lookup : { by: 'hash', hashes: lookup.hashes.slice(0, 1) }) })],
  ['a hash is looked up as an id', /none/, (store, find) => ({ find: (lookup) => find(lookup) ?? (lookup.by === 'id' ? find({ by: 'hash', hashes: [lookup.id] }) : undefined) })],
  ['absent fields come back as null', /exactly as it is/, (store, find) => ({ find: (lookup) => { const found = find(lookup); return found && ({ plan: null, ...found } as unknown as KeyRecord); } })],
  ['texts are cut', /exactly as it is/, (store) => ({ insert: (record) => store.insert({ ...record, ...(record.metadata && { metadata: { ...record.metadata, long: JSON.stringify(record.metadata['long']).slice(0, 255) } }) }) })],
  ['times are 32-bit', /exactly as it is|newest first/, (store) => ({ insert: (record) => store.insert({ ...record, createdAt: record.createdAt | 0 }) })],
  ['list leaves fields out', /exactly as it is/, (store) => ({ list: (query) => ({ ...store.list(query), records: store.list(query).records.map(({ metadata: _metadata, ...rest }) => rest) }) })],
  ['the version is not compared', /unless the version|exactly one/, (store, find) => ({ update: (id, _version, changes) => store.update(id, find({ by: 'id', id })?.version ?? 0, changes) })],
  ['compare, wait, update', /exactly one|loses no change/, (store, find) => ({ update: async (id, version, changes) => { if (find({ by: 'id', id })?.version !== version) return undefined; await later(); return store.update(id, find({ by: 'id', id })?.version ?? 0, changes); } })],
  ['null does not clear', /clears a field/, (store) => ({ update: (id, version, changes) => store.update(id, version, Object.fromEntries(Object.entries(changes as object).filter(([, value]) => value !== null))) })],
  ['undefined does not clear', /clears a field/, (store) => ({ update: (id, version, changes) => store.update(id, version, Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined))) })],
  ['objects are merged', /sets fields/, (store, find) => ({ update: (id, version, changes) => store.update(id, version, changes.metadata ? { ...changes, metadata: { ...find({ by: 'id', id })?.metadata, ...changes.metadata } } : changes) })],
  ['update answers with the record before it', /sets fields/, (store, find) => ({ update: (id, version, changes) => { const before = find({ by: 'id', id }); return store.update(id, version, changes) && before; } })],
  ['an unknown record is made by update', /unless the version/, (store, find) => ({ update: (id, version, changes) => find({ by: 'id', id }) === undefined ? ({ id, version, ...changes } as unknown as KeyRecord) : store.update(id, version, changes) })],
  ['delete always answers true', /says whether it was there/, (store) => ({ delete: (id) => (store.delete(id), true) })],
  ['check, wait, delete', /happens once/, (store, find) => ({ delete: async (id) => { const there = find({ by: 'id', id }) !== undefined; await later(); store.delete(id); return there; } })],
  ['oldest first', /newest/, (store) => ({ list: (query) => ({ ...store.list(query), records: [...store.list(query).records].reverse() }) })],
  ['a filter is forgotten: tenant', /filters by tenant/, (store) => ({ list: ({ tenantId: _tenantId, ...query }) => store.list(query) })],
  ['a filter is forgotten: owner', /filters by tenant/, (store) => ({ list: ({ owner: _owner, ...query }) => store.list(query) })],
  ['a filter is forgotten: environment', /filters by tenant/, (store) => ({ list: ({ environment: _environment, ...query }) => store.list(query) })],
  ['a filter is forgotten: tag', /filters by tenant/, (store) => ({ list: ({ tag: _tag, ...query }) => store.list(query) })],
  ['a filter is forgotten: status', /filters by the status/, (store) => ({ list: ({ status: _status, ...query }) => store.list(query) })],
  ['status is derived at another time', /filters by the status/, (store) => ({ list: (query) => store.list({ ...query, now: query.now + 1 }) })],
  ['search tells upper from lower case', /searches in/, (store) => ({ list: (query) => filtered(store, query, (text, search) => text.includes(search)) })],
  ['search knows only ASCII letters', /searches in/, (store) => ({ list: (query) => filtered(store, query, (text, search) => ascii(text).includes(ascii(search))) })],
  ['search knows wildcards', /searches in/, (store) => ({ list: (query) => filtered(store, query, (text, search) => like(search).test(text)) })],
  ['search looks at tags too', /searches in/, (store) => ({ list: (query) => filtered(store, query, (text, search, record) => `${text}\n${(record.tags ?? []).join('\n')}`.toLowerCase().includes(search.toLowerCase())) })],
  ['a full page always has a next one', /whatever the size/, (store) => ({ list: (query) => { const page = store.list(query); return page.records.length < query.limit ? page : { ...page, nextCursor: page.nextCursor ?? Buffer.from('-1:').toString('base64url') }; } })],
  ['a cursor is a number of records to skip', /come and go/, (store) => ({ list: (query) => offset(store, query) })],
  ['an unreadable cursor gives the first page', /unreadable cursor/, (store) => ({ list: (query) => { const page = store.list(query); const { cursor: _cursor, ...first } = query; return page.records.length > 0 ? page : store.list(first); } })],
  ['an unreadable cursor is an exception', /unreadable cursor/, (store) => ({ list: (query) => { if (query.cursor === 'x') throw new SyntaxError('cursor'); return store.list(query); } })],
];

const ascii = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
const like = (search: string): RegExp => new RegExp(search.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('%', '.*').replaceAll('_', '.'), 'i');

function filtered(store: Sync, { search, ...query }: KeyQuery, fits: (text: string, search: string, record: KeyRecord) => boolean): KeyPage {
  const page = store.list(query);
  return search === undefined ? page : { records: page.records.filter((record) => fits([record.id, record.name, record.tenantId, record.owner?.id].join('\n'), search, record)) };
}

function offset(store: Sync, { cursor = '0', ...query }: KeyQuery): KeyPage {
  const { records } = store.list({ ...query, limit: 500 });
  const end = Number(cursor) + query.limit;
  return { records: records.slice(Number(cursor), end), ...(records.length > end && { nextCursor: String(end) }) };
}

describe('the store contract notices', () => {
  it.each(MISTAKES)('%s', async (_mistake, noticed, make) => {
    const broken = (): KeyStore => {
      const store = memoryStore() as Sync;
      return { ...store, ...make(store, (lookup) => store.find(lookup) ?? undefined) };
    };
    expect((await failures(broken)).join('\n')).toMatch(noticed);
  });

  it.each([
    ['insert keeps', /keeps its own copy/, { in: false, out: true }],
    ['find gives', /behind its back/, { in: true, out: false }],
  ])('%s no copy', async (_mistake, noticed, copies) => {
    expect((await failures(() => sharing(copies))).join('\n')).toMatch(noticed);
  });
});

/** A store that shares its records with its callers, on the way in or on the way out. */
function sharing(copies: { in: boolean; out: boolean }): KeyStore {
  const records = new Map<string, KeyRecord>();
  const kept = <T>(value: T): T => (copies.in ? structuredClone(value) : value);
  const given = <T>(value: T): T => (copies.out ? structuredClone(value) : value);
  return {
    insert: (record) => (records.set(record.id, kept(record)), 'inserted'),
    find: (lookup) => given([...records.values()].find(({ id, hash }) => (lookup.by === 'id' ? id === lookup.id : lookup.hashes.includes(hash)))),
    update: (id, version, changes) => (records.set(id, { ...records.get(id), ...kept(changes), version: version + 1 } as KeyRecord), given(records.get(id))),
    delete: (id) => records.delete(id),
    list: () => given({ records: [...records.values()] }),
  };
}
