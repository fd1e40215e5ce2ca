import { isPromise } from './awaitable.js';
import type { KeyCache } from './cache.js';
import { endOf } from './cache.js';
import { compileEntry, type EntryContext } from './compile-entry.js';
import type { KeyEntry } from './entry.js';
import { storeUnavailable } from './errors.js';
import type { GuardedStore } from './guarded-store.js';
import type { Lookup } from './lookup.js';
import type { Awaitable } from './ports.js';
import type { LookupFailure } from './proof.js';
import type { KeyRecord } from './record.js';

export interface IdLookupSettings {
  readonly store: Pick<GuardedStore, 'get'>;
  readonly cache: KeyCache;
  readonly context: EntryContext;
}

/** A record being read; `stale` when it has been changed since. */
interface Reading {
  stale: boolean;
  found: Awaitable<KeyEntry | LookupFailure>;
}

const MAX_ROUNDS = 5;

/**
 * Finds keys by their public id, for a caller whose right to one has been proven by something else than its secret: a token
 * that was exchanged for it. Otherwise a `Lookup` like that of presented keys: what is changed here is forgotten at once.
 */
export function createIdLookup({ store, cache, context }: IdLookupSettings): Lookup {
  const underWay = new Map<string, Reading>();
  let generation = 0;

  const read = (id: string, reading: Reading, now: number, round: number): Awaitable<KeyEntry | LookupFailure> => {
    reading.stale = false;
    const done = (record: KeyRecord | undefined): Awaitable<KeyEntry | LookupFailure> => {
      if (reading.stale) {
        if (round >= MAX_ROUNDS) throw storeUnavailable('the key is being changed too often to be read');
        return read(id, reading, now, round + 1);
      }
      if (record === undefined || record.deletedAt !== undefined) return 'unknown';
      const entry = compileEntry(record, context, now, generation);
      cache.set(id, id, entry);
      return entry;
    };
    const found = store.get(id);
    return isPromise(found) ? found.then(done) : done(found);
  };

  return {
    known(id, now) {
      const held = cache.at(endOf(id));
      if (held?.digest === id) return cache.use(held, now);
      const other = cache.at(id);
      return other && cache.use(other, now);
    },
    load(id, _mayTry, now) {
      const running = underWay.get(id);
      if (running !== undefined) return running.found;
      const reading: Reading = { stale: false, found: 'unknown' };
      const found = read(id, reading, now, 0);
      if (!isPromise(found)) return found;
      reading.found = found;
      underWay.set(id, reading);
      const settled = (): boolean => underWay.delete(id);
      found.then(settled, settled);
      return found;
    },
    generation: () => generation,
    forget(id) {
      generation++;
      cache.forget(id);
      const reading = underWay.get(id);
      if (reading !== undefined) reading.stale = true;
    },
    forgetAll() {
      generation++;
      cache.clear();
      for (const reading of underWay.values()) reading.stale = true;
    },
  };
}
