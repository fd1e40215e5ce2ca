import { isPromise, withDeadline } from './awaitable.js';
import { isKeystileError, storeUnavailable } from './errors.js';
import { isPlainObject } from './options.js';
import type { Awaitable, KeyPage, KeyStore } from './ports.js';
import type { KeyRecord } from './record.js';

/** Runs a call of a port: what throws, rejects, hangs or answers nonsense becomes one kind of fault. */
export function guarded<T>(call: () => Awaitable<unknown>, read: (value: unknown) => T, what: string, deadlineMs: number): Awaitable<T> {
  const fault = (error: unknown): never => {
    throw isKeystileError(error) ? error : storeUnavailable(`${what} failed`, error);
  };
  try {
    const answer = call();
    if (!isPromise(answer)) return read(answer);
    const late = (): Error => storeUnavailable(`${what} gave no answer within ${String(deadlineMs)} ms`);
    return withDeadline(answer, deadlineMs, late).then(read).catch(fault);
  } catch (error) {
    return fault(error);
  }
}

/** A store whose every call has a deadline and whose answers are checked for their shape. */
export interface GuardedStore {
  insert(record: KeyRecord): Awaitable<'inserted' | 'conflict'>;
  find(lookup: Parameters<KeyStore['find']>[0]): Awaitable<KeyRecord | undefined>;
  update(...args: Parameters<KeyStore['update']>): Awaitable<KeyRecord | undefined>;
  delete(id: string): Awaitable<boolean>;
  list(query: Parameters<KeyStore['list']>[0]): Awaitable<KeyPage>;
}

export function guardStore(store: KeyStore, deadlineMs: number): GuardedStore {
  return {
    insert: (record) => guarded(() => store.insert(record), (answer) => oneOf(answer, ['inserted', 'conflict'] as const), 'store.insert', deadlineMs),
    find: (lookup) => guarded(() => store.find(lookup), readRecord, 'store.find', deadlineMs),
    update: (id, version, changes) => guarded(() => store.update(id, version, changes), readRecord, 'store.update', deadlineMs),
    delete: (id) => guarded(() => store.delete(id), (answer) => oneOf(answer, [true, false] as const), 'store.delete', deadlineMs),
    list: (query) => guarded(() => store.list(query), readPage, 'store.list', deadlineMs),
  };
}

function oneOf<T>(answer: unknown, allowed: readonly T[]): T {
  if (allowed.includes(answer as T)) return answer as T;
  throw storeUnavailable('the store answered with something unexpected');
}

const OPTIONAL_TIMES = ['notBefore', 'expiresAt', 'graceExpiresAt', 'disabledAt', 'revokedAt'] as const;

/** The record behind a store's answer; a half-read one must deny, so what is needed to decide is checked. */
function readRecord(answer: unknown): KeyRecord | undefined {
  if (answer === undefined || answer === null) return undefined;
  const record = answer as Partial<Record<keyof KeyRecord, unknown>>;
  const sound =
    typeof answer === 'object' &&
    [record.id, record.hash, record.name, record.environment, record.masked].every((field) => typeof field === 'string') &&
    [record.version, record.createdAt].every((field) => typeof field === 'number') &&
    Array.isArray(record.scopes) &&
    record.scopes.every((scope) => typeof scope === 'string') &&
    OPTIONAL_TIMES.every((field) => record[field] === undefined || typeof record[field] === 'number') &&
    [record.tenantId, record.plan].every((field) => field === undefined || typeof field === 'string') &&
    [record.access, record.metadata, record.owner].every((field) => field === undefined || isPlainObject(field)) &&
    (record.limits === undefined || Array.isArray(record.limits));
  if (!sound) throw storeUnavailable('the store answered with something that is no key record');
  return answer as KeyRecord;
}

function readPage(answer: unknown): KeyPage {
  const page = answer as Partial<KeyPage> | null | undefined;
  if (typeof page !== 'object' || page === null || !Array.isArray(page.records)) throw storeUnavailable('the store answered with something that is no page');
  for (const record of page.records) readRecord(record);
  return page as KeyPage;
}
