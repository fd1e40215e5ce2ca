import { isPromise, withDeadline } from './awaitable.js';
import { noBreaker, type Breaker } from './breaker.js';
import { isKeystileError, storeUnavailable } from './errors.js';
import type { Awaitable, Insertion, KeyPage, KeyStore, KeyUse } from './ports.js';
import { isSound, type KeyRecord } from './record.js';

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
  insert(record: KeyRecord): Awaitable<Insertion>;
  /** For the proof of a secret: the record is as the store gave it, but for its id and hash unchecked. */
  find(lookup: Parameters<KeyStore['find']>[0]): Awaitable<KeyRecord | undefined>;
  /** For management. */
  get(id: string): Awaitable<KeyRecord | undefined>;
  update(...args: Parameters<KeyStore['update']>): Awaitable<KeyRecord | undefined>;
  replace(...args: Parameters<KeyStore['replace']>): Awaitable<Insertion | 'changed'>;
  delete(id: string): Awaitable<boolean>;
  list(query: Parameters<KeyStore['list']>[0]): Awaitable<KeyPage>;
  touch(uses: readonly KeyUse[]): Awaitable<void>;
}

const INSERTIONS = ['inserted', 'conflict', 'slot_taken'] as const;

export function guardStore(store: KeyStore, deadlineMs: number, breaker: Breaker = noBreaker): GuardedStore {
  const asked = <T>(call: () => Awaitable<unknown>, read: (value: unknown) => T, what: string): Awaitable<T> => {
    const question = breaker.begin();
    if (question === 0) throw storeUnavailable(`${what}: the store has failed repeatedly and is left alone for a moment`);
    const failed = (error: unknown, isSlow: boolean): never => {
      breaker.failed(question, error, isSlow);
      throw error;
    };
    const worked = (value: T, wasAwaited: boolean): T => {
      breaker.worked(question, wasAwaited);
      return value;
    };
    try {
      const answer = guarded(call, read, what, deadlineMs);
      if (!isPromise(answer)) return worked(answer, false);
      const began = performance.now();
      return answer.then((value) => worked(value, true), (error: unknown) => failed(error, performance.now() - began >= deadlineMs / 2));
    } catch (error) {
      return failed(error, false);
    }
  };
  return {
    insert: (record) => asked(() => store.insert(record), (answer) => oneOf(answer, INSERTIONS), 'store.insert'),
    find: (lookup) => asked(() => store.find(lookup), readStored, 'store.find'),
    get: (id) => asked(() => store.find({ by: 'id', id }), readRecord, 'store.find'),
    update: (id, version, changes) => asked(() => store.update(id, version, changes), readRecord, 'store.update'),
    replace: (...args) => asked(() => store.replace(...args), (answer) => oneOf(answer, [...INSERTIONS, 'changed'] as const), 'store.replace'),
    delete: (id) => asked(() => store.delete(id), (answer) => oneOf(answer, [true, false] as const), 'store.delete'),
    list: (query) => asked(() => store.list(query), readPage, 'store.list'),
    touch: (uses) => asked(() => store.touch(uses), () => undefined, 'store.touch'),
  };
}

function oneOf<T>(answer: unknown, allowed: readonly T[]): T {
  if (allowed.includes(answer as T)) return answer as T;
  throw storeUnavailable('the store answered with something unexpected');
}

/** An answer with enough of a record to compare a secret with: that must not take longer for a record than for none. */
function readStored(answer: unknown): KeyRecord | undefined {
  if (answer === undefined || answer === null) return undefined;
  const { id, hash } = answer as Partial<KeyRecord>;
  if (typeof id === 'string' && typeof hash === 'string') return answer as KeyRecord;
  throw storeUnavailable('the store answered with something that is no key record');
}

/** The whole record behind a store's answer. */
function readRecord(answer: unknown): KeyRecord | undefined {
  const record = readStored(answer);
  if (record !== undefined && !isSound(record)) throw storeUnavailable('the store answered with something that is no key record');
  return record;
}

function readPage(answer: unknown): KeyPage {
  const page = answer as Partial<KeyPage> | null | undefined;
  if (typeof page !== 'object' || page === null || !Array.isArray(page.records)) throw storeUnavailable('the store answered with something that is no page');
  for (const record of page.records) readRecord(record);
  return page as KeyPage;
}
