import { text } from './draft.js';
import { KeystileError } from './errors.js';
import type { Events } from './events.js';
import type { GuardedStore } from './guarded-store.js';
import type { Clock } from './ports.js';
import { toApiKey, type ApiKey, type KeyChanges, type KeyRecord } from './record.js';

export type ChangeEvent = 'updated' | 'disabled' | 'enabled' | 'revoked';

/** What a change needs. */
export interface ChangeSettings {
  readonly store: GuardedStore;
  readonly events: Events;
  readonly clock: Clock;
  /** Makes verifications under way look again. */
  readonly forget: (id: string) => void;
}

/** Changes one record; see {@link createChange}. */
export type Change = (id: string, name: ChangeEvent, decide: (record: KeyRecord) => KeyChanges | undefined, version?: number) => Promise<ApiKey>;

/** Races lost to other processes, for a change that would be made again, are tried again this often. */
const MAX_ATTEMPTS = 10;

/** The record with an id, or `key_not_found`. */
export async function existing(store: GuardedStore, id: string): Promise<KeyRecord> {
  const record = await store.get(text(id, 'id', 128));
  if (record === undefined) throw new KeystileError('key_not_found', 'there is no key with this id', { status: 404 });
  return record;
}

/** Read, decide, write while nobody else has; `undefined` from `decide` leaves the record as it is. */
export function createChange({ store, events, clock, forget }: ChangeSettings): Change {
  /** Around every write: also when the store fails, for it may have made the change before it broke. */
  const forgetting = async <T>(id: string, write: () => T | PromiseLike<T>): Promise<T> => {
    forget(id);
    try {
      return await write();
    } finally {
      forget(id);
    }
  };
  const make: Change = async (id, name, decide, version) => {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const before = await existing(store, id);
      if (version !== undefined && before.version !== version) break;
      const changes = decide(before);
      if (changes === undefined) return toApiKey(before, clock.now());
      const after = await forgetting(id, () => store.update(id, before.version, { ...changes, updatedAt: clock.now() }));
      if (after === undefined) continue;
      const apiKey = toApiKey(after, clock.now());
      if (events.wanted(name)) events.emit(name, { at: clock.now(), apiKey });
      return apiKey;
    }
    throw new KeystileError('version_conflict', 'the key has been changed in the meantime', { status: 409 });
  };

  /** Changes of one key wait for each other: a hundred at once would lose most of their races, a revoke among them. */
  const last = new Map<string, Promise<unknown>>();
  return (id, ...change) => {
    const before = last.get(id);
    const made = before === undefined ? make(id, ...change) : before.then(() => make(id, ...change));
    const settled = made.then(
      () => undefined,
      () => undefined,
    );
    last.set(id, settled);
    void settled.then(() => last.get(id) === settled && last.delete(id));
    return made;
  };
}
