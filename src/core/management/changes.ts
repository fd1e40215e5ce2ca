import { text } from './draft.js';
import { isKeystileError, KeystileError } from '../errors.js';
import type { EventName, Events } from '../events.js';
import type { GuardedStore } from '../guarded-store.js';
import type { Clock } from '../ports.js';
import type { ApiKey, KeyChanges, KeyRecord } from '../record.js';
import type { Attribution, Guard } from './attribution.js';

export type ChangeEvent = Extract<EventName, 'updated' | 'disabled' | 'enabled' | 'revoked' | 'deleted' | 'undeleted'>;

/** What every operation on a key that exists needs. */
export interface ChangeSettings {
  readonly store: GuardedStore;
  readonly events: Events;
  readonly clock: Clock;
  /** Makes verifications under way look again. */
  readonly forget: (id: string) => void;
  /** Tells other processes of a change. Never rejects. */
  readonly publish: (id: string) => Promise<void>;
  /** A record as management sees it now. */
  readonly show: (record: KeyRecord) => ApiKey;
}

/** Writes to records that exist: in turn for each key, and with nothing left of them in the cache. */
export interface Changes {
  /** Runs work on one key after all work on it that came before. */
  readonly inTurn: <T>(id: string, work: () => Promise<T>) => Promise<T>;
  /** The same, for an operation of which is told that it has been turned down, so that a review of the key shows who has tried. */
  readonly attempt: <T>(id: string, action: EventName, by: Attribution, work: () => Promise<T>) => Promise<T>;
  /** Around every write of a key: also when the store fails, for it may have made the change before it broke. */
  readonly forgetting: <T>(id: string, write: () => T | PromiseLike<T>) => Promise<T>;
  /**
   * Read, decide, write while nobody else has; `undefined` from `decide` leaves the record as it is. A deleted key is there
   * for `undeleted` alone.
   */
  readonly change: (id: string, name: ChangeEvent, decide: (record: KeyRecord) => KeyChanges | undefined, guard?: Guard) => Promise<ApiKey>;
}

/** Races lost to other processes, for a change that would be made again, are tried again this often. */
export const MAX_ATTEMPTS = 10;

export const versionConflict = (): KeystileError => new KeystileError('version_conflict', 'the key has been changed in the meantime', { status: 409 });

/** The record with an id, a deleted one only if asked for, or `key_not_found`. */
export async function existing(store: GuardedStore, id: string, deletedToo = false): Promise<KeyRecord> {
  const record = await store.get(text(id, 'id', 128));
  if (record !== undefined && (deletedToo || record.deletedAt === undefined)) return record;
  throw new KeystileError('key_not_found', 'there is no key with this id', { status: 404 });
}

export function createChanges({ store, events, clock, forget, publish, show }: ChangeSettings): Changes {
  /** Changes of one key wait for each other: a hundred at once would lose most of their races, a revoke among them. */
  const last = new Map<string, Promise<unknown>>();
  const inTurn: Changes['inTurn'] = (id, work) => {
    const before = last.get(id);
    const made = before === undefined ? work() : before.then(work);
    const settled = made.then(
      () => undefined,
      () => undefined,
    );
    last.set(id, settled);
    void settled.then(() => last.get(id) === settled && last.delete(id));
    return made;
  };
  const forgetting: Changes['forgetting'] = async (id, write) => {
    forget(id);
    try {
      return await write();
    } finally {
      forget(id);
      await publish(id);
    }
  };
  const turnedDown = async (id: string, action: EventName, { by, ip }: Attribution, error: unknown): Promise<void> => {
    if (!events.wanted('failed') || !isKeystileError(error) || !('status' in error) || error.status >= 500) return;
    const record = await store.get(id);
    if (record === undefined) return;
    events.emit('failed', { at: clock.now(), action, code: error.code, apiKey: show(record), ...(by !== undefined && { by }), ...(ip !== undefined && { ip }) });
  };
  const attempt: Changes['attempt'] = async (id, action, by, work) => {
    try {
      return await inTurn(id, work);
    } catch (error) {
      // What the caller hears is why it failed, not that nobody could be told.
      await turnedDown(id, action, by, error).catch(() => undefined);
      throw error;
    }
  };
  const change: Changes['change'] = async (id, name, decide, { version, ...attribution } = {}) => {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const before = await existing(store, id, name === 'undeleted');
      if (version !== undefined && before.version !== version) break;
      const changes = decide(before);
      if (changes === undefined) return show(before);
      const after = await forgetting(id, () => store.update(id, before.version, { ...changes, updatedAt: clock.now() }));
      if (after === undefined) continue;
      const apiKey = show(after);
      if (events.wanted(name)) events.emit(name, { at: clock.now(), apiKey, ...attribution });
      return apiKey;
    }
    throw versionConflict();
  };
  return { inTurn, attempt, forgetting, change: (id, name, decide, guard = {}) => attempt(id, name, guard, () => change(id, name, decide, guard)) };
}
