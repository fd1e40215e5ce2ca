import { createChange, type ChangeSettings } from './changes.js';
import type { CreatedKey } from './created-key.js';
import { checkPatch, text, type DraftContext, type KeyPatch, type KeySettings } from './draft.js';
import { ConfigurationError } from './errors.js';
import type { FormatBook } from './format/format-book.js';
import type { HashBook } from './hashing/hash-book.js';
import type { ImportSource } from './importing.js';
import { createIssuing } from './issuing.js';
import { checkOptions } from './options.js';
import type { KeyQuery } from './ports.js';
import { toApiKey, type ApiKey, type KeyRecord, type KeyStatus } from './record.js';

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

export interface OperationSettings extends ChangeSettings {
  readonly formats: FormatBook;
  readonly hashes: HashBook;
  readonly context: DraftContext;
}

const STATUSES: readonly string[] = ['active', 'scheduled', 'disabled', 'expired', 'revoked'] satisfies KeyStatus[];
const LIST_NAMES = ['limit', 'cursor', 'tenantId', 'owner', 'environment', 'tag', 'status', 'search'];

/** What a store is asked: filters of the right type only, so that a wrong one is the caller's error and not a fault. */
function toQuery(options: ListOptions, now: number): KeyQuery {
  const given = checkOptions(options, 'list', LIST_NAMES);
  const { limit = 50, owner, status } = options;
  // Null is what JSON makes of NaN; numbers out of bounds are brought back into them.
  if (limit !== (null as unknown) && typeof limit !== 'number') throw new ConfigurationError('invalid_option', 'list.limit', 'must be a number');
  const wrong = (name: string, message: string): never => {
    throw new ConfigurationError('invalid_option', `list.${name}`, message);
  };
  for (const name of ['cursor', 'tenantId', 'environment', 'tag', 'search']) {
    if (given[name] !== undefined && typeof given[name] !== 'string') wrong(name, 'must be a text');
  }
  if (owner !== undefined) {
    const { type, id } = checkOptions(owner, 'list.owner', ['type', 'id']);
    if (typeof type !== 'string' || typeof id !== 'string') wrong('owner', 'needs type and id');
  }
  if (status !== undefined && !STATUSES.includes(status)) wrong('status', `must be one of ${STATUSES.join(', ')}`);
  return { ...options, limit: Math.min(500, Math.max(1, Math.floor(limit) || 1)), now };
}

export function createOperations(settings: OperationSettings): Operations {
  const { store, context, events, clock, forget } = settings;
  const issuing = createIssuing(settings);
  const show = (record: KeyRecord): ApiKey => toApiKey(record, clock.now());
  const change = createChange({ store, events, clock, forget });

  return {
    create: issuing.create,
    import: issuing.import,

    async get(id) {
      const record = await store.get(text(id, 'id', 128));
      return record && show(record);
    },

    async list(options = {}) {
      const page = await store.list(toQuery(options, clock.now()));
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
      if (gone && events.wanted('deleted')) events.emit('deleted', { at: clock.now(), id });
      return gone;
    },
  };
}
