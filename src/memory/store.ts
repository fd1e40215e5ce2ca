import { deepFreeze } from '../core/freeze.js';
import { fits, pageOf, slotOf } from '../core/key-pages.js';
import type { KeyLookup, KeyStore } from '../core/ports.js';
import { changed, type KeyRecord } from '../core/record.js';

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
