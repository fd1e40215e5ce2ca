import { createdKey, type CreatedKey } from './created-key.js';
import { checkSettings, SETTING_NAMES, type DraftContext, type KeySettings } from './draft.js';
import { ConfigurationError, KeystileError } from './errors.js';
import type { Events } from './events.js';
import type { FormatBook } from './format/format-book.js';
import type { GuardedStore } from './guarded-store.js';
import type { HashBook } from './hashing/hash-book.js';
import { IMPORT_NAMES, newId, readImport, type ImportSource } from './importing.js';
import { checkOptions } from './options.js';
import type { Clock } from './ports.js';
import { toApiKey, type ApiKey, type KeyChanges, type KeyRecord } from './record.js';

/** How keys come to be. */
export interface Issuing {
  readonly create: (settings: KeySettings) => Promise<CreatedKey>;
  readonly import: (source: ImportSource & KeySettings) => Promise<ApiKey>;
}

export interface IssuingSettings {
  readonly store: GuardedStore;
  readonly formats: FormatBook;
  readonly hashes: HashBook;
  readonly context: DraftContext;
  readonly events: Events;
  readonly clock: Clock;
}

export function createIssuing({ store, formats, hashes, context, events, clock }: IssuingSettings): Issuing {
  const tell = (name: 'created' | 'imported', apiKey: ApiKey): void => {
    if (events.wanted(name)) events.emit(name, { at: clock.now(), apiKey });
  };
  const insert = async (record: KeyRecord): Promise<ApiKey> => {
    if ((await store.insert(record)) === 'conflict') throw new KeystileError('key_exists', 'a key with this id or hash is already there', { status: 409 });
    return toApiKey(record, clock.now());
  };

  return {
    async create(settings) {
      const fields = checkSettings(settings, 'create', context);
      const format = formats.current;
      const { key, parts } = format.generate({ environment: fields.environment, tenantId: fields.tenantId });
      const record = newRecord(fields, { id: parts.id ?? newId(), hash: await hashes.hash(key), masked: format.mask(key) }, clock.now());
      const apiKey = await insert(record);
      tell('created', apiKey);
      return createdKey(key, apiKey);
    },

    async import(input) {
      const given = checkOptions(input, 'import', [...IMPORT_NAMES, ...SETTING_NAMES]);
      const pick = (names: readonly string[]): Record<string, unknown> => Object.fromEntries(names.filter((name) => given[name] !== undefined).map((name) => [name, given[name]]));
      const source = readImport(pick(IMPORT_NAMES), formats, (stored) => hashes.salted(stored));
      // What the key itself says about its environment and tenant goes before a default.
      const said = { ...(source.parts?.environment && { environment: source.parts.environment }), ...(source.parts?.tenantId && { tenantId: source.parts.tenantId }) };
      const fields = checkSettings({ ...said, ...pick(SETTING_NAMES) }, 'import', context);
      for (const [name, value] of Object.entries(said)) {
        if (fields[name as keyof typeof said] !== value) throw new ConfigurationError('invalid_option', `import.${name}`, 'is not what the key itself says');
      }
      const hash = source.hash ?? (await hashes.hash(source.key ?? ''));
      const apiKey = await insert(newRecord(fields, { id: source.id, hash, masked: source.masked }, clock.now()));
      tell('imported', apiKey);
      return apiKey;
    },
  };
}

function newRecord(fields: KeyChanges & { readonly name: string }, identity: Pick<KeyRecord, 'id' | 'hash' | 'masked'>, now: number): KeyRecord {
  return { environment: 'live', scopes: [], ...fields, ...identity, version: 1, createdAt: now, updatedAt: now } as KeyRecord;
}
