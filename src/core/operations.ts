import { checkPatch, checkSettings, text, SETTING_NAMES, type DraftContext, type KeyPatch, type KeySettings } from './draft.js';
import { ConfigurationError, KeystileError } from './errors.js';
import type { Events, EventName, KeyringEvents } from './events.js';
import type { FormatBook } from './format/format-book.js';
import type { GuardedStore } from './guarded-store.js';
import type { HashBook } from './hashing/hash-book.js';
import { IMPORT_NAMES, newId, readImport, type ImportSource } from './importing.js';
import { checkOptions } from './options.js';
import type { Clock, KeyQuery } from './ports.js';
import { toApiKey, type ApiKey, type KeyChanges, type KeyRecord, type KeyStatus } from './record.js';
import { createdKey, type CreatedKey } from './created-key.js';

/** Filters and paging of `keyring.list`. */
export interface ListOptions {
  /** Keys a page, 1 to 500. Default: 50. */
  readonly limit?: number;
  /** `nextCursor` of the page before. */
  readonly cursor?: string;
  readonly tenantId?: string;
  readonly owner?: { readonly type: string; readonly id: string };
  readonly environment?: string;
  readonly tag?: string;
  readonly status?: KeyStatus;
  /** Part of the id, name, tenant id or owner id, upper and lower case alike. */
  readonly search?: string;
}

/** Why and by whom a key is revoked; both are kept with it. */
export interface RevokeOptions {
  readonly reason?: string;
  readonly by?: string;
}

/** What management does to keys. */
export interface Operations {
  create(settings: KeySettings): Promise<CreatedKey>;
  import(source: ImportSource & KeySettings): Promise<ApiKey>;
  get(id: string): Promise<ApiKey | undefined>;
  list(options?: ListOptions): Promise<{ readonly keys: readonly ApiKey[]; readonly nextCursor?: string }>;
  update(id: string, patch: KeyPatch, guard?: { readonly version?: number }): Promise<ApiKey>;
  disable(id: string): Promise<ApiKey>;
  enable(id: string): Promise<ApiKey>;
  revoke(id: string, options?: RevokeOptions): Promise<ApiKey>;
  delete(id: string): Promise<boolean>;
}

export interface OperationSettings {
  readonly store: GuardedStore;
  readonly formats: FormatBook;
  readonly hashes: HashBook;
  readonly context: DraftContext;
  readonly events: Events;
  readonly clock: Clock;
  /** Makes verifications under way look again. */
  readonly forget: (id: string) => void;
}

type ChangeEvent = 'updated' | 'disabled' | 'enabled' | 'revoked';

/** Lost races for a change that would be made again are tried again this often. */
const MAX_ATTEMPTS = 10;
const LIST_NAMES = ['limit', 'cursor', 'tenantId', 'owner', 'environment', 'tag', 'status', 'search'];

export function createOperations({ store, formats, hashes, context, events, clock, forget }: OperationSettings): Operations {
  const show = (record: KeyRecord): ApiKey => toApiKey(record, clock.now());
  const tell = <Name extends EventName>(name: Name, event: Omit<KeyringEvents[Name], 'at'>): void => {
    if (events.wanted(name)) events.emit(name, { at: clock.now(), ...event } as KeyringEvents[Name]);
  };

  const insert = async (record: KeyRecord): Promise<ApiKey> => {
    if ((await store.insert(record)) === 'conflict') throw new KeystileError('key_exists', 'a key with this id or hash is already there', { status: 409 });
    return show(record);
  };

  const existing = async (id: string): Promise<KeyRecord> => {
    const record = await store.find({ by: 'id', id: text(id, 'id', 128) });
    if (record === undefined) throw new KeystileError('key_not_found', 'there is no key with this id', { status: 404 });
    return record;
  };

  /** Read, decide, write while nobody else has; `undefined` from `decide` leaves the record as it is. */
  const change = async (id: string, name: ChangeEvent, decide: (record: KeyRecord) => KeyChanges | undefined, version?: number): Promise<ApiKey> => {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const before = await existing(id);
      if (version !== undefined && before.version !== version) break;
      const changes = decide(before);
      if (changes === undefined) return show(before);
      forget(id);
      let after: KeyRecord | undefined;
      try {
        after = await store.update(id, before.version, { ...changes, updatedAt: clock.now() });
      } finally {
        // Also when the store failed: it may have made the change before it broke.
        forget(id);
      }
      if (after === undefined) continue;
      const apiKey = show(after);
      tell(name, { apiKey });
      return apiKey;
    }
    throw new KeystileError('version_conflict', 'the key has been changed in the meantime', { status: 409 });
  };

  return {
    async create(settings) {
      const fields = checkSettings(settings, 'create', context);
      const format = formats.current;
      const { key, parts } = format.generate({ environment: fields.environment, tenantId: fields.tenantId });
      const record = newRecord(fields, { id: parts.id ?? newId(), hash: await hashes.hash(key), masked: format.mask(key) }, clock.now());
      const apiKey = await insert(record);
      tell('created', { apiKey });
      return createdKey(key, apiKey);
    },

    async import(input) {
      const given = checkOptions(input, 'import', [...IMPORT_NAMES, ...SETTING_NAMES]);
      const pick = (names: readonly string[]): Record<string, unknown> => Object.fromEntries(names.filter((name) => given[name] !== undefined).map((name) => [name, given[name]]));
      const source = readImport(pick(IMPORT_NAMES) as ImportSource, formats, (stored) => hashes.salted(stored));
      // What the key itself says about its environment and tenant goes before a default.
      const said = { ...(source.parts?.environment && { environment: source.parts.environment }), ...(source.parts?.tenantId && { tenantId: source.parts.tenantId }) };
      const fields = checkSettings({ ...said, ...pick(SETTING_NAMES) }, 'import', context);
      for (const [name, value] of Object.entries(said)) {
        if (fields[name as keyof typeof said] !== value) throw new ConfigurationError('invalid_option', `import.${name}`, 'is not what the key itself says');
      }
      const hash = source.hash ?? (await hashes.hash(source.key ?? ''));
      const apiKey = await insert(newRecord(fields, { id: source.id, hash, masked: source.masked }, clock.now()));
      tell('imported', { apiKey });
      return apiKey;
    },

    async get(id) {
      const record = await store.find({ by: 'id', id: text(id, 'id', 128) });
      return record && show(record);
    },

    async list(options = {}) {
      const { limit = 50 } = checkOptions(options, 'list', LIST_NAMES) as ListOptions;
      const wanted = Math.min(500, Math.max(1, Math.floor(limit) || 1));
      const page = await store.list({ ...options, limit: wanted, now: clock.now() } satisfies KeyQuery);
      return { keys: page.records.map(show), ...(page.nextCursor !== undefined && { nextCursor: page.nextCursor }) };
    },

    async update(id, patch, guard = {}) {
      checkOptions(guard, 'guard', ['version']);
      const changes = checkPatch(patch, 'update', context);
      return change(id, 'updated', () => (Object.keys(changes).length === 0 ? undefined : changes), guard.version);
    },

    disable: (id) => change(id, 'disabled', (record) => (record.disabledAt === undefined ? { disabledAt: clock.now() } : undefined)),
    enable: (id) => change(id, 'enabled', (record) => (record.disabledAt === undefined ? undefined : { disabledAt: undefined })),

    async revoke(id, options = {}) {
      checkOptions(options, 'revoke', ['reason', 'by']);
      const reason = options.reason === undefined ? {} : { revokedReason: text(options.reason, 'revoke.reason', 1_024) };
      const by = options.by === undefined ? {} : { revokedBy: text(options.by, 'revoke.by', 256) };
      // A second revoke keeps the first one's time, reason and actor.
      return change(id, 'revoked', (record) => (record.revokedAt === undefined ? { revokedAt: clock.now(), ...reason, ...by } : undefined));
    },

    async delete(id) {
      text(id, 'id', 128);
      forget(id);
      let gone: boolean;
      try {
        gone = await store.delete(id);
      } finally {
        forget(id);
      }
      if (gone) tell('deleted', { id });
      return gone;
    },
  };
}

function newRecord(fields: KeyChanges & { readonly name: string }, identity: Pick<KeyRecord, 'id' | 'hash' | 'masked'>, now: number): KeyRecord {
  return { environment: 'live', scopes: [], ...fields, ...identity, version: 1, createdAt: now, updatedAt: now } as KeyRecord;
}
