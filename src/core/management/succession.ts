import { ConfigurationError, KeystileError } from '../errors.js';
import { changed, type ApiKey, type KeyChanges, type KeyRecord, type KeySlot } from '../record.js';
import { readAttribution, type Attribution } from './attribution.js';
import { existing, MAX_ATTEMPTS, versionConflict, type Changes } from './changes.js';
import { createdKey, type CreatedKey } from './created-key.js';
import { checkPatch, checkSettings, keySlot, PATCH_NAMES, SETTING_NAMES, type CheckedPatch, type KeyPatch, type KeySettings, type Time } from './draft.js';
import type { NewFields } from './fields.js';
import { checkInsertion, slotTaken, type Issuing, type IssuingSettings } from './issuing.js';
import { checkSpan } from './lifecycle-options.js';
import { inheritedEnd, withinLife } from './lifetime.js';

/** How a key is rotated. */
export interface RotateOptions extends Attribution {
  /** How long the old key goes on working, in milliseconds; 0 ends it at once. Default: the keyring's, 24 hours. */
  readonly gracePeriod?: number;
  /** The end of the new key; `null` for none. Default: that of the old one. */
  readonly expiresAt?: Time | null;
  /** Only while the key has this version: else `version_conflict`. */
  readonly version?: number;
}

/** A new key, and the one whose place it has taken. */
export interface Succession extends CreatedKey {
  /** The key before, as it is now; absent for the first key of a slot. */
  readonly previous: ApiKey | undefined;
}

/** Settings of a slot's new key. What is absent is taken over from the key before, `null` clears it; the first one is named after its slot. */
export type SlotSettings<Scope extends string = string, Plan extends string = string> = KeyPatch<Scope, Plan> & Pick<KeySettings, 'environment'> & Attribution;

/** One key takes another one's place, in one step of the store. */
export interface Successions {
  rotate(id: string, options?: RotateOptions): Promise<Succession>;
  regenerate(tenantId: string, slot: KeySlot, settings?: SlotSettings): Promise<Succession>;
}

/** What a key hands down: its settings and its suspension, not its history. */
const INHERITED = [...SETTING_NAMES, 'disabledAt'] as readonly (keyof KeyRecord)[];

/** How one key follows another. */
interface Succeeding {
  readonly event: 'rotated' | 'regenerated';
  /** The key that is followed, read anew for every attempt; rejects when it may not be followed. */
  readonly read: () => Promise<KeyRecord>;
  /** How it ends. */
  readonly ending: (now: number) => KeyChanges;
  /** Where its successor differs from it. */
  readonly wanted: CheckedPatch;
  readonly attribution: Attribution;
}

export function createSuccessions({ store, context, events, clock, show }: IssuingSettings, { mint }: Issuing, { attempt, forgetting }: Changes): Successions {
  const { lifecycle } = context;

  const told = (event: Succeeding['event'], key: string, record: KeyRecord, previous: ApiKey | undefined, attribution: Attribution): Succession => {
    const apiKey = show(record);
    if (events.wanted(event)) events.emit(event, { at: clock.now(), apiKey, previous, ...attribution });
    return createdKey(key, { apiKey, previous });
  };

  const fieldsAfter = (before: KeyRecord, wanted: CheckedPatch, now: number, path: string): NewFields => {
    const handedDown = Object.fromEntries(INHERITED.map((name) => [name, before[name]])) as unknown as NewFields;
    const { expiresAt } = 'expiresAt' in wanted ? wanted : before;
    if (expiresAt !== undefined && !(now < expiresAt) && expiresAt !== before.expiresAt) throw new ConfigurationError('invalid_option', `${path}.expiresAt`, 'must be in the future');
    if (expiresAt !== undefined && !(now < expiresAt)) throw notActive('the key has expired: give its successor an end of its own, expiresAt');
    const fields = { ...handedDown, expiresAt: inheritedEnd(before, lifecycle, now), ...wanted, rotatedFrom: before.id };
    return withinLife(fields, lifecycle, now, path);
  };

  /** Ends one key and makes the next in one step of the store, while nobody else has changed the first. */
  const succeed = async (id: string, path: string, { event, read, ending, wanted, attribution }: Succeeding): Promise<Succession> => {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const before = await read();
      const now = clock.now();
      const { key, record } = await mint(fieldsAfter(before, wanted, now, path));
      const changes = { ...ending(now), slot: undefined, replacedBy: record.id, updatedAt: now };
      const answer = await forgetting(id, () => store.replace(id, before.version, changes, record));
      if (answer === 'changed') continue;
      checkInsertion(answer);
      return told(event, key, record, show(changed(before, changes)), attribution);
    }
    throw versionConflict();
  };

  return {
    async rotate(id, options = {}) {
      const attribution = readAttribution(options, 'rotate', ['gracePeriod', 'expiresAt', 'version']);
      const { gracePeriod = lifecycle.gracePeriod, expiresAt, version } = options;
      checkSpan(gracePeriod, 'rotate.gracePeriod');
      const read = async (): Promise<KeyRecord> => {
        const record = await existing(store, id);
        if (version !== undefined && record.version !== version) throw versionConflict();
        if (record.replacedBy !== undefined) throw new KeystileError('already_rotated', `the key has been rotated already: rotate its successor, ${record.replacedBy}`, { status: 409 });
        if (record.revokedAt !== undefined) throw notActive('a revoked key cannot be rotated: create a new one');
        return record;
      };
      const wanted = checkPatch({ expiresAt }, 'rotate', context);
      const ending = (now: number): KeyChanges => ({ graceExpiresAt: now + gracePeriod });
      return attempt(id, 'rotated', attribution, () => succeed(id, 'rotate', { event: 'rotated', read, ending, wanted, attribution }));
    },

    async regenerate(tenantId, slot, given = {}) {
      const attribution = readAttribution(given, 'regenerate', ['environment', ...PATCH_NAMES]);
      const { by: _by, ip: _ip, environment, ...settings } = given;
      const wanted = checkPatch(settings, 'regenerate', context);
      const first = checkSettings({ name: keySlot(slot, 'regenerate.slot'), tenantId, environment, slot }, 'regenerate', context);
      const holder = async (): Promise<KeyRecord | undefined> => (await store.list({ tenantId, environment: environment ?? 'live', slot, limit: 1, now: clock.now() })).records[0];

      const before = await holder();
      if (before === undefined) {
        const { key, record } = await mint(withinLife({ ...first, ...wanted }, lifecycle, clock.now(), 'regenerate'));
        checkInsertion(await store.insert(record));
        return told('regenerated', key, record, undefined, attribution);
      }
      // Whoever comes second in a race has not seen the key that he would end.
      const read = async (): Promise<KeyRecord> => {
        const record = await holder();
        if (record?.id !== before.id) throw slotTaken();
        return record;
      };
      const ending = (now: number): KeyChanges => ({ revokedAt: now, revokedReason: 'regenerated', revokedBy: attribution.by });
      return attempt(before.id, 'regenerated', attribution, () => succeed(before.id, 'regenerate', { event: 'regenerated', read, ending, wanted, attribution }));
    },
  };
}

const notActive = (message: string): KeystileError => new KeystileError('key_not_active', message, { status: 409 });
