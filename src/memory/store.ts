import { deepFreeze } from '../core/freeze.js';
import type { KeyLookup, KeyPage, KeyQuery, KeyStore } from '../core/ports.js';
import { statusOf, type KeyRecord } from '../core/record.js';

/**
 * A store in this process's memory: the default, and the one for unit tests. Everything is gone when the process ends.
 * Every method answers at once, and records come out frozen.
 *
 * @example
 * ```ts
 * const keyring = createKeyring({ prefix: 'awx', store: memoryStore() });
 * ```
 */
export function memoryStore(): KeyStore {
  const byId = new Map<string, KeyRecord>();
  const idOfHash = new Map<string, string>();

  const find = (lookup: KeyLookup): KeyRecord | undefined => {
    if (lookup.by === 'id') return byId.get(lookup.id);
    for (const hash of lookup.hashes) {
      const id = idOfHash.get(hash);
      if (id !== undefined) return byId.get(id);
    }
    return undefined;
  };
  const keep = (record: KeyRecord): KeyRecord => {
    byId.set(record.id, record);
    idOfHash.set(record.hash, record.id);
    return record;
  };

  return {
    insert(record) {
      if (byId.has(record.id) || idOfHash.has(record.hash)) return 'conflict';
      keep(deepFreeze(structuredClone(record)));
      return 'inserted';
    },
    find,
    update(id, version, changes) {
      const before = byId.get(id);
      if (before?.version !== version) return undefined;
      const merged = { ...before, ...structuredClone(changes), version: version + 1 };
      const set = Object.entries<unknown>(merged).filter(([, value]) => value !== undefined && value !== null);
      const after = Object.fromEntries(set) as unknown as KeyRecord;
      if (after.hash !== before.hash) idOfHash.delete(before.hash);
      return keep(deepFreeze(after));
    },
    delete(id) {
      const record = byId.get(id);
      if (record !== undefined) idOfHash.delete(record.hash);
      return byId.delete(id);
    },
    list: (query) => pageOf([...byId.values()].filter((record) => fits(record, query)), query),
  };
}

function fits(record: KeyRecord, query: KeyQuery): boolean {
  const { tenantId, owner, environment, tag, status, search, now } = query;
  return (
    (tenantId === undefined || record.tenantId === tenantId) &&
    (owner === undefined || (record.owner?.type === owner.type && record.owner.id === owner.id)) &&
    (environment === undefined || record.environment === environment) &&
    (tag === undefined || record.tags?.includes(tag) === true) &&
    (status === undefined || statusOf(record, now) === status) &&
    (search === undefined || searched(record).includes(search.toLowerCase()))
  );
}

/** The texts a search looks in, apart by a character that none of them can hold. */
const searched = (record: KeyRecord): string => [record.id, record.name, record.tenantId, record.owner?.id].join('\n').toLowerCase();

/** A cursor is the position of the page's last record, so that later inserts neither repeat nor hide one. */
function pageOf(records: KeyRecord[], { cursor, limit }: KeyQuery): KeyPage {
  records.sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1));
  const after = cursor === undefined ? undefined : position(cursor);
  const rest = after === undefined ? records : records.filter(({ createdAt, id }) => createdAt < after.createdAt || (createdAt === after.createdAt && id < after.id));
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  if (last === undefined || rest.length <= limit) return { records: page };
  return { records: page, nextCursor: Buffer.from(`${String(last.createdAt)}:${last.id}`).toString('base64url') };
}

/** An unreadable cursor is a position before everything: an empty page, no exception. */
function position(cursor: string): { readonly createdAt: number; readonly id: string } {
  const [, createdAt = '-1', id = ''] = /^(\d+):(.*)$/s.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  return { createdAt: Number(createdAt), id };
}
