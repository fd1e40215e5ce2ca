import { LRUCache } from 'lru-cache';
import type { KeyEntry } from './entry.js';

/** Entries of keys whose secret has been proven, by a digest of the whole key. */
export interface KeyCache {
  /** The entry, while it is fresh. */
  get(digest: string, now: number): KeyEntry | undefined;
  set(digest: string, entry: KeyEntry): void;
  /** Drops a key's entry. */
  forget(id: string): void;
  clear(): void;
}

/** Settings of the verified-key cache. */
export interface CacheOptions {
  /** Most keys held. Default: 100,000 (about 100 MB when full of keys with rules of their own). */
  readonly max?: number;
  /** How long, in milliseconds, a change made by another process may go unseen. Default: 30,000. */
  readonly ttlMs?: number;
}

/** Recency is noted at most this often per entry: moving an entry costs more than finding it. */
const TOUCH_EVERY_MS = 1_000;

/**
 * A cache on lru-cache. Its own ttl is not used: the time is read once per request anyway, and by comparing ages both ways a
 * clock that was set back makes entries old, not immortal.
 */
export function createKeyCache({ max = 100_000, ttlMs = 30_000 }: CacheOptions): KeyCache {
  if (max === 0 || ttlMs === 0) return { get: () => undefined, set: () => undefined, forget: () => undefined, clear: () => undefined };
  interface Slot {
    readonly entry: KeyEntry;
    touchedAt: number;
  }
  const digests = new Map<string, string>();
  const slots = new LRUCache<string, Slot>({
    // As a size, not as `max`, for which lru-cache would set aside all its memory at once: 10 ms for 100,000 keys.
    maxSize: max,
    sizeCalculation: () => 1,
    dispose({ entry }, digest) {
      if (digests.get(entry.record.id) === digest) digests.delete(entry.record.id);
    },
    noDisposeOnSet: true,
  });
  return {
    get(digest, now) {
      const slot = slots.peek(digest);
      if (slot === undefined) return undefined;
      const age = now - slot.entry.loadedAt;
      if (!(age >= 0 && age < ttlMs)) {
        slots.delete(digest);
        return undefined;
      }
      if (now - slot.touchedAt >= TOUCH_EVERY_MS) {
        slot.touchedAt = now;
        slots.get(digest);
      }
      return slot.entry;
    },
    set(digest, entry) {
      // A key keeps its id when it is re-hashed or imported anew: one entry per id.
      const before = digests.get(entry.record.id);
      if (before !== undefined && before !== digest) slots.delete(before);
      digests.set(entry.record.id, digest);
      slots.set(digest, { entry, touchedAt: entry.loadedAt });
    },
    forget(id) {
      const digest = digests.get(id);
      if (digest === undefined) return;
      slots.delete(digest);
      digests.delete(id);
    },
    clear() {
      slots.clear();
      digests.clear();
    },
  };
}
