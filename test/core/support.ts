import { expect } from '@jest/globals';
import type { Keyring } from '../../src/core/keyring.js';
import { CHECKSUM_LENGTH, createChecksum } from '../../src/core/format/checksum.js';
import type { KeyringOptions } from '../../src/core/keyring-options.js';
import type { KeyStore } from '../../src/core/ports.js';
import type { KeyRecord } from '../../src/core/record.js';
import { createKeyring } from '../../src/keyring.js';
import { memoryStore } from '../../src/memory/store.js';

export const START = 1_763_780_400_000;

/** A clock that stands still until it is set. */
export function clockAt(time = START): { time: number; now(): number } {
  return { time, now() { return this.time; } };
}

/** Lets every callback that is ready run, promise jobs included. */
export const turn = async (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A store in memory that answers at once, later, or when it is let; and counts what it is asked. */
export interface WatchedStore extends KeyStore {
  readonly calls: Record<keyof KeyStore, number>;
  readonly inner: KeyStore;
  /** Every answer of these methods waits for this promise. */
  gate: { readonly methods: readonly (keyof KeyStore)[]; readonly until: Promise<unknown> } | undefined;
}

export function watchedStore(answers: 'now' | 'later' = 'now', inner: KeyStore = memoryStore()): WatchedStore {
  const calls = { insert: 0, find: 0, update: 0, replace: 0, delete: 0, list: 0, touch: 0 };
  const store: WatchedStore = { calls, inner, gate: undefined, insert: asked('insert'), find: asked('find'), update: asked('update'), replace: asked('replace'), delete: asked('delete'), list: asked('list'), touch: asked('touch') };
  function asked<K extends keyof KeyStore>(method: K): KeyStore[K] {
    const call = (...args: unknown[]): unknown => {
      calls[method]++;
      const run = (): unknown => (inner[method] as (...args: unknown[]) => unknown)(...args);
      if (store.gate?.methods.includes(method) !== true) return answers === 'now' ? run() : turn().then(run);
      const { until } = store.gate;
      // What a slow network does: the answer is of the time of the question.
      const answer = run();
      return until.then(() => answer);
    };
    return call as KeyStore[K];
  }
  return store;
}

/** A promise and the handle that ends it. */
export function latch(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open: () => { open(); } };
}

/** What a call throws or rejects with, as `[code, option]`; `undefined` when it does neither. */
export async function failure(call: () => unknown): Promise<readonly [code: unknown, option?: unknown] | undefined> {
  try {
    await call();
    return undefined;
  } catch (error) {
    const { code, option } = error as { code?: unknown; option?: unknown };
    expect(error).toBeInstanceOf(Error);
    return option === undefined ? [code] : [code, option];
  }
}

/** A keyring with two scopes, a plan, and a clock that stands still. */
export function ring(options: Partial<KeyringOptions> = {}): { keyring: Keyring; clock: ReturnType<typeof clockAt>; store: WatchedStore } {
  const clock = clockAt();
  const store = watchedStore();
  return { keyring: createKeyring<string, string>({ prefix: 'awx', scopes: { read: [], write: ['read'] }, plans: { starter: [] }, store, clock, cache: { max: 1_000 }, ...options }), clock, store };
}

/** Puts a changed record in place of the one with this id, as a hostile or broken store would. */
export async function tamper(store: WatchedStore, id: string, change: Partial<Record<keyof KeyRecord, unknown>>): Promise<void> {
  const record = await store.inner.find({ by: 'id', id });
  await store.inner.delete(id);
  await store.inner.insert({ ...record, ...change } as unknown as KeyRecord);
}

/** The code of a refused verification, or `'ok'`. */
export async function verdict(keyring: Keyring, key: string, request?: Parameters<Keyring['verify']>[1]): Promise<string> {
  const verification = await keyring.verify(key, request);
  if (!verification.ok) return verification.code;
  verification.release();
  return 'ok';
}

/** What somebody tries who knows the id of a key, and not its secret: the right id, another secret, and a checksum that fits. */
export function guessOf(key: string): string {
  const body = key.slice(0, -CHECKSUM_LENGTH);
  const guess = body.slice(0, -1) + (body.endsWith('a') ? 'b' : 'a');
  return guess + createChecksum(200).of(guess);
}
