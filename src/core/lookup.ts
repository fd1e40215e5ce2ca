import { hash as digestOf } from 'node:crypto';
import { chain, isPromise } from './awaitable.js';
import type { KeyCache } from './cache.js';
import { compileEntry, type EntryContext } from './compile-entry.js';
import type { KeyEntry } from './entry.js';
import { isKeystileError, storeUnavailable } from './errors.js';
import type { FormatBook } from './format/format-book.js';
import { guarded, type GuardedStore } from './guarded-store.js';
import type { HashBook } from './hashing/hash-book.js';
import type { Awaitable, KeyLookup } from './ports.js';
import type { KeyRecord } from './record.js';

/** Why a text led to no entry. `busy`: a slow comparison was due and the caller may not ask for more of them. */
export type LookupFailure = 'malformed' | 'unknown' | 'busy';

/** Whether the caller may still cause slow comparisons. */
export type MayTry = () => Awaitable<boolean>;

export interface Lookup {
  /** What can be told at once: the entry of a key in use, `'malformed'`, or `undefined`: the store must be asked. */
  known(text: string, now: number): KeyEntry | 'malformed' | undefined;
  /** The entry of a key whose secret this text proves, from the store. Rejects with `store_unavailable` on a fault. */
  load(text: string, mayTry: MayTry, now: number): Awaitable<KeyEntry | LookupFailure>;
  /** Must be called before and after every local change: no verification under way keeps the old record. */
  forget(id: string): void;
}

export interface LookupSettings {
  readonly formats: FormatBook;
  readonly hashes: HashBook;
  readonly store: GuardedStore;
  readonly cache: KeyCache;
  readonly context: EntryContext;
  readonly deadlineMs: number;
  readonly report: (error: unknown) => void;
}

/** A look-up under way; `forget` marks those that may have read what has just been changed. */
interface Pending {
  readonly ids: ReadonlySet<string> | undefined;
  stale: boolean;
}

const MAX_ROUNDS = 5;

export function createLookup({ formats, hashes, store, cache, context, deadlineMs, report }: LookupSettings): Lookup {
  const pending = new Set<Pending>();
  const underWay = new Map<string, PromiseLike<KeyEntry | LookupFailure>>();

  /** Where a well-formed text may be stored: once per format that it fits, which is nearly always one. */
  const places = (text: string): readonly KeyLookup[] =>
    formats.all.flatMap((format): KeyLookup[] => {
      const parts = format.parse(text);
      if (parts === undefined) return [];
      return [parts.id === undefined ? { by: 'hash', hashes: hashes.candidates(text) } : { by: 'id', id: parts.id }];
    });

  const compare = (text: string, stored: string): Awaitable<boolean> =>
    guarded(
      () => hashes.verify(text, stored),
      (answer) => {
        if (answer === true || answer === false) return answer;
        if (answer !== 'unknown_scheme') throw new Error('the hasher answered with something that is no boolean');
        report(storeUnavailable('a record carries a hash of a scheme this keyring does not know; its key cannot be verified'));
        return false;
      },
      'the hasher',
      deadlineMs,
    );

  const slow = (record: KeyRecord | undefined): boolean => (record === undefined ? hashes.current.salted : hashes.salted(record.hash) === true);

  /** The record at one place whose hash the text fits; an absent one costs the current scheme's work all the same. */
  const prove = (text: string, place: KeyLookup, mayTry: MayTry): Awaitable<KeyRecord | LookupFailure> =>
    chain(store.find(place), (record) => {
      const work = (): Awaitable<KeyRecord | LookupFailure> => {
        if (record === undefined) return chain(guarded(() => hashes.pretend(text), () => false, 'the hasher', deadlineMs), () => 'unknown' as const);
        return chain(compare(text, record.hash), (fits) => (fits ? record : 'unknown'));
      };
      return slow(record) ? chain(mayTry(), (may) => (may ? work() : 'busy')) : work();
    });

  const proveAnywhere = (text: string, all: readonly KeyLookup[], index: number, mayTry: MayTry): Awaitable<KeyRecord | LookupFailure> => {
    const place = all[index];
    if (place === undefined) return index === 0 ? 'malformed' : 'unknown';
    return chain(prove(text, place, mayTry), (found) => (found === 'unknown' ? proveAnywhere(text, all, index + 1, mayTry) : found));
  };

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
    let entry: KeyEntry;
    try {
      entry = compileEntry(record, context, now);
    } catch (error) {
      throw storeUnavailable(`the record of key ${record.id} cannot be used`, error);
    }
    cache.set(digest, entry);
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
    const all = places(text);
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
      const found = proveAnywhere(text, all, 0, mayTry);
      return isPromise(found) ? (found as PromiseLike<KeyRecord | LookupFailure>).then(done, failed) : done(found as KeyRecord | LookupFailure);
    } catch (error) {
      return failed(error);
    }
  };

  return {
    known: (text, now) => (formats.plausible(text) ? cache.get(digestOf('sha256', text, 'binary'), now) : 'malformed'),
    load(text, mayTry, now) {
      const digest = digestOf('sha256', text, 'binary');
      // A crowd that comes with one key, just after a start say, asks the store and the hasher once.
      const running = underWay.get(digest);
      if (running !== undefined) return running;
      const loading = read(text, digest, mayTry, now, 0);
      if (!isPromise(loading)) return loading as KeyEntry | LookupFailure;
      const settled = (): boolean => underWay.delete(digest);
      underWay.set(digest, loading as PromiseLike<KeyEntry | LookupFailure>);
      loading.then(settled, settled);
      return loading;
    },
    forget(id) {
      cache.forget(id);
      for (const mark of pending) if (mark.ids === undefined || mark.ids.has(id)) mark.stale = true;
    },
  };
}
