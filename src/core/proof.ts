import { chain } from './awaitable.js';
import { storeUnavailable } from './errors.js';
import type { FormatBook } from './format/format-book.js';
import { guarded, type GuardedStore } from './guarded-store.js';
import type { HashBook } from './hashing/hash-book.js';
import type { Awaitable, KeyLookup } from './ports.js';
import type { KeyRecord } from './record.js';

/** Why a text led to no record. `busy`: a slow comparison was due and the caller may not ask for more of them. */
export type LookupFailure = 'malformed' | 'unknown' | 'busy';

/** Whether the caller may still cause slow comparisons. */
export type MayTry = () => Awaitable<boolean>;

/** Finds the record whose secret a text proves. Its work does not tell an unknown key from a wrong secret. */
export interface Prover {
  /** Where a text may be stored: once per format that it fits, which is nearly always one; none for a malformed text. */
  places(text: string): readonly KeyLookup[];
  /** Rejects, or throws, with `store_unavailable` on a fault. */
  prove(text: string, places: readonly KeyLookup[], mayTry: MayTry): Awaitable<KeyRecord | LookupFailure>;
}

export interface ProverSettings {
  readonly formats: FormatBook;
  readonly hashes: HashBook;
  readonly store: GuardedStore;
  readonly deadlineMs: number;
  readonly report: (error: unknown) => void;
}

export function createProver({ formats, hashes, store, deadlineMs, report }: ProverSettings): Prover {
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
  const proveAt = (text: string, place: KeyLookup, mayTry: MayTry): Awaitable<KeyRecord | LookupFailure> =>
    chain(store.find(place), (record) => {
      const work = (): Awaitable<KeyRecord | LookupFailure> => {
        if (record === undefined) return chain(guarded(() => hashes.pretend(text), () => false, 'the hasher', deadlineMs), () => 'unknown' as const);
        return chain(compare(text, record.hash), (fits) => (fits && record.deletedAt === undefined ? record : 'unknown'));
      };
      return slow(record) ? chain(mayTry(), (may) => (may ? work() : 'busy')) : work();
    });

  const proveAnywhere = (text: string, all: readonly KeyLookup[], index: number, mayTry: MayTry): Awaitable<KeyRecord | LookupFailure> => {
    const place = all[index];
    if (place === undefined) return index === 0 ? 'malformed' : 'unknown';
    return chain(proveAt(text, place, mayTry), (found) => (found === 'unknown' ? proveAnywhere(text, all, index + 1, mayTry) : found));
  };

  return { places, prove: (text, all, mayTry) => proveAnywhere(text, all, 0, mayTry) };
}
