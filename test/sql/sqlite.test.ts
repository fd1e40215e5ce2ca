import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Libsql from 'libsql';
import type { KeyPage } from '../../src/core/ports.js';
import { createKeyring } from '../../src/keyring.js';
import { migrate } from '../../src/sql/migrations.js';
import { sqliteStore } from '../../src/sql/sqlite-store.js';
import { sqlStore } from '../../src/sql/store.js';
import { storeContract } from '../../src/testing/store-contract.js';
import { fullRecord, plainRecord } from '../../src/testing/store-records.js';
import { sqliteDatabase, sqliteFile, type SqliteFile } from '../support/services/sqlite.js';
import { expectKept, killed } from './suites/killing.js';

/** The file is whole, and the full-text index holds what the texts do, no more and no less. */
function expectSound(path: string): void {
  const raw = new Libsql(path);
  expect(raw.prepare('pragma integrity_check').all()).toEqual([{ integrity_check: 'ok' }]);
  expect(() => raw.exec("insert into keystile_search_index(keystile_search_index, rank) values ('integrity-check', 1)")).not.toThrow();
  raw.close();
}

describe('sqliteStore', () => {
  let file: SqliteFile;
  beforeEach(() => {
    file = sqliteFile();
  });
  afterEach(() => file.remove());

  storeContract({ describe, it }, () => {
    const store = sqliteStore(':memory:');
    return { store, close: () => store.close() };
  });

  it('keeps keys over restarts, in a file that only its owner can read', async () => {
    const first = sqliteStore(file.path);
    const keyring = createKeyring({ prefix: 'awx', store: first });
    const { key } = await keyring.create({ name: 'lasting' });
    await keyring.verify(key);
    for (const part of ['', '-wal', '-shm']) expect([part, statSync(file.path + part).mode & 0o777]).toEqual([part, 0o600]);
    await keyring.close();
    first.close();
    const second = sqliteStore(file.path);
    const again = createKeyring({ prefix: 'awx', store: second });
    expect(await again.verify(key)).toMatchObject({ ok: true });
    expect((await again.list()).keys[0]?.lastUsedAt).toEqual(expect.any(Number));
    await again.close();
    second.close();
    expect(() => second.find({ by: 'id', id: 'a' })).toThrow();
    expect(() => second.close()).not.toThrow();
  });

  it('answers at once', () => {
    const store = sqliteStore(':memory:');
    expect(store.insert(fullRecord('a'))).toBe('inserted');
    expect(store.find({ by: 'id', id: 'a' })).toEqual(fullRecord('a'));
    expect(store.update('a', 1, { plan: undefined })).toMatchObject({ version: 2 });
    expect(store.list({ limit: 1, now: 0 })).toMatchObject({ records: [{ id: 'a' }] });
    store.close();
  });

  it('lasts beside a Kysely on the same file, whose tables are the same', async () => {
    const store = sqliteStore(file.path);
    const db = sqliteDatabase(file.path);
    await migrate(db);
    store.insert(fullRecord('a'));
    expect(await sqlStore(db).find({ by: 'id', id: 'a' })).toEqual(fullRecord('a'));
    await db.destroy();
    store.close();
  });

  it('refuses what it cannot open, in words', () => {
    writeFileSync(`${file.path}.text`, 'this is no database, and long enough to be read as one: '.repeat(100));
    const fault = { code: 'store_unavailable', status: 503 };
    expect(() => sqliteStore(`${file.path}.text`)).toThrow(expect.objectContaining({ ...fault, message: expect.stringContaining('cannot be used') }));
    expect(() => sqliteStore(`${file.path}/no/such/folder`)).toThrow(expect.objectContaining({ ...fault, message: expect.stringContaining('cannot be opened') }));
    sqliteStore(file.path).close();
    const raw = new Libsql(file.path);
    raw.exec("insert into keystile_migrations (name, timestamp) values ('9999_future', 'x')");
    raw.close();
    expect(() => sqliteStore(file.path)).toThrow(expect.objectContaining({ ...fault, message: expect.stringContaining('newer version') }));
    for (const path of ['', 'a\0b', undefined as never]) expect(() => sqliteStore(path)).toThrow(expect.objectContaining({ code: 'invalid_option', option: 'sqliteStore.path' }));
    expect(() => sqliteStore(file.path, { opne: 1 } as never)).toThrow("did you mean 'open'?");
    expect(() => sqliteStore(file.path, { open: 'libsql' as never })).toThrow(expect.objectContaining({ option: 'sqliteStore.open' }));
  });

  it('keeps its index of texts with the keys', () => {
    const store = sqliteStore(file.path);
    for (const id of ['a', 'b', 'c']) store.insert(fullRecord(id).id === 'a' ? fullRecord('a') : plainRecord(id));
    store.update('b', 1, { name: 'Another Name' });
    store.delete('a');
    store.delete('c');
    store.insert(plainRecord('d'));
    store.close();
    expectSound(file.path);
  });

  it('finds thousands of keys of one moment in order, as an import without times makes them', () => {
    const store = sqliteStore(':memory:');
    const ids = Array.from({ length: 4_200 }, (_, index) => `k${(index * 7_919) % 10_007}`);
    for (const id of ids) store.insert(plainRecord(id, { createdAt: 1_000, name: 'imported' }));
    store.insert(plainRecord('newer', { createdAt: 1_128, name: 'imported' }));
    const falling = ['newer', ...ids.sort().reverse()];
    const query = { limit: 1, now: 0, search: 'imported' };
    let cursor: string | undefined;
    for (const id of falling.slice(0, 5)) {
      const page = store.list({ ...query, ...(cursor !== undefined && { cursor }) }) as KeyPage;
      expect(page.records.map((record) => record.id)).toEqual([id]);
      cursor = page.nextCursor;
    }
    expect((store.list({ ...query, limit: 500 }) as KeyPage).records.map(({ id }) => id)).toEqual(falling.slice(0, 500));
    store.close();
  });

  describe('without a driver', () => {
    const [, program] = process.argv;
    beforeEach(() => {
      jest.spyOn(process, 'cwd').mockReturnValue(dirname(file.path));
      jest.spyOn(process, 'getBuiltinModule').mockReturnValue(undefined);
      process.argv[1] = file.path;
    });
    afterEach(() => {
      process.argv[1] = program ?? '';
      jest.restoreAllMocks();
    });

    it('says what to install, and makes no file', () => {
      expect(() => sqliteStore(file.path)).toThrow(expect.objectContaining({ name: 'ConfigurationError', message: expect.stringContaining('npm install libsql') }));
      expect(existsSync(file.path)).toBe(false);
    });

    it('says why one that is there does not load', () => {
      const folder = join(dirname(file.path), 'node_modules/libsql');
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, 'index.js'), "throw new Error('made for another Node');");
      expect(() => sqliteStore(file.path)).toThrow('libsql is there, but does not load: made for another Node');
    });
  });

  it('fails closed on a full disk and loses nothing; goes on when there is room', async () => {
    let handle: Libsql.Database | undefined;
    const store = sqliteStore(file.path, { open: (path) => (handle = new Libsql(path)) });
    const keyring = createKeyring({ prefix: 'awx', store });
    const { key, apiKey } = await keyring.create({ name: 'before' });
    const { page_count: pages } = handle?.prepare('pragma page_count').get() as { page_count: number };
    handle?.exec(`pragma max_page_count = ${pages + 2}`);
    let acknowledged = 0;
    const fill = async (length: number): Promise<void> => {
      for (;;) {
        await keyring.create({ name: 'filling', metadata: { long: 'x'.repeat(length) } });
        acknowledged++;
      }
    };
    for (const length of [10_000, 1_000, 1]) await expect(fill(length)).rejects.toMatchObject({ code: 'store_unavailable' });
    await expect(keyring.rotate(apiKey.id)).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(await keyring.verify(key)).toMatchObject({ ok: true });
    expect((await keyring.list({ limit: 500 })).keys).toHaveLength(1 + acknowledged);
    expect((await keyring.list({ search: 'filling', limit: 500 })).keys).toHaveLength(acknowledged);
    handle?.exec('pragma max_page_count = 1000000');
    await expect(keyring.rotate(apiKey.id)).resolves.toBeTruthy();
    await keyring.close();
    store.close();
  });

  it('is a fault where the file may only be read', async () => {
    sqliteStore(file.path).close();
    let handle: Libsql.Database | undefined;
    const store = sqliteStore(file.path, { open: (path) => (handle = new Libsql(path)) });
    store.insert(plainRecord('a'));
    // Root may write to any file, so that the mode of the file alone would show nothing here.
    handle?.exec('pragma query_only = on');
    const keyring = createKeyring({ prefix: 'awx', store });
    await expect(keyring.create({ name: 'x' })).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(store.find({ by: 'id', id: 'a' })).toEqual(plainRecord('a'));
    await keyring.close();
    store.close();
    if (process.getuid?.() !== 0) {
      chmodSync(file.path, 0o400);
      expect(() => sqliteStore(file.path)).toThrow(expect.objectContaining({ code: 'store_unavailable' }));
    }
  });

  it('reads while another process writes for long, writes nothing meanwhile, and goes on afterwards', async () => {
    // Locks of a file belong to a process: two copies of SQLite in one would not see each other's.
    const store = sqliteStore(file.path, { open: (path) => new Libsql(path) });
    const keyring = createKeyring({ prefix: 'awx', store, cache: false });
    const { key } = await keyring.create({ name: 'before' });
    const other = new Libsql(file.path);
    other.exec('begin immediate');
    await expect(keyring.create({ name: 'meanwhile' })).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(await keyring.verify(key)).toMatchObject({ ok: true });
    other.exec('commit');
    other.close();
    await keyring.create({ name: 'afterwards' });
    expect((await keyring.list()).keys.map(({ name }) => name).sort()).toEqual(['afterwards', 'before']);
    await keyring.close();
    store.close();
  });

  it('is shared by two processes, and keeps what they were told when both are killed', async () => {
    const said = await Promise.all([killed('sqlite', file.path, 'one', 120), killed('sqlite', file.path, 'two', 80)]);
    expect(existsSync(file.path)).toBe(true);
    expect(readFileSync(file.path).subarray(0, 15).toString()).toBe('SQLite format 3');
    const store = sqliteStore(file.path);
    for (const lines of said) await expectKept(store, lines);
    store.close();
    expectSound(file.path);
  });
});
