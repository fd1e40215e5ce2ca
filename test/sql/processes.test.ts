import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Kysely } from 'kysely';
import { createKeyring } from '../../src/keyring.js';
import type { KeyStore } from '../../src/core/ports.js';
import { migrate } from '../../src/sql/migrations.js';
import { postgresNotices } from '../../src/sql/postgres-notices.js';
import { sqliteStore, type SqliteStore } from '../../src/sql/sqlite-store.js';
import { sqlStore } from '../../src/sql/store.js';
import { until } from '../support/services/child.js';
import { mysqlDatabase, mysqlPool, MYSQLS, type MysqlService } from '../support/services/mariadb.js';
import { POSTGRES, postgresDatabase, postgresPool, startOwnPostgres } from '../support/services/postgres.js';
import { describeWith } from '../support/services/required.js';
import { sqliteFile, type SqliteFile } from '../support/services/sqlite.js';
import type { FilledEngine } from './suites/filling.js';
import { expectKept, killed } from './suites/killing.js';
import { expectOneWinner, startPeer } from './suites/peers.js';

type Shared = () => { readonly where: string; readonly store: KeyStore };

/** What two processes at one database must not do to each other. */
function raceTest(engine: FilledEngine, on: Shared): void {
  it('lets one of two that rotate, change, claim or regenerate the same win, and tells the other', () => expectOneWinner(engine, on().where, on().store));
}

function processSuite(engine: FilledEngine, on: Shared): void {
  raceTest(engine, on);
  it('keeps what was acknowledged when two are killed in the middle', async () => {
    const { where, store } = on();
    const said = await Promise.all([killed(engine, where, 'one', 100), killed(engine, where, 'two', 60)]);
    for (const lines of said) await expectKept(store, lines);
  });
}

describe('processes that share a SQLite file', () => {
  let file: SqliteFile;
  let store: SqliteStore;
  beforeAll(() => {
    file = sqliteFile();
    store = sqliteStore(file.path);
  });
  afterAll(() => {
    store.close();
    file.remove();
  });
  // Killing them is in `sqlite.test.ts`, where the file is looked into afterwards.
  raceTest('sqlite', () => ({ where: file.path, store }));
});

describeWith(POSTGRES)('processes that share a PostgreSQL', () => {
  let server: Awaited<ReturnType<typeof startOwnPostgres>>;
  let pool: ReturnType<typeof postgresPool>;
  let store: KeyStore;
  beforeAll(async () => {
    server = await startOwnPostgres();
    pool = postgresPool(server.url);
    await migrate(postgresDatabase(pool));
    store = sqlStore(postgresDatabase(pool));
  });
  afterAll(async () => {
    await pool.end();
    await server.stop();
  });
  processSuite('postgres', () => ({ where: server.url, store }));

  it('refuse a key that another has revoked: at the median within 100 ms', async () => {
    const keyring = createKeyring({ prefix: 'awx', store, cache: { invalidation: postgresNotices(pool) } });
    const peer = await startPeer('postgres', server.url);
    await until(async () => expect(await peer.ask({ isHeard: true })).toBe(true));
    const times: number[] = [];
    for (let round = 0; round < 15; round++) {
      const { key, apiKey } = await keyring.create({ name: 'short-lived' });
      expect(await peer.ask({ verify: key })).toBe(true);
      const refused = peer.ask({ refuse: key });
      await keyring.revoke(apiKey.id);
      const revokedAt = performance.timeOrigin + performance.now();
      times.push(Number(await refused) - revokedAt);
    }
    times.sort((a, b) => a - b);
    expect(times[7]).toBeLessThan(100);
    // It is the notice that was quick, not the other process's cache that was short.
    const { key, apiKey } = await keyring.create({ name: 'unheard' });
    expect(await peer.ask({ verify: key })).toBe(true);
    await pool.query('update keystile_keys set revoked_at = 1, version = 2 where id = $1', [apiKey.id]);
    expect(await peer.ask({ verify: key })).toBe(true);
    await peer.stop();
    await keyring.close();
  });
});

for (const service of MYSQLS) {
  describeWith(service)(`processes that share a ${service.name}`, () => {
    let server: Awaited<ReturnType<MysqlService['startOwn']>>;
    let db: Kysely<unknown>;
    beforeAll(async () => {
      server = await service.startOwn();
      db = mysqlDatabase(mysqlPool(server.url));
      await migrate(db);
    });
    afterAll(async () => {
      await db.destroy();
      await server.stop();
    });
    processSuite(service.engine, () => ({ where: server.url, store: sqlStore(db) }));
  });
}
