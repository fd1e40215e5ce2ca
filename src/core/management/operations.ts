import { checkOptions } from '../options.js';
import { ConfigurationError } from '../errors.js';
import type { KeyQuery, KeySort } from '../ports.js';
import type { ApiKey, KeyChanges, KeyRecord, KeySlot, KeyStatus } from '../record.js';
import { readGuard, type Attribution, type Guard } from './attribution.js';
import { forAll, type BulkFilter, type Pages } from './bulk.js';
import { createChanges, type ChangeSettings } from './changes.js';
import { checkPatch, keySlot, text, type KeyPatch } from './draft.js';
import { changedFields } from './fields.js';
import { createIssuing, type Issuing, type IssuingSettings } from './issuing.js';
import { createRemoval, type Removal } from './removal.js';
import { createSuccessions, type Successions } from './succession.js';

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
  readonly slot?: KeySlot;
  /** Deleted keys that can still be brought back, and no others. Default: `false`. */
  readonly deleted?: boolean;
  readonly status?: KeyStatus;
  /** Part of the id, name, tenant id or owner id, upper and lower case alike. */
  readonly search?: string;
  /** Default: newest first. A cursor belongs to the order it was made in. */
  readonly sort?: KeySort;
}

/** What `keyring.get` looks for. */
export interface GetOptions {
  /** Also a key that was deleted and can still be brought back. Default: `false`. */
  readonly deleted?: boolean;
}

/** Why and by whom a key is revoked; kept with it. */
export interface RevokeOptions extends Guard {
  readonly reason?: string;
}

/** What management does to keys. */
export interface Operations extends Issuing, Successions, Removal {
  get(id: string, options?: GetOptions): Promise<ApiKey | undefined>;
  list(options?: ListOptions): Promise<{ readonly keys: readonly ApiKey[]; readonly nextCursor?: string }>;
  update(id: string, patch: KeyPatch, guard?: Guard): Promise<ApiKey>;
  disable(id: string, guard?: Guard): Promise<ApiKey>;
  enable(id: string, guard?: Guard): Promise<ApiKey>;
  revoke(id: string, options?: RevokeOptions): Promise<ApiKey>;
  disableAll(filter: BulkFilter, attribution?: Attribution): Promise<number>;
  enableAll(filter: BulkFilter, attribution?: Attribution): Promise<number>;
  revokeAll(filter: BulkFilter, options?: RevokeOptions): Promise<number>;
  deleteAll(filter: BulkFilter, attribution?: Attribution): Promise<number>;
}

export type OperationSettings = IssuingSettings & ChangeSettings;

const STATUSES: readonly string[] = ['active', 'scheduled', 'disabled', 'expired', 'revoked'] satisfies KeyStatus[];
const LIST_NAMES = ['limit', 'cursor', 'tenantId', 'owner', 'environment', 'tag', 'slot', 'deleted', 'status', 'search', 'sort'];
const SORTS: readonly string[] = ['createdAt', 'name', 'lastUsedAt', 'expiresAt'] satisfies KeySort['by'][];

/** What a store is asked: filters of the right type only, so that a wrong one is the caller's error and not a fault. */
function toQuery(options: ListOptions, now: number): KeyQuery {
  const given = checkOptions(options, 'list', LIST_NAMES);
  const { limit = 50, owner, slot, deleted, status, sort } = options;
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
  if (slot !== undefined) keySlot(slot, 'list.slot');
  if (deleted !== undefined && typeof deleted !== 'boolean') wrong('deleted', 'must be true or false');
  if (status !== undefined && !STATUSES.includes(status)) wrong('status', `must be one of ${STATUSES.join(', ')}`);
  if (sort !== undefined) {
    const { by, direction } = checkOptions(sort, 'list.sort', ['by', 'direction']);
    if (typeof by !== 'string' || !SORTS.includes(by) || (direction !== 'asc' && direction !== 'desc')) wrong('sort', `needs by (${SORTS.join(', ')}) and direction (asc, desc)`);
  }
  return { ...options, limit: Math.min(500, Math.max(1, Math.floor(limit) || 1)), now };
}

export function createOperations(settings: OperationSettings): Operations {
  const { store, context, clock, show } = settings;
  const issuing = createIssuing(settings);
  const changes = createChanges(settings);
  const { change } = changes;

  const list: Operations['list'] = async (options = {}) => {
    const page = await store.list(toQuery(options, clock.now()));
    return { keys: page.records.map(show), ...(page.nextCursor !== undefined && { nextCursor: page.nextCursor }) };
  };
  const pages: Pages = (filter, cursor) => list({ ...filter, limit: 100, ...(cursor !== undefined && { cursor }) });
  /** Whether a change of this key made a difference. */
  const differs = async (before: ApiKey, after: Promise<ApiKey>): Promise<boolean> => (await after).version !== before.version;

  const disable: Operations['disable'] = async (id, guard = {}) =>
    change(id, 'disabled', (record) => (record.disabledAt === undefined ? { disabledAt: clock.now() } : undefined), readGuard(guard, 'disable'));
  const enable: Operations['enable'] = async (id, guard = {}) =>
    change(id, 'enabled', (record) => (record.disabledAt === undefined ? undefined : { disabledAt: undefined }), readGuard(guard, 'enable'));
  const revoke: Operations['revoke'] = async (id, options = {}) => {
    const guard = readGuard(options, 'revoke', ['reason']);
    const revokedReason = options.reason === undefined ? undefined : text(options.reason, 'revoke.reason', 1_024);
    // A second revoke keeps the first one's time, reason and actor.
    const decide = ({ revokedAt }: KeyRecord): KeyChanges | undefined =>
      revokedAt === undefined ? { revokedAt: clock.now(), revokedReason, revokedBy: guard.by, slot: undefined } : undefined;
    return change(id, 'revoked', decide, guard);
  };
  const removal = createRemoval(settings, changes, context.lifecycle);

  return {
    ...issuing,
    ...createSuccessions(settings, issuing, changes),
    ...removal,
    list,
    disable,
    enable,
    revoke,

    async get(id, options = {}) {
      const { deleted = false } = checkOptions(options, 'get', ['deleted']);
      const record = await store.get(text(id, 'id', 128));
      return record === undefined || (record.deletedAt !== undefined && deleted !== true) ? undefined : show(record);
    },

    async update(id, patch, guard = {}) {
      const checked = readGuard(guard, 'guard');
      const wanted = checkPatch(patch, 'update', context);
      return change(id, 'updated', (record) => changedFields(record, wanted, context), checked);
    },

    disableAll: (filter, attribution) => forAll(filter, pages, (key) => differs(key, disable(key.id, attribution))),
    enableAll: (filter, attribution) => forAll(filter, pages, (key) => differs(key, enable(key.id, attribution))),
    revokeAll: (filter, options) => forAll(filter, pages, (key) => differs(key, revoke(key.id, options))),
    // Each page is gone once it has been dealt with, but a cursor stands for a place, not for a number of keys.
    deleteAll: (filter, attribution) => forAll(filter, pages, ({ id }) => removal.delete(id, attribution)),
  };
}
