import { LRUCache } from 'lru-cache';
import type { KeyEntry } from './entry.js';
import type { Invalidation } from './ports.js';

/** What is held of a key whose secret has been proven. */
export interface Held {
  readonly entry: KeyEntry;
  /** A digest of the whole key. */
  readonly digest: string;
}

/** Entries of keys whose secret has been proven. */
export interface KeyCache {
  /** What is held under a name: a key's last characters, or, where another key has the same, its digest. */
  at(name: string): Held | undefined;
  /** The entry, unless it is too old. */
  use(held: Held, now: number): KeyEntry | undefined;
  set(text: string, digest: string, entry: KeyEntry): void;
  /** Drops a key's entry. */
  forget(id: string): void;
  clear(): void;
}

/** Settings of the verified-key cache. */
export interface CacheOptions {
  /** Most keys held. Default: 100,000 (160 MB when full, 240 MB of keys with rules of their own). */
  readonly max?: number;
  /** How long, in milliseconds, a change made by another process may go unseen. Default: 30,000; no end for the keyring's own store in memory. */
  readonly ttlMs?: number;
  /** Tells other processes of changes, and hears of theirs: what they revoke ends here at once, not with the cached copy. */
  readonly invalidation?: Invalidation;
}

const DEFAULT_TTL_MS = 30_000;
const SHORTEST_LIFETIME_MS = 2_000;

/** How long a change made by another process may go unseen by what is open. Requests without a cache see it at once. */
export const lifetimeOf = ({ max, ttlMs = DEFAULT_TTL_MS }: CacheOptions): number => (max === 0 && ttlMs !== Infinity ? SHORTEST_LIFETIME_MS : Math.max(SHORTEST_LIFETIME_MS, ttlMs));

/** Recency is noted at most this often per entry: moving an entry costs more than finding it. */
const TOUCH_EVERY_MS = 1_000;

/** The last four characters, which are shown beside every key and so are no secret. */
export const endOf = (text: string): string => text.slice(-4);

interface Slot extends Held {
  readonly name: string;
  readonly endsAt: number;
  /** When it is due for a closer look, for its recency or its end: until then, one comparison is all. */
  dueAt: number;
}

/**
 * A cache on lru-cache. Its own ttl is not used: the time is read once per request anyway.
 *
 * Named by digest alone, every key would need its checksum looked at before anything is hashed, or a made-up key would cost a hash.
 * Its end says nearly as well whether a key is in use, at a tenth of the checksum's 0.3 µs.
 */
export function createKeyCache({ max = 100_000, ttlMs = DEFAULT_TTL_MS }: CacheOptions): KeyCache {
  const nothing = (): undefined => undefined;
  if (max === 0 || ttlMs === 0) return { at: nothing, use: nothing, set: nothing, forget: nothing, clear: nothing };
  const elapsed = createStopwatch();
  const names = new Map<string, string>();
  const slots = new LRUCache<string, Slot>({
    // As a size, not as `max`, for which lru-cache would set aside all its memory at once: 10 ms for 100,000 keys.
    maxSize: max,
    sizeCalculation: () => 1,
    dispose({ entry }, name) {
      if (names.get(entry.record.id) === name) names.delete(entry.record.id);
    },
    noDisposeOnSet: true,
  });
  const forget = (id: string): void => {
    const name = names.get(id);
    if (name !== undefined) slots.delete(name);
  };
  return {
    at: (name) => slots.peek(name),
    use(held, now) {
      const slot = held as Slot;
      const at = elapsed(now);
      if (at < slot.dueAt) return slot.entry;
      if (!(at < slot.endsAt)) {
        slots.delete(slot.name);
        return undefined;
      }
      slot.dueAt = Math.min(at + TOUCH_EVERY_MS, slot.endsAt);
      slots.get(slot.name);
      return slot.entry;
    },
    set(text, digest, entry) {
      // A key keeps its id when it is re-hashed or imported anew: one entry per id.
      forget(entry.record.id);
      const at = elapsed(entry.loadedAt);
      const end = endOf(text);
      const other = slots.peek(end);
      const name = other === undefined || other.digest === digest || at >= other.endsAt ? end : digest;
      names.set(entry.record.id, name);
      slots.set(name, { name, digest, entry, endsAt: at + ttlMs, dueAt: at + Math.min(TOUCH_EVERY_MS, ttlMs) });
    },
    forget,
    clear() {
      slots.clear();
      names.clear();
    },
  };
}

/**
 * Milliseconds since its first reading, never going back: a clock that was set back makes no entry live longer. Numbers this small
 * stand in their objects themselves, times since 1970 on the heap beside them.
 */
function createStopwatch(): (now: number) => number {
  let origin: number | undefined;
  let latest = -Infinity;
  return (now) => {
    origin ??= now;
    if (now < latest) origin -= latest - now;
    latest = now;
    return now - origin;
  };
}
