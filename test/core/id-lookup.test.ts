import { describe, expect, it } from '@jest/globals';
import { createAccessBook } from '../../src/core/access/access-book.js';
import { createKeyCache } from '../../src/core/cache.js';
import type { EntryContext } from '../../src/core/compile-entry.js';
import type { KeyEntry } from '../../src/core/entry.js';
import { createIdLookup } from '../../src/core/id-lookup.js';
import type { KeyRecord } from '../../src/core/record.js';
import { createScopeBook } from '../../src/core/scopes.js';
import { failure, latch, START, turn } from './support.js';

const context: EntryContext = { identity: Symbol('test'), scopes: createScopeBook({ read: [] }), access: createAccessBook(), plans: new Map(), defaultLimits: [] };
const record = (change: Partial<KeyRecord> = {}): KeyRecord => ({ id: 'key-one', version: 1, hash: 'sha256:x', masked: 'x', name: 'one', environment: 'live', scopes: ['read'], createdAt: START, updatedAt: START, ...change });

const lookup = (get: (id: string) => KeyRecord | undefined | Promise<KeyRecord | undefined>, ttlMs = 1_000): ReturnType<typeof createIdLookup> => createIdLookup({ store: { get }, cache: createKeyCache({ max: 100, ttlMs }), context });
const may = (): boolean => true;
const nameOf = async (found: unknown): Promise<string> => {
  const entry = (await found) as KeyEntry | string;
  return typeof entry === 'string' ? entry : entry.record.name;
};

describe('a look-up by id', () => {
  it('knows what it has loaded, until it is told to forget or its time is over', async () => {
    const ids = lookup(() => record());
    expect(ids.known('key-one', START)).toBeUndefined();
    expect(await nameOf(ids.load('key-one', may, START))).toBe('one');
    expect(await nameOf(ids.known('key-one', START + 999))).toBe('one');
    expect(ids.known('key-one', START + 1_000)).toBeUndefined();
    await ids.load('key-one', may, START + 1_000);
    ids.forget('key-one');
    expect(ids.known('key-one', START + 1_000)).toBeUndefined();
  });

  it('keeps ids with the same end apart', async () => {
    const ids = lookup((id) => record({ id, name: id }));
    for (const id of ['a-same', 'b-same', 'c-same']) await ids.load(id, may, START);
    for (const id of ['a-same', 'b-same', 'c-same']) expect(await nameOf(ids.known(id, START) ?? ids.load(id, may, START))).toBe(id);
  });

  it('does not know deleted keys, nor those that were never there', async () => {
    expect(await nameOf(lookup(() => record({ deletedAt: START })).load('key-one', may, START))).toBe('unknown');
    expect(await nameOf(lookup(() => undefined).load('key-one', may, START))).toBe('unknown');
  });

  it('asks the store once for a crowd', async () => {
    const opened = latch();
    let asked = 0;
    const ids = lookup(async () => { asked++; await opened.opened; return record(); });
    const crowd = Array.from({ length: 10 }, () => nameOf(ids.load('key-one', may, START)));
    opened.open();
    expect(new Set(await Promise.all(crowd))).toEqual(new Set(['one']));
    expect(asked).toBe(1);
  });

  it('reads again what was changed while it was read, and keeps nothing of the old', async () => {
    const opened = latch();
    let stored = record();
    const ids = lookup(async () => { const answer = stored; await opened.opened; return answer; });
    const loading = nameOf(ids.load('key-one', may, START));
    await turn();
    ids.forget('key-one');
    stored = record({ name: 'changed' });
    ids.forget('key-one');
    opened.open();
    expect(await loading).toBe('changed');
    expect(await nameOf(ids.known('key-one', START))).toBe('changed');
  });

  it('gives up on a key that is changed all the time, and recovers from a store that fails', async () => {
    let failing = false;
    const ids = lookup(async (id) => { await turn(); if (failing) throw new Error('down'); ids.forget(id); return record(); });
    expect(await failure(() => ids.load('key-one', may, START))).toEqual(['store_unavailable']);
    failing = true;
    expect(await failure(() => ids.load('key-one', may, START))).toEqual([undefined]);
    expect(await failure(() => ids.load('key-one', may, START))).toEqual([undefined]);
  });
});
