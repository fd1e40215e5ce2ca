import { hash as digestOf } from 'node:crypto';
import { chain, isPromise } from './awaitable.js';
import { endOf, type KeyCache } from './cache.js';
import { compileEntry, type EntryContext } from './compile-entry.js';
import type { KeyEntry } from './entry.js';
import { storeUnavailable } from './errors.js';
import { guarded } from './guarded-store.js';
import type { Awaitable } from './ports.js';
import { createProver, type LookupFailure, type MayTry, type ProverSettings } from './proof.js';
import type { KeyRecord } from './record.js';

export interface Lookup {
  /** What can be told at once: the entry of a key in use, `'malformed'`, or `undefined`: the store must be asked. */
  known(text: string, now: number): KeyEntry | 'malformed' | undefined;
  /** The entry of a key whose secret this text proves, from the store. Rejects with `store_unavailable` on a fault. */
  load(text: string, mayTry: MayTry, now: number): Awaitable<KeyEntry | LookupFailure>;
  /** Must be called before and after every local change: no verification under way keeps the old record. */
  forget(id: string): void;
  /** The same for all keys at once. */
  forgetAll(): void;
  /** Grows with every `forget`. What was read at one number may be outdated at the next, whether a cache holds it or not. */
  generation(): number;
}

export interface LookupSettings extends ProverSettings {
  readonly cache: KeyCache;
  readonly context: EntryContext;
}

/** A look-up under way; `forget` marks those that may have read what has just been changed. */
interface Pending {
  readonly ids: ReadonlySet<string> | undefined;
  stale: boolean;
}

const MAX_ROUNDS = 5;

export function createLookup(settings: LookupSettings): Lookup {
  const { formats, hashes, store, cache, context, deadlineMs, report } = settings;
  const prover = createProver(settings);
  const pending = new Set<Pending>();
  const underWay = new Map<string, PromiseLike<KeyEntry | LookupFailure>>();
  let generation = 0;

  const rehash = (text: string, record: KeyRecord): void => {
    const replaced = guarded(
      () => chain(hashes.hash(text), (hash) => store.update(record.id, record.version, { hash })),
      () => undefined,
      're-hashing',
      deadlineMs,
    );
    if (isPromise(replaced)) replaced.then(undefined, report);
  };

  const compiled = (text: string, digest: string, record: KeyRecord, now: number): KeyEntry => {
    const entry = compileEntry(record, context, now, generation);
    cache.set(text, digest, entry);
    if (hashes.outdated(record.hash)) {
      try {
        rehash(text, record);
      } catch (error) {
        report(error);
      }
    }
    return entry;
  };

  const read = (text: string, digest: string, mayTry: MayTry, now: number, round: number): Awaitable<KeyEntry | LookupFailure> => {
    const all = prover.places(text);
    const mark: Pending = { ids: all.every((place) => place.by === 'id') ? new Set(all.map((place) => place.id)) : undefined, stale: false };
    pending.add(mark);
    const done = (found: KeyRecord | LookupFailure): Awaitable<KeyEntry | LookupFailure> => {
      pending.delete(mark);
      if (mark.stale) {
        if (round >= MAX_ROUNDS) throw storeUnavailable('the key is being changed too often to be read');
        return read(text, digest, mayTry, now, round + 1);
      }
      return typeof found === 'string' ? found : compiled(text, digest, found, now);
    };
    const failed = (error: unknown): never => {
      pending.delete(mark);
      throw error;
    };
    try {
      const found = prover.prove(text, all, mayTry);
      return isPromise(found) ? (found).then(done, failed) : done(found);
    } catch (error) {
      return failed(error);
    }
  };

  return {
    known(text, now) {
      const held = cache.at(endOf(text));
      // A key in use needs no checksum: its digest says more.
      if (held === undefined && !formats.plausible(text)) return 'malformed';
      const digest = digestOf('sha256', text, 'binary');
      if (held?.digest === digest) return cache.use(held, now);
      if (held !== undefined && !formats.plausible(text)) return 'malformed';
      const other = cache.at(digest);
      return other && cache.use(other, now);
    },
    load(text, mayTry, now) {
      const digest = digestOf('sha256', text, 'binary');
      // A crowd that comes with one key, just after a start say, asks the store and the hasher once.
      const running = underWay.get(digest);
      // What another caller may not ask for, this one may.
      if (running !== undefined) return running.then((found) => (found === 'busy' ? read(text, digest, mayTry, now, 0) : found));
      const loading = read(text, digest, mayTry, now, 0);
      if (!isPromise(loading)) return loading;
      const settled = (): boolean => underWay.delete(digest);
      underWay.set(digest, loading);
      loading.then(settled, settled);
      return loading;
    },
    generation: () => generation,
    forget(id) {
      generation++;
      cache.forget(id);
      for (const mark of pending) if (mark.ids === undefined || mark.ids.has(id)) mark.stale = true;
    },
    forgetAll() {
      generation++;
      cache.clear();
      for (const mark of pending) mark.stale = true;
    },
  };
}
