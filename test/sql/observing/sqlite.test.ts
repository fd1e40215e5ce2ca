import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createKeyring } from '../../../src/keyring.js';
import { sqlActivity } from '../../../src/sql/activity.js';
import { sqliteStore } from '../../../src/sql/sqlite-store.js';
import { sqlUsage } from '../../../src/sql/usage.js';
import { activityContract } from '../../../src/testing/activity-contract.js';
import { usageContract } from '../../../src/testing/usage-contract.js';
import { sqliteDatabase, sqliteFile, type SqliteFile } from '../../support/services/sqlite.js';
import { observingSuite } from './suite.js';

describe("activity and usage on a host's own SQLite", () => {
  let file: SqliteFile;
  beforeAll(() => {
    file = sqliteFile();
  });
  afterAll(() => file.remove());
  observingSuite(() => ({ kind: 'sqlite', connect: (config) => sqliteDatabase(file.path, config), schema: undefined }));
});

describe('activity and usage in the file of a sqliteStore', () => {
  activityContract({ describe, it }, () => {
    const store = sqliteStore(':memory:');
    return { log: sqlActivity(store), close: () => store.close() };
  });
  usageContract({ describe, it }, () => {
    const store = sqliteStore(':memory:');
    return { meter: sqlUsage(store), close: () => store.close() };
  });

  it('are there after a restart, beside the keys', async () => {
    const file = sqliteFile();
    for (const round of [1, 2]) {
      const store = sqliteStore(file.path);
      const keyring = createKeyring({ prefix: 'awx', store, activity: sqlActivity(store, { keepDays: 30 }), usage: sqlUsage(store) });
      const { key } = await keyring.create({ name: 'x' });
      await keyring.verify(key);
      expect((await keyring.usage({ per: 'day' })).totals.allowed).toBe(round);
      expect((await keyring.activity({ action: 'request' })).entries).toHaveLength(round);
      await keyring.close();
      store.close();
    }
    file.remove();
  });

  it.each([undefined, 'acme'])('sums up many keys a little at a time, for others to have their turn: tenant %s', async (tenantId) => {
    const DAY = 86_400_000;
    const keys = Array.from({ length: 2_500 }, (_, index) => index);
    const store = sqliteStore(':memory:');
    const meter = sqlUsage(store);
    for (const day of [1, 2, 5]) {
      const counts = keys.map((key) => ({ at: day * DAY, keyId: `key${String(key)}`, tenantId: key % 2 === 0 ? 'acme' : 'globex', outcome: 'allowed', count: 1 + ((key * 7 + day * 911) % 2_500) }));
      for (let from = 0; from < counts.length; from += 500) await meter.add({ id: `${String(day)}.${String(from)}`, at: 5 * DAY, counts: counts.slice(from, from + 500) });
    }
    const sums = keys.filter((key) => tenantId === undefined || key % 2 === 0).map((key) => ({ key, sum: [1, 2, 5].reduce((sum, day) => sum + 1 + ((key * 7 + day * 911) % 2_500), 0) }));
    let turns = 0;
    let isOver = false;
    const turn = (): void => {
      turns++;
      if (!isOver) setImmediate(turn);
    };
    setImmediate(turn);
    const found = await meter.top({ per: 'day', from: 0, to: 10 * DAY, by: 'allowed', limit: 5, ...(tenantId !== undefined && { tenantId }) });
    isOver = true;
    expect(found.map(({ allowed }) => allowed)).toEqual(sums.map(({ sum }) => sum).sort((a, b) => b - a).slice(0, 5));
    for (const { keyId, allowed } of found) expect(sums.find(({ key }) => keyId === `key${String(key)}`)?.sum).toBe(allowed);
    expect(turns).toBeGreaterThanOrEqual(tenantId === undefined ? 9 : 6);
    store.close();
  });

  it('refuses names of tables that the file does not have, and settings that it cannot have', () => {
    const store = sqliteStore(':memory:');
    for (const options of [{ tablePrefix: 'x_' }, { schema: 'x' }]) expect(() => sqlActivity(store, options)).toThrow(expect.objectContaining({ code: 'invalid_option', option: 'sqlActivity' }));
    for (const keepDays of [0, -1, 1.5, NaN, '7', 36_501, null]) expect(() => sqlActivity(store, { keepDays: keepDays as never })).toThrow(expect.objectContaining({ option: 'sqlActivity.keepDays' }));
    expect(() => sqlUsage(store, { keepDay: {} } as never)).toThrow("did you mean 'keepDays'?");
    expect(() => sqlUsage({} as never)).toThrow(expect.objectContaining({ option: 'sqlUsage.db' }));
    store.close();
  });
});
