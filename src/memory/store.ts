import { deepFreeze } from '../core/freeze.js';
import type { KeyLookup, KeyPage, KeyQuery, KeySort, KeyStore } from '../core/ports.js';
import { changed, statusOf, type KeyRecord } from '../core/record.js';

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
  const change = (before: KeyRecord, after: KeyRecord): KeyRecord => {
    drop(before);
    return keep(after);
  };

  return {
    insert(record) {
      const refusal = obstacle(record);
      if (refusal === undefined) keep(own(record));
      return refusal ?? 'inserted';
    },
    find,
    update(id, version, changes) {
      const before = byId.get(id);
      return before?.version === version ? change(before, own(changed(before, changes))) : undefined;
    },
    replace(id, version, changes, successor) {
      const before = byId.get(id);
      if (before?.version !== version) return 'changed';
      const refusal = obstacle(successor, 'slot' in changes ? id : undefined);
      if (refusal !== undefined) return refusal;
      // What may fail comes first: both are kept, or neither.
      const [after, next] = [own(changed(before, changes)), own(successor)];
      change(before, after);
      keep(next);
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

/** A copy that nobody can change. */
const own = (record: KeyRecord): KeyRecord => deepFreeze(structuredClone(record));

/** What a slot is unique in. */
const slotOf = ({ tenantId, environment, slot }: KeyRecord): string => JSON.stringify([tenantId, environment, slot]);

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

const NEWEST_FIRST: KeySort = { by: 'createdAt', direction: 'desc' };

/** Where a record stands in an order. */
interface Position {
  readonly value: string | number | undefined;
  readonly id: string;
}

/** A cursor is the position of the page's last record, so that later inserts neither repeat nor hide one. */
function pageOf(records: readonly KeyRecord[], { cursor, limit, sort = NEWEST_FIRST }: KeyQuery): KeyPage {
  const compare = orderOf(sort);
  const placed = records.map((record) => ({ record, value: record[sort.by], id: record.id })).sort(compare);
  const after = cursor === undefined ? undefined : readCursor(cursor, sort);
  const rest = after === undefined ? placed : after === 'unreadable' ? [] : placed.filter((place) => compare(place, after) > 0);
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  const found = page.map(({ record }) => record);
  if (last === undefined || rest.length <= limit) return { records: found };
  return { records: found, nextCursor: Buffer.from(JSON.stringify([sort.by, sort.direction, last.value ?? null, last.id])).toString('base64url') };
}

function orderOf({ direction }: KeySort): (a: Position, b: Position) => number {
  const before = direction === 'asc' ? -1 : 1;
  return (a, b) => {
    if (a.value === b.value) return a.id === b.id ? 0 : a.id < b.id ? before : -before;
    // Last, whichever way.
    if (a.value === undefined || b.value === undefined) return a.value === undefined ? 1 : -1;
    return a.value < b.value ? before : -before;
  };
}

/** The position that a cursor of this order names. */
function readCursor(cursor: string, sort: KeySort): Position | 'unreadable' {
  try {
    const [by, direction, value, id] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];
    const fitting = value === null || typeof value === (sort.by === 'name' ? 'string' : 'number');
    if (by === sort.by && direction === sort.direction && fitting && typeof id === 'string') return { value: (value as Position['value'] | null) ?? undefined, id };
  } catch {
    // Not one of ours.
  }
  return 'unreadable';
}
