/**
 * Takes the pictures of docs/dashboard.md: a real browser in front of a real server, with keys made up for it that are really
 * used. Needs Chromium, and the page
 * built. `npm run screenshots`; a folder as argument takes them elsewhere.
 */
import { createKeyring, concurrent, perDay, perMinute } from 'keystile';
import { dashboard } from 'keystile/admin';
import { sqlActivity, sqliteStore, sqlUsage } from 'keystile/sql';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { chromium, type Page } from 'playwright-core';
import { apiSteps } from '../test/dashboard/api.js';
import { makeCompany, makeTraffic, setClock } from '../test/dashboard/company.js';
import { EXPRESS_5 } from '../test/support/hosts.js';
import { BROWSER } from '../test/support/services/chromium.js';

const target = process.argv[2] ?? 'docs/images';
mkdirSync(target, { recursive: true });

const clock = setClock();
const store = sqliteStore(':memory:');
const keyring = createKeyring({
  prefix: 'awx', clock, store, usage: sqlUsage(store), activity: sqlActivity(store),
  scopes: { 'orders:read': [], 'orders:write': ['orders:read'], 'reports:read': [] },
  plans: { starter: [perMinute(60), perDay(10_000), concurrent(5)], growth: [perMinute(600)] },
});
const page = dashboard(keyring, { authorize: () => ({ actor: 'ann@example.com', tenants: 'all', may: ['admin'] }) });
const server = createServer(EXPRESS_5.listener([...apiSteps(keyring, EXPRESS_5), ['/admin/keys', page]])).listen(0, '127.0.0.1');
await new Promise((resolve) => server.once('listening', resolve));
const origin = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
const url = `${origin}/admin/keys/`;
const { id } = await makeCompany(keyring, clock, async (company) => { await makeTraffic({ keyring, origin }, clock, company, { everyHours: 1, requests: 24 }); });

const browser = await chromium.launch({ executablePath: BROWSER ?? 'chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-quic'] });

async function open(place: string, { width, height, dark }: { width: number; height: number; dark: boolean }): Promise<Page> {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: dark ? 'dark' : 'light', locale: 'en-GB', timezoneId: 'UTC', reducedMotion: 'reduce' });
  const page = await context.newPage();
  await page.goto(url + place);
  await page.getByRole('heading', { level: 1 }).waitFor();
  // Whatever is still being asked for.
  for (const waiting of await page.locator('.waiting').all()) await waiting.waitFor({ state: 'detached' });
  await page.waitForLoadState('networkidle');
  return page;
}

const take = async (page: Page, name: string, fullPage = false): Promise<void> => {
  await page.screenshot({ path: join(target, `${name}.png`), fullPage });
  await page.context().close();
};

const DESKTOP = { width: 1280, height: 860, dark: false };
const PHONE = { width: 390, height: 844, dark: false };
try {
  await take(await open('#/', DESKTOP), 'overview', true);
  await take(await open('#/keys', DESKTOP), 'keys');
  await take(await open('#/keys', { ...DESKTOP, dark: true }), 'keys-dark');
  const key = await open(`#/keys/${id}`, DESKTOP);
  await key.screenshot({ path: join(target, 'key.png') });
  await key.evaluate("document.getElementById('usage').closest('section').scrollIntoView()");
  await take(key, 'key-use');
  await take(await open('#/activity?result=insufficient_scope', { ...DESKTOP, height: 560 }), 'activity');
  await take(await open('#/keys', PHONE), 'keys-phone');
  await take(await open('#/new', PHONE), 'new-phone');
  const made = await open('#/new', DESKTOP);
  await made.getByLabel('Name', { exact: true }).fill('Mobile backend – production');
  await made.getByLabel('orders:write').check();
  await made.screenshot({ path: join(target, 'new.png') });
  await made.getByRole('button', { name: 'Create key' }).click();
  await made.locator('#once-key').waitFor();
  await take(made, 'shown-once');
  const tested = await open(`#/keys/${id}/test`, { ...DESKTOP, height: 1000 });
  await tested.getByLabel('Path', { exact: true }).fill('/v1/orders/8412');
  await tested.getByLabel('From the address').fill('198.51.100.4');
  await tested.getByRole('button', { name: 'Test', exact: true }).click();
  await tested.getByText('It would be refused').waitFor();
  await tested.evaluate('scrollTo(0, 0)');
  await take(tested, 'tester');
} finally {
  await browser.close();
  server.close();
  server.closeAllConnections();
  await keyring.close();
  store.close();
}
