/**
 * Everything an adapter author reads: what keystile asks of a store, a limiter, a hasher and a clock.
 *
 * Each port is small and complete; no method is optional. A method may answer at once or with a promise: the
 * in-memory adapters answer at once, which keeps the whole path of a request synchronous. The ports that only look on,
 * `ActivityLog` and `UsageMeter`, are in observing.ts.
 */
import type { LimitRule } from './limits/rules.js';
import type { KeyChanges, KeyRecord, KeySlot } from './record.js';

/** A value now, or a promise of it. */
export type Awaitable<T> = T | PromiseLike<T>;

/** Where time comes from: `Date` itself fits. Epoch milliseconds. */
export interface Clock {
  now(): number;
}

/** How a key is found: by its public id, or, where its format has none, by any of its possible stored hashes. */
export type KeyLookup =
  | { readonly by: 'id'; readonly id: string }
  | { readonly by: 'hash'; readonly hashes: readonly string[] };

/** What `keyring.list` asks of a store. Every filter that is present must hold. */
export interface KeyQuery {
  /** At most this many records, 1 to 500. */
  readonly limit: number;
  /** `nextCursor` of the page before; absent for the first page. An unreadable one gives an empty page. */
  readonly cursor?: string;
  readonly tenantId?: string;
  readonly owner?: { readonly type: string; readonly id: string };
  readonly environment?: string;
  readonly tag?: string;
  readonly slot?: KeySlot;
  /** Only deleted records, or, when absent or `false`, only others. */
  readonly deleted?: boolean;
  /** Derived with `statusOf(record, now)`, never stored. */
  readonly status?: 'active' | 'scheduled' | 'disabled' | 'expired' | 'revoked';
  /** Case-insensitive part of the id, name, tenant id or owner id. */
  readonly search?: string;
  /** Default: `createdAt`, falling. */
  readonly sort?: KeySort;
  /** Epoch milliseconds against which `status` is derived. */
  readonly now: number;
}

/** What a list is sorted by, and then by id in the same direction. Texts go by character code; keys without the value come last, whichever way. */
export interface KeySort {
  readonly by: 'createdAt' | 'name' | 'lastUsedAt' | 'expiresAt';
  readonly direction: 'asc' | 'desc';
}

/** One page of records: newest first (`createdAt` falling, then `id` falling) unless `sort` says otherwise. */
export interface KeyPage {
  readonly records: readonly KeyRecord[];
  /** Absent on the last page. */
  readonly nextCursor?: string;
}

/**
 * Where key records live. Records are plain JSON values; a store keeps them as they are and hands out copies
 * (or frozen values), never something a caller could change behind its back.
 *
 * A method that throws or rejects is a fault: authentication then fails closed with `store_unavailable`.
 */
export interface KeyStore {
  /**
   * Keeps a new record, or stores nothing: `'conflict'` when its `id` or an equal `hash` is already there, `'slot_taken'` when
   * it has a `slot` that another record of the same tenant and environment has.
   */
  insert(record: KeyRecord): Awaitable<Insertion>;
  /** The record, deleted ones too, or `undefined` (`null` is understood as well). */
  find(lookup: KeyLookup): Awaitable<KeyRecord | undefined | null>;
  /**
   * Sets the given fields (`undefined` or `null` clears one) and adds one to `version`, in one atomic step, only while
   * the stored `version` is the given one. The record after the change, or `undefined` when it is gone or has moved on.
   * A `slot` is only ever cleared.
   */
  update(id: string, version: number, changes: KeyChanges): Awaitable<KeyRecord | undefined | null>;
  /**
   * Changes one record, as `update` does, and then inserts its successor, as `insert` does, which may claim the slot that the
   * change gives up: both in one atomic step, or neither. `'changed'` when the first record is gone or has moved on.
   */
  replace(id: string, version: number, changes: KeyChanges, successor: KeyRecord): Awaitable<Insertion | 'changed'>;
  /** Removes the record for good; `true` if it was there. */
  delete(id: string): Awaitable<boolean>;
  list(query: KeyQuery): Awaitable<KeyPage>;
  /**
   * Notes uses, up to 10,000 at once, none of which adds to a record's `version`; later ones only, so that two processes may write
   * in any order. Unknown ids are passed over.
   */
  touch(uses: readonly KeyUse[]): Awaitable<void>;
}

export type Insertion = 'inserted' | 'conflict' | 'slot_taken';

/** The last use of one key: becomes `lastUsedAt` and `lastUsedIp`. */
export interface KeyUse {
  readonly id: string;
  readonly at: number;
  /** Absent when the request came without an address; the record then keeps what it has. */
  readonly ip?: string;
}

/** What a process hears of other processes. */
export interface InvalidationListener {
  /** Somebody has changed these keys. One's own changes may be told as well, and any more than once. */
  changed(ids: readonly string[]): void;
  /** Nothing is heard any more: notices may be missed from here on. */
  lost(error?: unknown): void;
  /** Notices are heard again; whatever was cached in between may be outdated. */
  restored(): void;
}

/**
 * Tells the other processes that use the same store which keys have changed, so that none of them goes by an outdated copy. Notices
 * may be lost: then a change is seen when the cache's lifetime is over.
 */
export interface Invalidation {
  /** Called after a change has been stored. A rejection is reported as `fault`; the change stays. */
  publish(ids: readonly string[]): Awaitable<void>;
  /** Listens until the answer is called. A rejection is tried again. */
  subscribe(listener: InvalidationListener): Awaitable<() => Awaitable<void>>;
}

/** One counter's subject and the rules that apply to it. */
export interface LimitBucket {
  /** Unique name of the subject: `key:…`, `tenant:…`, `owner:…`, `ip:…`. State belongs to this name and a window's length. */
  readonly id: string;
  /** Buckets of one tenant share it; a Redis limiter uses it as the hash tag. */
  readonly group: string;
  readonly rules: readonly LimitRule[];
  /** When the table is full and this bucket is new: count it in one shared overflow bucket, or refuse. */
  readonly whenFull: 'share' | 'refuse';
}

/** Where one rule stands after (or, when refused, without) the request. */
export interface LimitState {
  readonly bucket: LimitBucket;
  readonly rule: LimitRule;
  /** Units still free, at least 0. */
  readonly remaining: number;
  /** Milliseconds until more becomes free; 0 when nothing is in use, and for concurrency. */
  readonly resetMs: number;
  /** This rule said no. */
  readonly violated: boolean;
}

/** A place held under concurrency caps until it is released, or until `ttlMs` passes without a renewal. */
export interface Lease {
  readonly ttlMs: number;
}

/** What `consume` answers. `states` lists buckets and their rules in the order they were given. */
export type Consumption =
  | { readonly outcome: 'admitted'; readonly states: readonly LimitState[]; readonly lease: Lease | undefined }
  | {
      readonly outcome: 'limited';
      readonly states: readonly LimitState[];
      /** Milliseconds after which a lone client is admitted; 0 for concurrency; `undefined` when it never will be. */
      readonly retryAfterMs: number | undefined;
    }
  /** The table is full and a new bucket may not share: nothing was counted. */
  | { readonly outcome: 'full' };

/**
 * Counts requests. The promise every limiter keeps: in no window of the stated length, wherever it begins, are more
 * than `limit` units admitted; and never more leases at once than a concurrency rule's `limit`.
 *
 * A method that throws or rejects is a fault, answered as `onLimiterError` says.
 */
export interface Limiter {
  /** Checks every rule, then spends `cost` units on each window and takes one lease, in one atomic step; or changes nothing. */
  consume(buckets: readonly LimitBucket[], cost: number): Awaitable<Consumption>;
  /** What `consume` would answer, without spending; its lease is always `undefined`. */
  peek(buckets: readonly LimitBucket[], cost: number): Awaitable<Consumption>;
  /** Restarts the lifetime of leases that are still held; unknown or lost ones are ignored. */
  renew(leases: readonly Lease[]): Awaitable<void>;
  /** Frees a lease; doing it twice, or after it has expired, changes nothing. */
  release(lease: Lease): Awaitable<void>;
  /** Forgets what a bucket has spent. Its leases stay held. `group` is the bucket's, by which a Redis limiter finds it. */
  reset(bucketId: string, group: string): Awaitable<void>;
}

/**
 * Turns a plaintext key into what the store keeps, a self-describing string `scheme:…`.
 *
 * A hasher that throws or rejects is a fault (`store_unavailable`).
 */
export interface Hasher {
  /** What stands before the first colon of its strings: `sha256`. */
  readonly scheme: string;
  /** Equal keys give different strings. Such keys cannot be found by hash, so their format needs `{id}`. */
  readonly salted: boolean;
  hash(key: string): Awaitable<string>;
  /** Constant-time comparison; `false` for a string it cannot read. */
  verify(key: string, stored: string): Awaitable<boolean>;
  /** Every string under which `key` may have been stored, the current one first; empty when salted. */
  candidates(key: string): readonly string[];
  /** The string was made with older settings (cost, pepper) and should be replaced on next use. */
  outdated(stored: string): boolean;
}
