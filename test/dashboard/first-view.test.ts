import { expect, it } from '@jest/globals';
import Libsql from 'libsql';
import { createKeyring } from 'keystile';
import { sqlActivity, sqliteStore, sqlUsage } from 'keystile/sql';
import type { Page } from 'playwright-core';
import { CHROMIUM } from '../support/services/chromium.js';
import { until } from '../support/services/redis.js';
import { describeWith } from '../support/services/required.js';
import { sqliteFile } from '../support/services/sqlite.js';
import { useBrowser, useHosted, WIDTHS } from './support.js';

const MANY = 100_000;
const WITHIN_MS = 1_000;
/** Adding up a day of so many keys takes SQLite half a second, and longer where others work as well: what is timed is the page. */
const DEADLINES = { storeMs: 20_000 };
const PLACES = [['#/keys', '.key-name'], ['#/keys?sort=name', '.key-name'], ['#/', 'section:has(#newest) li a']] as const;

describeWith(CHROMIUM)('a hundred thousand keys', () => {
  const host = useHosted();
  const visit = useBrowser();

  it.each(WIDTHS)('are there within a second, searched, filtered, sorted and turned over, on a %s', async (name, width) => {
    const file = sqliteFile();
    const store = sqliteStore(file.path);
    try {
      const keyring = createKeyring({ prefix: 'awx', store, usage: sqlUsage(store), deadlines: DEADLINES });
      const { key } = await keyring.create({ name: 'pattern', tenantId: 'tenant-0', tags: ['one'] });
      await keyring.verify(key);
      await keyring.flush();
      multiply(file.path);
      expect((await keyring.list({ limit: 2, sort: { by: 'name', direction: 'desc' } })).keys).toMatchObject([{ name: 'pattern' }, { name: 'key 99999' }]);
      expect(await keyring.topKeys({ limit: 100 })).toHaveLength(100);
      await keyring.close();

      const { url } = await host({ keyring: { store, usage: sqlUsage(store), activity: sqlActivity(store), deadlines: DEADLINES } });
      const page = await visit(url, { width });
      for (const [place, first] of PLACES) {
        const times: number[] = [];
        while (times.length < 5 && !times.some((ms) => ms < WITHIN_MS)) {
          await page.goto('about:blank');
          const started = performance.now();
          await page.goto(url + place, { waitUntil: 'commit' });
          await page.locator(first).first().waitFor();
          times.push(performance.now() - started);
        }
        process.stdout.write(`first view of ${place} with ${MANY} keys on a ${name}: ${times.map((ms) => `${ms.toFixed(0)} ms`).join(', ')}\n`);
        // The best of five: a machine that others use as well is slow for reasons of its own.
        expect(Math.min(...times)).toBeLessThan(WITHIN_MS);
      }
      await page.locator('section:has(#top) li a').nth(4).waitFor();
      await walk(page, url);
    } finally {
      store.close();
      file.remove();
    }
  }, 180_000);
});

async function walk(page: Page, url: string): Promise<void> {
  const first = (expected: string): Promise<void> => until(async () => (await page.locator('.key-name').allTextContents())[0] === expected);
  await page.goto(`${url}#/keys?sort=name`);
  for (const expected of ['key 1', 'key 10041', 'key 10087']) {
    await first(expected);
    await page.getByRole('button', { name: 'Next' }).click();
  }
  await page.getByText('Page 4').waitFor();
  await page.getByRole('button', { name: 'Previous' }).click();
  await first('key 10087');
  await page.getByLabel('Search').fill('KEY 5432');
  await first('key 5432');
  expect(await page.locator('.key-name').count()).toBe(11);
  await page.getByLabel('Search').fill('');
  await page.getByLabel('Tenant').fill('tenant-77');
  await first('key 10077');
  await page.getByLabel('Tenant').fill('');
  await page.getByLabel('Tag').fill('one');
  await first('pattern');
}

/** Copies of the one key that is there, and of its use, by SQLite itself: no part of what is measured. */
function multiply(path: string): void {
  const database = new Libsql(path);
  const copy = (table: string, changes: Readonly<Record<string, string>>, where = ''): void => {
    const columns = (database.prepare('select name from pragma_table_info(?)').all(table) as { name: string }[]).map(({ name }) => name);
    const values = columns.map((name) => changes[name] ?? `"${name}"`);
    database.exec(`with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < ${MANY}) insert into ${table} (${columns.map((name) => `"${name}"`).join(', ')}) select ${values.join(', ')} from numbers, (select * from ${table} ${where} limit 1)`);
  };
  copy('keystile_keys', { id: "'id' || n", hash: "'sha256:' || n", name: "'key ' || n", tenant_id: "'tenant-' || (n % 1000)", created_at: 'created_at + n' });
  copy('keystile_search', { seq: 'seq + n', key_id: "'id' || n", content: "'id' || n || char(10) || 'key ' || n || char(10) || char(10)" });
  // By the day, as the most used keys of a week are found.
  copy('keystile_usage', { key_id: "'id' || n", tenant_id: "'tenant-' || (n % 1000)", amount: 'n' }, "where span = 3 and key_id <> ''");
  database.close();
}
