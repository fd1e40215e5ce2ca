import { describe, expect, it } from '@jest/globals';
import { memoryStore } from '../src/memory/store.js';
import type { KeyLookup, KeyPage, KeyQuery, KeyStore, KeyUse } from '../src/core/ports.js';
import { changed, type KeyRecord } from '../src/core/record.js';
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
  replace: async (...args) => (await later(), store.replace(...args)),
  delete: async (id) => (await later(), store.delete(id)),
  list: async (query) => (await later(), store.list(query)),
  touch: async (uses) => (await later(), store.touch(uses)),
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
  ['a filter is forgotten: slot', /filters by slot/, (store) => ({ list: ({ slot: _slot, ...query }) => store.list(query) })],
  ['deleted records are listed', /leaves deleted records out/, (store) => ({ list: (query) => (query.deleted === true ? store.list(query) : both(store, query)) })],
  ['`deleted: true` lists all', /leaves deleted records out/, (store) => ({ list: (query) => (query.deleted === true ? both(store, query) : store.list(query)) })],
  ['deleted records cannot be found', /leaves deleted records out/, (_store, find) => ({ find: (lookup) => { const found = find(lookup); return found?.deletedAt === undefined ? found : undefined; } })],
  ['sort is forgotten', /goes by name/, (store) => ({ list: ({ sort: _sort, ...query }) => store.list(query) })],
  ['sort knows no direction', /goes by expiresAt/, (store) => ({ list: ({ sort, ...query }) => store.list({ ...query, ...(sort && { sort: { ...sort, direction: 'asc' } }) }) })],
  ['sort puts records without the value first', /goes by lastUsedAt/, (store) => ({ list: (query) => sortedBy(store, query, (value) => value ?? -1) })],
  ['sort compares numbers as texts', /goes by createdAt/, (store) => ({ list: (query) => sortedBy(store, query, (value) => String(value ?? '~')) })],
  ['sort takes texts without case', /goes by name/, (store) => ({ list: (query) => sortedBy(store, query, (value) => (typeof value === 'string' ? value.toLowerCase() : (value ?? 9e15))) })],
  ['a full page always has a next one', /whatever the size/, (store) => ({ list: (query) => { const page = store.list(query); return page.records.length < query.limit ? page : { ...page, nextCursor: page.nextCursor ?? Buffer.from('-1:').toString('base64url') }; } })],
  ['a cursor is a number of records to skip', /come and go/, (store) => ({ list: (query) => offset(store, query) })],
  ['an unreadable cursor gives the first page', /unreadable cursor/, (store) => ({ list: (query) => { const page = store.list(query); const { cursor: _cursor, ...first } = query; return page.records.length > 0 ? page : store.list(first); } })],
  ['an unreadable cursor is an exception', /unreadable cursor/, (store) => ({ list: (query) => { if (query.cursor === 'x') throw new SyntaxError('cursor'); return store.list(query); } })],
];

/** One way each to get slots, `replace` and `touch` wrong. */
const LIFECYCLE_MISTAKES: typeof MISTAKES = [
  ['a slot is let in twice', /slot_taken/, (store) => ({ insert: (record) => (store.insert(record) === 'slot_taken' ? store.insert(without(record, 'slot')) : store.insert(record)) })],
  ['a taken slot is a conflict', /slot_taken/, (store) => ({ insert: (record) => { const answer = store.insert(record); return answer === 'slot_taken' ? 'conflict' : answer; } })],
  ['a taken slot is an exception', /slot_taken/, (store) => ({ insert: (record) => { const answer = store.insert(record); if (answer === 'slot_taken') throw new Error('UNIQUE'); return answer; } })],
  ['a slot is unique among all tenants', /slot_taken/, (store) => ({ insert: (record) => (held(store, record, 'tenantId') ? 'slot_taken' : store.insert(record)) })],
  ['a slot is unique among all environments', /slot_taken/, (store) => ({ insert: (record) => (held(store, record, 'environment') ? 'slot_taken' : store.insert(record)) })],
  ['a tenant has one slot', /slot_taken/, (store) => ({ insert: (record) => (held(store, record, 'slot') ? 'slot_taken' : store.insert(record)) })],
  ['tenants of slots are told apart without case', /slot_taken/, (store) => ({ insert: (record) => (['ACME', 'acme'].some((tenantId) => record.tenantId?.toUpperCase() === 'ACME' && held(store, { ...record, tenantId })) ? 'slot_taken' : store.insert(record)) })],
  ['only active records have a slot', /whatever the status/, (store) => ({ insert: (record) => { const holder = held(store, record); if (holder !== undefined && (holder.disabledAt ?? holder.expiresAt ?? holder.notBefore) !== undefined) store.delete(holder.id); return store.insert(record); } })],
  ['a cleared slot stays taken', /free again/, (store) => ({ update: (id, version, changes) => store.update(id, version, without(changes, 'slot')) })],
  ['a slot that is cleared with null stays taken', /free again/, (store) => ({ update: (id, version, changes) => store.update(id, version, changes.slot === null as unknown ? without(changes, 'slot') : changes) })],
  ['a slot is free after any change', /free again/, (store) => ({ update: (id, version, changes) => store.update(id, version, { ...changes, slot: undefined }) })],
  ['look, wait, claim', /many that claim it/, (store) => ({ insert: async (record) => { if (held(store, record)) return 'slot_taken'; await later(); const holder = held(store, record); if (holder) store.update(holder.id, holder.version, { slot: undefined }); return store.insert(record); } })],
  ['replace changes first and inserts as it may', /replace > answers 'conflict'.*\n.*replace > answers 'slot_taken'/, (store) => ({ replace: (id, version, changes, successor) => (store.update(id, version, changes) ? store.insert(successor) : 'changed') })],
  ['replace inserts first and changes after', /replace > answers 'changed'/, (store) => ({ replace: (id, version, changes, successor) => { const answer = store.insert(successor); return answer !== 'inserted' || store.update(id, version, changes) ? answer : 'changed'; } })],
  ['replace undoes what it has changed, but for the version', /replace > answers 'conflict'/, (store, find) => ({ replace: (id, version, changes, successor) => { const before = find({ by: 'id', id }); if (!store.update(id, version, changes)) return 'changed'; const answer = store.insert(successor); if (answer !== 'inserted' && before) put(store, { ...before, version: version + 2 }); return answer; } })],
  ['replace undoes what it has changed, but for the slot', /replace > answers '(?:conflict|slot_taken)'/, (store, find) => ({ replace: (id, version, changes, successor) => { const before = find({ by: 'id', id }); if (!store.update(id, version, changes)) return 'changed'; const answer = store.insert(successor); if (answer !== 'inserted' && before) put(store, without(before, 'slot')); return answer; } })],
  ['replace in two steps', /nobody slips in between/, (store) => ({ replace: async (id, version, changes, successor) => { if (!store.update(id, version, changes)) return 'changed'; await later(); return store.insert(successor); }, list: async (query) => (await later(), store.list(query)) })],
  ['replace lets go of the slot a moment before', /nobody slips in between/, (store, find) => ({ replace: async (id, version, changes, successor) => { const before = find({ by: 'id', id }); if (before?.version === version) put(store, without(before, 'slot')); await Promise.resolve(); return store.replace(id, version, changes, successor); } })],
  ['replace does not compare the version', /replace > answers 'changed'/, (store, find) => ({ replace: (id, _version, changes, successor) => store.replace(id, find({ by: 'id', id })?.version ?? 0, changes, successor) })],
  ['replace compares, waits and replaces', /happens once, however many ask for it together, and nobody/, (store, find) => ({ replace: async (id, version, changes, successor) => { if (find({ by: 'id', id })?.version !== version) return 'changed'; await later(); return store.replace(id, find({ by: 'id', id })?.version ?? 0, changes, successor); } })],
  ['replace calls a record that has gone a conflict', /replace > answers 'changed'/, (store, find) => ({ replace: (id, version, changes, successor) => (find({ by: 'id', id }) ? store.replace(id, version, changes, successor) : 'conflict') })],
  ['replace lets an equal hash in', /replace > answers 'conflict'/, (store) => ({ replace: (id, version, changes, successor) => { const answer = store.replace(id, version, changes, successor); return answer === 'conflict' ? store.replace(id, version, changes, { ...successor, hash: `${successor.hash}!` }) : answer; } })],
  ['replace ends the first record alone', /changes one record and inserts/, (store) => ({ replace: (id, version, changes) => (store.update(id, version, changes) ? 'inserted' : 'changed') })],
  ['replace changes nothing but the slot', /changes one record and inserts/, (store) => ({ replace: (id, version, changes, successor) => store.replace(id, version, 'slot' in changes ? { slot: undefined } : {}, successor) })],
  ['replace leaves the version as it is', /changes one record and inserts/, (store, find) => ({ replace: (id, version, changes, successor) => { const answer = store.replace(id, version, changes, successor); const after = find({ by: 'id', id }); if (answer === 'inserted' && after) put(store, { ...after, version }); return answer; } })],
  ['replace does not clear with null', /hands the slot|changes one record/, (store) => ({ replace: (id, version, changes, successor) => store.replace(id, version, Object.fromEntries(Object.entries(changes as object).filter(([, value]) => value !== null)), successor) })],
  ['the successor does not get the slot', /changes one record|hands the slot/, (store) => ({ replace: (id, version, changes, successor) => store.replace(id, version, changes, without(successor, 'slot')) })],
  ['a slot may be claimed though its holder keeps it', /replace > answers 'slot_taken'/, (store) => ({ replace: (id, version, changes, successor) => store.replace(id, version, { slot: undefined, ...changes }, successor) })],
  ['touch adds to the version', /touch > notes when/, (store, find) => ({ touch: (uses) => { for (const use of uses) { const record = find({ by: 'id', id: use.id }); if (record && use.at > (record.lastUsedAt ?? -1)) store.update(record.id, record.version, noted(use)); } } })],
  ['touch adds to the time of change', /touch > notes when/, touching((record, use) => ({ ...record, ...noted(use), updatedAt: use.at }))],
  ['touch goes back', /never goes back/, touching((record, use) => ({ ...record, ...noted(use) }), () => true)],
  ['touch takes an earlier address', /never goes back/, (store, find) => ({ touch: (uses) => { store.touch(uses); for (const { id, ip } of uses) { const record = find({ by: 'id', id }); if (record && ip !== undefined) put(store, { ...record, lastUsedIp: ip }); } } })],
  ['touch compares times as texts', /never goes back/, touching((record, use) => ({ ...record, ...noted(use) }), (at, before) => String(at) > String(before))],
  ['touch forgets the address', /keeps the address/, touching((record, use) => ({ ...without(record, 'lastUsedIp'), ...noted(use) }))],
  ['touch makes a record of an unknown id', /ids that are not there/, (store, find) => ({ touch: (uses) => { for (const use of uses) if (find({ by: 'id', id: use.id }) === undefined) store.insert({ ...use, hash: use.id } as unknown as KeyRecord); store.touch(uses); } })],
  ['touch throws for an unknown id', /ids that are not there/, (store, find) => ({ touch: (uses) => { for (const use of uses) { if (find({ by: 'id', id: use.id }) === undefined) throw new Error('unknown'); store.touch([use]); } } })],
  ['touch ends at an unknown id', /ids that are not there/, (store, find) => ({ touch: (uses) => { for (const use of uses) { if (find({ by: 'id', id: use.id }) === undefined) return; store.touch([use]); } } })],
  ['touch cannot take many', /ten thousand/, (store) => ({ touch: (uses) => { if (uses.length > 999) throw new Error('too many SQL variables'); store.touch(uses); } })],
  ['update writes back what it has read a while ago', /undone by none/, (store, find) => ({ update: async (id, version, changes) => { const before = find({ by: 'id', id }); if (before?.version !== version) return undefined; await later(); return put(store, changed(before, changes)); } })],
  ['replace writes back what it has read a while ago', /undone by none/, (store, find) => ({ replace: async (id, version, changes, successor) => { const before = find({ by: 'id', id }); await later(); const answer = store.replace(id, version, changes, successor); if (answer === 'inserted' && before) put(store, changed(before, changes)); return answer; } })],
  ['touch holds the record while it writes', /stands in the way/, (store) => { const locked = new Set<string>(); return { touch: async (uses) => { for (const { id } of uses) locked.add(id); await later(); store.touch(uses); locked.clear(); }, update: async (id, version, changes) => { await Promise.resolve(); return locked.has(id) ? undefined : store.update(id, version, changes); } }; }],
];

const without = <T extends object>(value: T, field: string): T => Object.fromEntries(Object.entries(value).filter(([name]) => name !== field)) as T;
const noted = ({ at, ip }: KeyUse): Pick<KeyRecord, 'lastUsedAt' | 'lastUsedIp'> => ({ lastUsedAt: at, ...(ip !== undefined && { lastUsedIp: ip }) });

/** Puts a record in the place of the one with its id. */
function put(store: Sync, record: KeyRecord): KeyRecord {
  store.delete(record.id);
  store.insert(record);
  return record;
}

/** Whoever has the slot that a record claims, when one part of the claim is not looked at. */
function held(store: Sync, record: KeyRecord, ignored?: 'tenantId' | 'environment' | 'slot'): KeyRecord | undefined {
  if (record.slot === undefined) return undefined;
  const same = (other: KeyRecord): boolean => other.slot !== undefined && (['tenantId', 'environment', 'slot'] as const).every((part) => part === ignored || other[part] === record[part]);
  return store.list({ limit: 500, now: 0 }).records.find(same);
}

const both = (store: Sync, query: KeyQuery): KeyPage => ({ records: [false, true].flatMap((deleted) => [...store.list({ ...query, deleted, limit: 500 }).records]) });

/** A `touch` that writes whole records, when `due` says so. */
function touching(write: (record: KeyRecord, use: KeyUse) => KeyRecord, due = (at: number, before: number): boolean => at > before): (store: Sync, find: Find) => Partial<KeyStore> {
  return (store, find) => ({
    touch(uses) {
      for (const use of uses) {
        const record = find({ by: 'id', id: use.id });
        if (record !== undefined && due(use.at, record.lastUsedAt ?? -1)) put(store, write(record, use));
      }
    },
  });
}

const ascii = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
const like = (search: string): RegExp => new RegExp(search.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('%', '.*').replaceAll('_', '.'), 'i');

function filtered(store: Sync, { search, ...query }: KeyQuery, fits: (text: string, search: string, record: KeyRecord) => boolean): KeyPage {
  const page = store.list(query);
  return search === undefined ? page : { records: page.records.filter((record) => fits([record.id, record.name, record.tenantId, record.owner?.id].join('\n'), search, record)) };
}

/** One page of all records, in an order by what `key` makes of their values. */
function sortedBy(store: Sync, { sort, ...query }: KeyQuery, key: (value: string | number | undefined) => string | number): KeyPage {
  if (sort === undefined || query.cursor !== undefined) return store.list({ ...query, ...(sort && { sort }) });
  const sign = sort.direction === 'asc' ? 1 : -1;
  const compare = (a: KeyRecord, b: KeyRecord): number => {
    const [left, right] = [key(a[sort.by]), key(b[sort.by])];
    return sign * (left === right ? (a.id < b.id ? -1 : 1) : left < right ? -1 : 1);
  };
  return { records: [...store.list({ ...query, limit: 500 }).records].sort(compare) };
}

function offset(store: Sync, { cursor = '0', ...query }: KeyQuery): KeyPage {
  const { records } = store.list({ ...query, limit: 500 });
  const end = Number(cursor) + query.limit;
  return { records: records.slice(Number(cursor), end), ...(records.length > end && { nextCursor: String(end) }) };
}

describe('the store contract notices', () => {
  it.each([...MISTAKES, ...LIFECYCLE_MISTAKES])('%s', async (_mistake, noticed, make) => {
    const broken = (): KeyStore => {
      const store = memoryStore() as Sync;
      return { ...store, ...make(store, (lookup) => store.find(lookup) ?? undefined) };
    };
    expect((await failures(broken)).join('\n')).toMatch(noticed);
  });

  it.each([
    ['insert keeps', /insert > keeps its own copy[^]*update > keeps its own copy[^]*replace > keeps its own copy/, { in: false, out: true }],
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
    replace(id, version, changes, successor) {
      records.set(id, { ...records.get(id), ...kept(changes), version: version + 1 } as KeyRecord);
      records.set(successor.id, kept(successor));
      return 'inserted';
    },
    delete: (id) => records.delete(id),
    touch: () => undefined,
    list: () => given({ records: [...records.values()] }),
  };
}
