import { ConfigurationError, KeystileError } from '../errors.js';
import type { FormatBook } from '../format/format-book.js';
import type { HashBook } from '../hashing/hash-book.js';
import { checkOptions } from '../options.js';
import type { Insertion } from '../ports.js';
import { withoutEmpty, type ApiKey, type KeyRecord } from '../record.js';
import { readAttribution, type Attribution } from './attribution.js';
import type { ChangeSettings } from './changes.js';
import { createdKey, type CreatedKey } from './created-key.js';
import { SETTING_NAMES, type DraftContext, type KeySettings } from './draft.js';
import { newFields, type NewFields } from './fields.js';
import { IMPORT_NAMES, newId, readImport, type ImportSource } from './importing.js';

/** How keys come to be. */
export interface Issuing {
  readonly create: (settings: KeySettings, attribution?: Attribution) => Promise<CreatedKey>;
  readonly import: (source: ImportSource & KeySettings, attribution?: Attribution) => Promise<ApiKey>;
  /** A new key of the current format, stored nowhere yet. */
  readonly mint: (fields: NewFields) => Promise<{ readonly key: string; readonly record: KeyRecord }>;
}

export interface IssuingSettings extends Omit<ChangeSettings, 'forget' | 'publish'> {
  readonly formats: FormatBook;
  readonly hashes: HashBook;
  readonly context: DraftContext;
}

export const slotTaken = (): KeystileError => new KeystileError('slot_taken', 'another key of this tenant and environment has this slot', { status: 409 });

/** Throws what stands in the way of a new record. */
export function checkInsertion(answer: Insertion): void {
  if (answer === 'conflict') throw new KeystileError('key_exists', 'a key with this id or hash is already there', { status: 409 });
  if (answer === 'slot_taken') throw slotTaken();
}

export function createIssuing({ store, formats, hashes, context, events, clock, show }: IssuingSettings): Issuing {
  const insert = async (name: 'created' | 'imported', record: KeyRecord, attribution: Attribution): Promise<ApiKey> => {
    checkInsertion(await store.insert(record));
    const apiKey = show(record);
    if (events.wanted(name)) events.emit(name, { at: clock.now(), apiKey, ...attribution });
    return apiKey;
  };
  const mint: Issuing['mint'] = async (fields) => {
    const format = formats.current;
    const { key, parts } = format.generate({ environment: fields.environment, tenantId: fields.tenantId });
    return { key, record: newRecord(fields, { id: parts.id ?? newId(), hash: await hashes.hash(key), masked: format.mask(key) }, clock.now()) };
  };

  return {
    mint,

    async create(settings, attribution = {}) {
      const origin = readAttribution(attribution, 'create');
      const fields = newFields(settings, 'create', context, clock);
      const { key, record } = await mint(fields);
      return createdKey(key, { apiKey: await insert('created', record, origin) });
    },

    async import(input, attribution = {}) {
      const origin = readAttribution(attribution, 'import');
      const given = checkOptions(input, 'import', [...IMPORT_NAMES, ...SETTING_NAMES]);
      const pick = (names: readonly string[]): Record<string, unknown> => Object.fromEntries(names.filter((name) => given[name] !== undefined).map((name) => [name, given[name]]));
      const source = readImport(pick(IMPORT_NAMES), formats, (stored) => hashes.salted(stored));
      // What the key itself says about its environment and tenant goes before a default.
      const said = { ...(source.parts?.environment && { environment: source.parts.environment }), ...(source.parts?.tenantId && { tenantId: source.parts.tenantId }) };
      const fields = newFields({ ...said, ...pick(SETTING_NAMES) }, 'import', context, clock);
      for (const [name, value] of Object.entries(said)) {
        if (fields[name as keyof typeof said] !== value) throw new ConfigurationError('invalid_option', `import.${name}`, 'is not what the key itself says');
      }
      const hash = source.hash ?? (await hashes.hash(source.key ?? ''));
      return insert('imported', newRecord(fields, { id: source.id, hash, masked: source.masked }, clock.now()), origin);
    },
  };
}

function newRecord(fields: NewFields, identity: Pick<KeyRecord, 'id' | 'hash' | 'masked'>, now: number): KeyRecord {
  return withoutEmpty({ environment: 'live', scopes: [], ...fields, ...identity, version: 1, createdAt: now, updatedAt: now }) as unknown as KeyRecord;
}
