import { deepFreeze } from '../core/freeze.js';
import type { KeyLookup, KeyPage, KeyQuery, KeyStore } from '../core/ports.js';
import { statusOf, type KeyChanges, type KeyRecord } from '../core/record.js';

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
  const idOfSlot = new Map<string, string>();

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
    if (record.slot !== undefined) idOfSlot.set(slotOf(record), record.id);
    return record;
  };
  /** What stands in a record's way, once `leaving` has given up its slot. */
  const obstacle = (record: KeyRecord, leaving?: string): 'conflict' | 'slot_taken' | undefined => {
    if (byId.has(record.id) || idOfHash.has(record.hash)) return 'conflict';
    const holder = record.slot === undefined ? undefined : idOfSlot.get(slotOf(record));
    return holder === undefined || holder === leaving ? undefined : 'slot_taken';
  };
  const drop = (record: KeyRecord): void => {
    idOfHash.delete(record.hash);
    if (record.slot !== undefined) idOfSlot.delete(slotOf(record));
  };
  const change = (before: KeyRecord, changes: KeyChanges): KeyRecord => {
    const merged = { ...before, ...structuredClone(changes), version: before.version + 1 };
    drop(before);
    return keep(withoutEmpty({ ...merged }));
  };

  return {
    insert(record) {
      const refusal = obstacle(record);
      if (refusal === undefined) keep(deepFreeze(structuredClone(record)));
      return refusal ?? 'inserted';
    },
    find,
    update(id, version, changes) {
      const before = byId.get(id);
      return before?.version === version ? change(before, changes) : undefined;
    },
    replace(id, version, changes, successor) {
      const before = byId.get(id);
      if (before?.version !== version) return 'changed';
      const givesUp = 'slot' in changes;
      const refusal = obstacle(successor, givesUp ? id : undefined);
      if (refusal !== undefined) return refusal;
      change(before, changes);
      keep(deepFreeze(structuredClone(successor)));
      return 'inserted';
    },
    delete(id) {
      const record = byId.get(id);
      if (record !== undefined) drop(record);
      return byId.delete(id);
    },
    list: (query) => pageOf([...byId.values()].filter((record) => fits(record, query)), query),
    touch(uses) {
      for (const { id, at, ip } of uses) {
        const record = byId.get(id);
        if (record === undefined || at <= (record.lastUsedAt ?? -1)) continue;
        byId.set(id, Object.freeze({ ...record, lastUsedAt: at, ...(ip !== undefined && { lastUsedIp: ip }) }));
      }
    },
  };
}

/** What a slot is unique in. */
const slotOf = ({ tenantId, environment, slot }: KeyRecord): string => JSON.stringify([tenantId, environment, slot]);

/** `undefined` and `null` clear a field. */
function withoutEmpty(record: { readonly [field: string]: unknown }): KeyRecord {
  const set = Object.entries(record).filter(([, value]) => value !== undefined && value !== null);
  return deepFreeze(Object.fromEntries(set)) as unknown as KeyRecord;
}

function fits(record: KeyRecord, query: KeyQuery): boolean {
  const { tenantId, owner, environment, tag, slot, deleted = false, status, search, now } = query;
  return (
    (record.deletedAt !== undefined) === deleted &&
    (tenantId === undefined || record.tenantId === tenantId) &&
    (owner === undefined || (record.owner?.type === owner.type && record.owner.id === owner.id)) &&
    (environment === undefined || record.environment === environment) &&
    (tag === undefined || record.tags?.includes(tag) === true) &&
    (slot === undefined || record.slot === slot) &&
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
