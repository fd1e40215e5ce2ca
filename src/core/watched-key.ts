import { firstRefusal } from './checks.js';
import { compileEntry, type EntryContext } from './compile-entry.js';
import type { KeyEntry } from './entry.js';
import type { RefusalCode } from './errors.js';
import type { Clock } from './ports.js';
import type { KeyRecord } from './record.js';
import type { RequestFacts } from './request.js';
import { INVALID_KEY, refused, type Refused } from './verification.js';

/** Told once why something that was open may stay so no longer. */
export type End = (refusal: Refused) => void;

/** A key with which something is open, judged anew for each of its facts whenever the key is seen. */
export interface WatchedKey {
  readonly id: string;
  /** When its record was last seen, from an event or the store; epoch milliseconds. */
  readonly seenAt: number;
  /** Adds something open, judged at once if the key has been seen already; it may have an end of its own. The answer takes it out again. */
  add(facts: RequestFacts, end: End, until?: number): () => void;
  /** Takes note of the record as it is now, `undefined` for one that has gone. Throws for one that cannot be used. */
  see(record: KeyRecord | undefined): void;
  /** Ends what may no longer be open. */
  judge(): void;
  endAll(refusal: Refused): void;
  /** When the key, or something open with it, ends by itself; `Infinity` as long as that is unknown. */
  endsAt(): number;
}

export interface WatchedKeySettings {
  readonly context: EntryContext;
  readonly clock: Clock;
  readonly report: (error: unknown) => void;
  /** Nothing is open any more. */
  readonly left: () => void;
}

interface Open {
  readonly facts: RequestFacts;
  readonly end: End;
  readonly until: number;
}

export function createWatchedKey(id: string, { context, clock, report, left }: WatchedKeySettings): WatchedKey {
  const open = new Set<Open>();
  let entry: KeyEntry | undefined;
  let seenAt = clock.now();

  const remove = (one: Open): boolean => {
    const was = open.delete(one);
    if (was && open.size === 0) left();
    return was;
  };
  const end = (one: Open, refusal: Refused): void => {
    try {
      if (remove(one)) one.end(refusal);
    } catch (error) {
      report(error);
    }
  };
  const endAll = (refusal: Refused): void => {
    for (const one of [...open]) end(one, refusal);
  };
  const verdict = (key: KeyEntry, facts: RequestFacts): RefusalCode | undefined => {
    try {
      return firstRefusal(key, facts, clock.now());
    } catch (error) {
      // A host's clientIp that fails: who cannot be judged does not stay.
      report(error);
      return 'store_unavailable';
    }
  };
  const judge = (): void => {
    for (const one of [...open]) {
      // What was opened with a token made of the key ends with the token.
      const code = one.until <= clock.now() ? 'invalid_token' : entry && verdict(entry, one.facts);
      if (code !== undefined) end(one, refused(code, { keyId: id }));
    }
  };
  return {
    id,
    get seenAt() {
      return seenAt;
    },
    add(facts, told, until = Infinity) {
      const one: Open = { facts, end: told, until };
      open.add(one);
      judge();
      return () => {
        remove(one);
      };
    },
    see(record) {
      if (record === undefined || record.deletedAt !== undefined) {
        endAll(INVALID_KEY);
        return;
      }
      const now = clock.now();
      // What a change has overtaken on its way from the store says nothing new.
      if (entry === undefined || record.version >= entry.record.version) entry = compileEntry(record, context, now, 0);
      seenAt = now;
      judge();
    },
    judge,
    endAll,
    endsAt: () => [...open].reduce((first, { until }) => Math.min(first, until), entry?.term?.until ?? Infinity),
  };
}
