import { expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import { CHROMIUM } from '../support/services/chromium.js';
import { describeWith } from '../support/services/required.js';
import { faultsOf, useBrowser, useHosted, WIDTHS } from './support.js';

const run = promisify(execFile);
const create = (page: Page) => page.getByRole('button', { name: 'Create key' }).click();
const keyOf = async (page: Page): Promise<string> => (await page.locator('#once-key').textContent()) ?? '';

interface Choice {
  readonly what: string;
  choose(page: Page): Promise<unknown>;
  readonly made: { readonly environment?: string; readonly plan?: string; readonly access?: { readonly endpoints?: unknown; readonly origins?: unknown } };
  /** How long it lives; 90 days unless somebody says otherwise. */
  readonly days: number | undefined;
}

const check = (label: string) => (page: Page): Promise<unknown> => page.getByLabel(label, { exact: true }).check();

const CHOICES: readonly Choice[] = [
  { what: 'a form left alone', choose: () => Promise.resolve(), made: { environment: 'live', plan: 'starter' }, days: 90 },
  { what: '7 days', choose: check('7 days'), made: {}, days: 7 },
  { what: '1 year', choose: check('1 year'), made: {}, days: 365 },
  { what: 'no end', choose: check('Never'), made: {}, days: undefined },
  { what: 'an end on a date', choose: async (page) => { await check('On a date')(page); await page.getByLabel('Ends at').fill(new Date(Date.now() + 20 * 86_400_000).toISOString().slice(0, 16)); }, made: {}, days: 20 },
  { what: 'the test environment', choose: (page) => page.getByLabel('Environment').selectOption('test'), made: { environment: 'test' }, days: 90 },
  { what: 'another plan', choose: (page) => page.getByLabel('Plan', { exact: true }).selectOption('growth'), made: { plan: 'growth' }, days: 90 },
  { what: 'no endpoints', choose: check('None'), made: { access: { endpoints: 'none' } }, days: 90 },
  { what: 'all endpoints but some', choose: async (page) => { await check('All but these')(page); await page.getByLabel('All but these endpoints').fill('/orders/*rest'); }, made: { access: { endpoints: { deny: ['/orders/*rest'] } } }, days: 90 },
  { what: 'pages of one origin', choose: async (page) => { await check('Only pages of these')(page); await page.getByLabel('Only pages of these origins').fill('https://app.example.com'); }, made: { access: { origins: ['https://app.example.com'] } }, days: 90 },
];

/** Everything that a browser may keep. */
const kept = (page: Page): Promise<string> => page.evaluate(`JSON.stringify([location.href, document.title, { ...localStorage }, { ...sessionStorage }, document.cookie, history.state, [...document.querySelectorAll('input, textarea')].map((field) => field.value)])`);

describeWith(CHROMIUM)('creating a key', () => {
  const host = useHosted();
  const visit = useBrowser();

  it.each(WIDTHS)('takes everything there is to say, and shows a key that works, on a %s', async (_name, width) => {
    const { url, keyring } = await host({ options: { auth: { clientIp: () => '203.0.113.9' } } });
    const page = await visit(url, { width });
    await page.getByRole('link', { name: 'Keys', exact: true }).click();
    await page.getByRole('link', { name: 'Create the first key' }).click();
    await page.getByLabel('Name', { exact: true }).fill('Warehouse sync');
    await page.getByLabel('Tenant', { exact: true }).fill('acme');
    await page.getByLabel('Owner', { exact: true }).selectOption('org');
    await page.getByLabel('Owner’s id').fill('logistics');
    await page.getByLabel('Slot').selectOption('primary');
    await page.getByLabel('orders:write').check();
    expect([await page.getByLabel('orders:read').isChecked(), await page.getByLabel('orders:read').isDisabled()]).toEqual([true, true]);
    await page.getByLabel('Limits of its own').check();
    await page.getByLabel('At most').fill('12');
    await page.getByRole('button', { name: 'Add a limit' }).click();
    await page.getByLabel('How often').nth(1).selectOption('at-once');
    await page.getByLabel('30 days').check();
    await page.getByLabel('Only these', { exact: true }).check();
    await page.getByLabel('Only these endpoints').fill('GET /orders/:id\n/admin/*rest');
    await page.getByLabel('Only from these addresses').fill('203.0.113.0/24');
    await page.getByLabel('Never from these addresses').fill('203.0.113.66');
    await page.getByLabel('Servers only').check();
    await page.getByLabel('Realtime').uncheck();
    await page.getByLabel('Tags').fill('blue, green');
    await page.getByLabel('Metadata').fill('{"team":"logistics"}');
    expect(await faultsOf(page)).toEqual([]);
    await create(page);
    const key = await keyOf(page);
    const { keys: [made] } = await keyring.list();
    expect(made).toMatchObject({
      name: 'Warehouse sync', tenantId: 'acme', owner: { type: 'org', id: 'logistics' }, slot: 'primary', scopes: ['orders:write'], tags: ['blue', 'green'], metadata: { team: 'logistics' },
      limits: [{ limit: 12, windowMs: 60_000 }, { kind: 'concurrency', limit: 10_000 }],
      access: { endpoints: { allow: ['GET /orders/:id', '/admin/*rest'] }, ips: { allow: ['203.0.113.0/24'], deny: ['203.0.113.66'] }, origins: 'server-only', realtime: false },
    });
    expect(Math.round((made!.expiresAt! - Date.now()) / 86_400_000)).toBe(30);
    expect(await keyring.verify(key, { scopes: ['orders:read'], ip: '203.0.113.7', method: 'GET', path: '/orders/1' })).toMatchObject({ ok: true });
    expect(await faultsOf(page)).toEqual([]);
    expect(await kept(page)).not.toContain(key.slice(-30));

    await page.getByRole('button', { name: 'Copy key' }).click();
    await page.getByText('Key copied').waitFor();
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(key);
    const { stdout } = await run('sh', ['-c', (await page.locator('#once-curl').textContent()) ?? '']);
    expect(JSON.parse(stdout)).toMatchObject({ id: made!.id, name: 'Warehouse sync', status: 'active' });

    await page.getByRole('link', { name: /show its settings/ }).click();
    await page.getByRole('heading', { name: 'Warehouse sync' }).waitFor();
    expect(await page.content()).not.toContain(key);
    await page.goBack();
    await page.getByRole('heading', { name: 'Create a key' }).waitFor();
    expect(await page.content()).not.toContain(key);
  });

  it.each(CHOICES.flatMap((choice) => WIDTHS.map(([name, width]) => [choice.what, name, { ...choice, width }] as const)))('makes of %s what it says, on a %s', async (_what, _name, { choose, made, days, width }) => {
    const { url, keyring } = await host();
    const page = await visit(`${url}#/new`, { width });
    await page.getByLabel('Name', { exact: true }).fill('Warehouse sync');
    await choose(page);
    await create(page);
    const key = await keyOf(page);
    const { keys: [apiKey] } = await keyring.list();
    expect(apiKey).toMatchObject(made);
    expect(apiKey!.expiresAt === undefined ? undefined : Math.round((apiKey!.expiresAt - apiKey!.createdAt) / 86_400_000)).toBe(days);
    expect(await keyring.verify(key, { environment: apiKey!.environment, method: 'GET', path: '/orders/1', ip: '203.0.113.7', origin: 'https://app.example.com' })).toMatchObject(made.access?.endpoints === undefined ? { ok: true } : { code: 'endpoint_not_allowed' });
  });

  it.each(WIDTHS)('says what is wrong as it is typed, in the server’s words, and nothing before, on a %s', async (_name, width) => {
    const { url } = await host();
    const page = await visit(`${url}#/new`, { width });
    await page.getByLabel('Only from these addresses').fill('10.0.0.1\n10/8');
    await page.getByText(/^Line 2: '10\/8' is not an IPv4/).waitFor();
    expect(await page.getByText('must not be empty').count()).toBe(0);
    await page.getByLabel('Name', { exact: true }).fill('x');
    expect(await page.getByLabel('Only from these addresses').getAttribute('aria-invalid')).toBe('true');
    await page.getByLabel('Only from these addresses').fill('10.0.0.1');
    await page.getByText(/^Line 2/).waitFor({ state: 'detached' });
    await page.getByLabel('All but these', { exact: true }).check();
    await page.getByLabel('All but these endpoints').fill('/orders//');
    await page.getByText(/^Line 1: '\/orders\/\/'/).waitFor();
    await page.getByLabel('All', { exact: true }).check();
    await page.getByLabel('Only pages of these', { exact: true }).check();
    await page.getByLabel('Only pages of these origins').fill('https://');
    await page.getByText(/^Line 1: 'https:\/\/'/).waitFor();
    await page.getByLabel('Anywhere').check();
    await page.getByLabel('Metadata').fill('{"team"');
    await page.getByText('is not JSON yet', { exact: false }).waitFor();
    await page.getByLabel('Metadata').fill('');
    await page.getByLabel('Name', { exact: true }).fill('');
    await page.getByText('must not be empty').waitFor();
    await page.getByLabel('Name', { exact: true }).fill('x'.repeat(10_000));
    await page.getByText('must be at most 256 characters').waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await create(page);
    await page.getByText('Some of this is not right yet').waitFor();
    expect(await page.locator('#once-key').count()).toBe(0);
  });

  it.each(WIDTHS)('warns before a key is left that has not been copied, and before a form that has been begun, on a %s', async (_name, width) => {
    const { url } = await host();
    const page = await visit(`${url}#/new`, { width });
    const asked: string[] = [];
    page.on('dialog', (dialog) => {
      asked.push(dialog.type() === 'beforeunload' ? 'beforeunload' : dialog.message());
      void dialog.dismiss();
    });
    await page.getByLabel('Name', { exact: true }).fill('Warehouse sync');
    await page.getByRole('link', { name: 'Overview' }).click();
    expect(await page.getByLabel('Name', { exact: true }).inputValue()).toBe('Warehouse sync');
    await create(page);
    const key = await keyOf(page);
    await page.getByRole('link', { name: 'Overview' }).click();
    await page.close({ runBeforeUnload: true });
    await page.waitForEvent('dialog').catch(() => undefined);
    expect(await keyOf(page)).toBe(key);
    expect(asked).toEqual(['The key has not been created yet. Leave without it?', 'You have not copied the key, and it is not shown again. Leave all the same?', 'beforeunload']);
  });

  it.each(WIDTHS)('counts a key as copied once it is, and not where the browser has refused to, on a %s', async (_name, width) => {
    const { url } = await host();
    const page = await visit(`${url}#/new`, { width });
    const asked: string[] = [];
    page.on('dialog', (dialog) => {
      asked.push(dialog.message());
      void dialog.dismiss();
    });
    await page.getByLabel('Name', { exact: true }).fill('Warehouse sync');
    await create(page);
    const key = await keyOf(page);
    await page.evaluate("navigator.clipboard.writeText = () => Promise.reject(new Error('not here'))");
    await page.getByRole('button', { name: 'Copy key' }).click();
    await page.getByText('Key selected').waitFor();
    await page.getByRole('link', { name: 'Overview' }).click();
    expect(await keyOf(page)).toBe(key);
    expect(asked).toHaveLength(1);
    await page.getByRole('button', { name: 'Copy key' }).click();
    await page.keyboard.press('Control+C');
    await page.getByRole('link', { name: 'Overview' }).click();
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    expect(asked).toHaveLength(1);
  });

  it.each(WIDTHS)('loses nothing when the connection breaks, and makes no second key when only the answer was lost, on a %s', async (_name, width) => {
    const { url, keyring, cut, mend } = await host();
    const page = await visit(`${url}#/new`, { width });
    await page.getByLabel('Name', { exact: true }).fill('Warehouse sync');
    await cut();
    await create(page);
    await page.getByText('No connection').waitFor();
    await mend();
    await page.route('**/api/keys', async (route) => {
      await route.fetch();
      await route.abort();
    });
    await create(page);
    await page.getByText('No connection').waitFor();
    await page.unroute('**/api/keys');
    await create(page);
    await page.getByText('The key was made, but its answer was lost').waitFor();
    expect((await keyring.list()).keys).toHaveLength(1);
    await page.getByRole('link', { name: 'Look at the key' }).click();
    await page.getByText('Overview').waitFor();
  });

  it.each(WIDTHS)('keeps what was typed when the login has expired, and goes on after signing in again, on a %s', async (_name, width) => {
    const { url, keyring } = await host();
    const page = await visit(`${url}#/new`, { width });
    await page.getByLabel('Name', { exact: true }).fill('Warehouse sync');
    const cookies = await page.context().cookies();
    await page.context().clearCookies();
    await create(page);
    await page.getByRole('heading', { name: 'You are signed out' }).waitFor();
    expect(await page.locator('.signed-out').getByRole('link', { name: 'Sign in' }).getAttribute('href')).toBe('/login');
    expect(await page.locator('.signed-out').getByRole('link', { name: 'Sign in' }).getAttribute('target')).toBe('_blank');
    expect(await faultsOf(page)).toEqual([]);
    await page.context().addCookies(cookies);
    await page.getByRole('button', { name: 'I have signed in' }).click();
    await page.getByRole('heading', { name: 'You are signed out' }).waitFor({ state: 'detached' });
    expect(await page.getByLabel('Name', { exact: true }).inputValue()).toBe('Warehouse sync');
    await create(page);
    expect(await keyring.verify(await keyOf(page))).toMatchObject({ ok: true });
  });

  it.each(WIDTHS)('gives the keys of a confined admin to their tenant, and the host’s own command, on a %s', async (_name, width) => {
    const { url, keyring } = await host({ options: { curl: "curl -H 'Authorization: Bearer {key}' https://api.example.com/v1/orders" } });
    const page = await visit(`${url}#/new`, { as: 'ann', width });
    expect(await page.getByLabel('Tenant', { exact: true }).count()).toBe(0);
    await page.getByLabel('Name', { exact: true }).fill('Ours');
    await create(page);
    const key = await keyOf(page);
    expect(await page.locator('#once-curl').textContent()).toBe(`curl -H 'Authorization: Bearer ${key}' https://api.example.com/v1/orders`);
    expect((await keyring.list()).keys).toMatchObject([{ name: 'Ours', tenantId: 'acme' }]);
  });
});
