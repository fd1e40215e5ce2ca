import { ConfigurationError, KeystileError } from '../errors.js';
import { checkOptions } from '../options.js';
import { statusOf, type ApiKey, type KeyChanges, type KeyRecord, type KeySlot } from '../record.js';
import { ATTRIBUTION_NAMES, readAttribution, type Attribution } from './attribution.js';
import { existing, MAX_ATTEMPTS, versionConflict, type Changes } from './changes.js';
import { createdKey, type CreatedKey } from './created-key.js';
import { checkSettings, SETTING_NAMES, text, time, type KeySettings, type Time } from './draft.js';
import { checkInsertion, type Issuing, type IssuingSettings, type NewFields } from './issuing.js';
import { checkSpan } from './lifecycle-options.js';
import { withinLifetime } from './lifetime.js';

/** How a key is rotated. */
export interface RotateOptions extends Attribution {
  /** How long the old key goes on working, in milliseconds; 0 ends it at once. Default: the keyring's, 24 hours. */
  readonly gracePeriod?: number;
  /** The end of the new key. Default: that of the old one. */
  readonly expiresAt?: Time | null;
  /** Only while the key has this version. */
  readonly version?: number;
}

/** A new key, and the one whose place it has taken. */
export interface Succession extends CreatedKey {
  readonly previous: ApiKey | undefined;
}

/** Settings of a slot's new key; what is absent is taken over from the key before, and the name of a first one is its slot's. */
export type SlotSettings = Partial<Omit<KeySettings, 'tenantId' | 'slot'>> & Attribution;

/** One key takes another one's place, in one step of the store. */
export interface Successions {
  rotate(id: string, options?: RotateOptions): Promise<Succession>;
  regenerate(tenantId: string, slot: KeySlot, settings?: SlotSettings): Promise<Succession>;
}

/** What a key hands down: its settings and its suspension, not its history. */
const INHERITED = [...SETTING_NAMES, 'disabledAt'] as const;

export function createSuccessions(settings: IssuingSettings, { mint }: Issuing, { inTurn, forgetting }: Changes): Successions {
  const { store, context, events, clock, show } = settings;

  /** Both records in one step, or `undefined` when somebody else has changed the old one in the meantime. */
  const succeed = async (name: 'rotated' | 'regenerated', before: KeyRecord, ending: KeyChanges, fields: NewFields, attribution: Attribution): Promise<Succession | undefined> => {
    const { key, record } = await mint({ ...fields, rotatedFrom: before.id });
    const changes = { ...ending, slot: undefined, replacedBy: record.id, updatedAt: clock.now() };
    const answer = await forgetting(before.id, () => store.replace(before.id, before.version, changes, record));
    if (answer === 'changed') return undefined;
    checkInsertion(answer);
    const previous = show({ ...before, ...withoutUndefined(changes), version: before.version + 1 });
    return told(name, key, record, previous, attribution);
  };

  const told = (name: 'rotated' | 'regenerated', key: string, record: KeyRecord, previous: ApiKey | undefined, attribution: Attribution): Succession => {
    const apiKey = show(record);
    if (events.wanted(name)) events.emit(name, { at: clock.now(), apiKey, previous, ...attribution });
    return Object.defineProperty(createdKey(key, apiKey), 'previous', { value: previous, enumerable: true }) as Succession;
  };

  const rotateOnce = async (id: string, options: RotateOptions): Promise<Succession | undefined> => {
    const before = await existing(store, id);
    if (options.version !== undefined && before.version !== options.version) throw versionConflict();
    const now = clock.now();
    const gracePeriod = options.gracePeriod ?? context.lifecycle.gracePeriod;
    const expiresAt = options.expiresAt === undefined ? before.expiresAt : options.expiresAt === null ? undefined : time(options.expiresAt, 'rotate.expiresAt');
    checkRotatable(before, expiresAt, now);
    const fields = withinLifetime({ ...inherited(before), expiresAt }, context.lifecycle, now, 'rotate.expiresAt');
    return succeed('rotated', before, { graceExpiresAt: now + gracePeriod }, fields, readAttribution(options));
  };

  const regenerateOnce = async (tenantId: string, slot: KeySlot, given: SlotSettings): Promise<Succession | undefined> => {
    const { by: _by, ip: _ip, ...own } = given;
    const environment = own.environment ?? 'live';
    const page = await store.list({ tenantId, environment, slot, limit: 1, now: clock.now() });
    const [before] = page.records;
    const now = clock.now();
    const inheritedFields = before === undefined ? { name: slot } : settingsOf(before);
    const fields = withinLifetime(checkSettings({ ...inheritedFields, ...own, tenantId, environment, slot }, 'regenerate', context), context.lifecycle, now, 'regenerate.expiresAt');
    const attribution = readAttribution(given);
    if (before !== undefined) return succeed('regenerated', before, { revokedAt: before.revokedAt ?? now, revokedReason: before.revokedReason ?? 'regenerated', ...(attribution.by !== undefined && { revokedBy: attribution.by }) }, fields, attribution);
    const { key, record } = await mint(fields);
    if ((await store.insert(record)) === 'slot_taken') return undefined;
    return told('regenerated', key, record, undefined, attribution);
  };

  return {
    async rotate(id, options = {}) {
      checkOptions(options, 'rotate', ['gracePeriod', 'expiresAt', 'version', ...ATTRIBUTION_NAMES]);
      if (options.gracePeriod !== undefined) checkSpan(options.gracePeriod, 'rotate.gracePeriod');
      return inTurn(text(id, 'id', 128), async () => {
        for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
          const made = await rotateOnce(id, options);
          if (made !== undefined) return made;
        }
        throw versionConflict();
      });
    },

    async regenerate(tenantId, slot, given = {}) {
      text(tenantId, 'tenantId', 256);
      if ((slot as unknown) !== 'primary' && (slot as unknown) !== 'secondary') throw new ConfigurationError('invalid_option', 'slot', "must be 'primary' or 'secondary'");
      checkOptions(given, 'regenerate', [...SETTING_NAMES.filter((name) => name !== 'tenantId' && name !== 'slot'), ...ATTRIBUTION_NAMES]);
      // Two calls for one slot do not follow each other: whoever comes second has not seen the key that he would end.
      const made = await regenerateOnce(tenantId, slot, given);
      if (made === undefined) throw new KeystileError('slot_taken', 'somebody else has regenerated this slot in the meantime', { status: 409 });
      return made;
    },
  };
}

/** Which keys may be rotated: those that have not been already, and whose successor would work, or would again when enabled. */
function checkRotatable(record: KeyRecord, expiresAt: number | undefined, now: number): void {
  if (record.replacedBy !== undefined) throw new KeystileError('already_rotated', `the key has been rotated already: rotate its successor, ${record.replacedBy}`, { status: 409 });
  if (record.revokedAt !== undefined) throw new KeystileError('key_not_active', 'a revoked key cannot be rotated: create a new one', { status: 409 });
  if (expiresAt !== undefined && !(now < expiresAt)) throw new KeystileError('key_not_active', 'the key has expired: give its successor an end of its own, expiresAt', { status: 409 });
  statusOf(record, now);
}

function inherited(record: KeyRecord): NewFields {
  return Object.fromEntries(INHERITED.filter((name) => record[name as keyof KeyRecord] !== undefined).map((name) => [name, record[name as keyof KeyRecord]])) as unknown as NewFields;
}

function settingsOf(record: KeyRecord): Partial<KeySettings> {
  return Object.fromEntries(SETTING_NAMES.filter((name) => record[name as keyof KeyRecord] !== undefined).map((name) => [name, record[name as keyof KeyRecord]])) as Partial<KeySettings>;
}

function withoutUndefined(changes: KeyChanges): Partial<KeyRecord> {
  return changes as Partial<KeyRecord>;
}
