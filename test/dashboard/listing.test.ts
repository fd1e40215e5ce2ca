import { expect, it } from '@jest/globals';
import { memoryStore } from 'keystile';
import type { Page } from 'playwright-core';
import { CHROMIUM } from '../support/services/chromium.js';
import { until } from '../support/services/redis.js';
import { describeWith } from '../support/services/required.js';
import { makeCompany, setClock } from './company.js';
import { faultsOf, useBrowser, useHosted, WIDTHS, type HostSettings } from './support.js';

const names = (page: Page): Promise<string[]> => page.locator('.key-name').allTextContents();

const first = (page: Page, name: string): Promise<void> => until(async () => (await names(page))[0] === name);

describeWith(CHROMIUM)('the list of keys', () => {
  const host = useHosted();
  const visit = useBrowser();

  const withSamples = async (settings: HostSettings = {}) => {
    const clock = setClock();
    const hosted = await host({ ...settings, keyring: { clock } });
    await makeCompany(hosted.keyring, clock);
    return hosted;
  };
  const waitForNames = async (page: Page, expected: readonly string[]): Promise<void> => {
    await until(async () => JSON.stringify(await names(page)) === JSON.stringify(expected)).catch(() => undefined);
    expect(await names(page)).toEqual(expected);
  };

  it.each(WIDTHS)('is searched, filtered and sorted, and remembers how in its address, on a %s', async (_name, width) => {
    const { url } = await withSamples();
    const page = await visit(`${url}#/keys`, { width });
    await page.getByRole('link', { name: 'Legacy importer' }).waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await page.getByLabel('Search').fill('WAREHOUSE');
    await waitForNames(page, ['Warehouse sync – production']);
    await page.getByLabel('Search').fill('nothing like this');
    await page.getByText('No key fits these filters').waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await page.getByRole('button', { name: 'Clear the filters' }).click();
    await page.getByLabel('Status').selectOption('disabled');
    await waitForNames(page, ['Partner sandbox']);
    await page.getByLabel('Status').selectOption('');
    await page.getByLabel('Environment').selectOption('test');
    await waitForNames(page, ['Staging end-to-end tests']);
    await page.getByLabel('Environment').selectOption('');
    await page.getByLabel('Tag').fill('legacy');
    await waitForNames(page, ['Legacy importer']);
    await page.getByLabel('Tag').fill('');
    await page.getByLabel('Tenant').fill('acme');
    await page.getByLabel('Sort').selectOption('name');
    const sorted = ['Marketing site', 'Nightly reports', 'Nightly reports', 'Staging end-to-end tests', 'Warehouse sync – production'];
    await waitForNames(page, sorted);
    await page.reload();
    await waitForNames(page, sorted);
    expect(await page.getByLabel('Tenant').inputValue()).toBe('acme');
  });

  it.each(WIDTHS)('points out what is risky, on a %s', async (_name, width) => {
    const { url } = await withSamples();
    const page = await visit(`${url}#/keys`, { width });
    const badges = async (name: string) => (await page.locator('tr', { has: page.getByRole('link', { name }) }).locator('.badge').allTextContents()).sort();
    await page.getByRole('link', { name: 'Legacy importer' }).waitFor();
    expect(await badges('Legacy importer')).toEqual(['Active', 'Never expires', 'No limit', 'Older than 90 days', 'Unused for 90 days']);
    expect(await badges('Warehouse sync')).toEqual(['Active']);
    expect(await badges('Marketing site')).toEqual(['Revoked']);
    expect(await badges('Partner sandbox')).toEqual(['Disabled']);
  });

  it('writes out names that leave no mark, so that each can be read and pressed', async () => {
    const { url, keyring } = await host();
    for (const name of ['\u200b\u2060', ' ', '\u3164', '\u2800', '\u202e', '\ufe0f']) await keyring.create({ name });
    const page = await visit(`${url}#/keys?sort=name`);
    await page.getByRole('link', { name: 'U+0020' }).waitFor();
    expect((await names(page)).sort()).toEqual(['U+0020', 'U+200B U+2060', 'U+202E', 'U+2800', 'U+3164', 'U+FE0F']);
    await page.getByRole('link', { name: 'U+200B' }).click();
    await page.getByRole('heading', { name: 'U+200B' }).waitFor();
  });

  it('turns round when a column is chosen, and says so', async () => {
    const { url } = await withSamples();
    const page = await visit(`${url}#/keys`);
    await page.getByRole('columnheader', { name: 'Name' }).getByRole('button').click();
    await first(page, 'Legacy importer');
    expect(await page.getByRole('columnheader', { name: 'Name' }).getAttribute('aria-sort')).toBe('ascending');
    await page.getByRole('columnheader', { name: 'Name' }).getByRole('button').click();
    await first(page, 'Warehouse sync – production');
    expect(await page.getByRole('columnheader', { name: 'Name' }).getAttribute('aria-sort')).toBe('descending');
  });

  it.each(WIDTHS)('goes from page to page and back, on a %s', async (_name, width) => {
    const { url, keyring } = await host();
    for (let number = 1; number <= 120; number++) await keyring.create({ name: `key ${String(number).padStart(3, '0')}` });
    const page = await visit(`${url}#/keys?sort=name`, { width });
    const next = page.getByRole('button', { name: 'Next' });
    await first(page, 'key 001');
    await next.click();
    await first(page, 'key 051');
    await next.click();
    await first(page, 'key 101');
    expect([(await names(page)).length, await next.isDisabled()]).toEqual([20, true]);
    await page.getByRole('button', { name: 'Previous' }).click();
    await first(page, 'key 051');
  });

  it.each(WIDTHS)('shows a confined admin their own tenant and nothing of others, on a %s', async (_name, width) => {
    const { url, keyring } = await withSamples();
    const { keys } = await keyring.list();
    const page = await visit(`${url}#/keys`, { as: 'ann', width });
    await page.getByRole('link', { name: 'Warehouse' }).waitFor();
    const content = await page.content();
    for (const { name, id, tenantId } of keys.filter((key) => key.tenantId !== 'acme')) for (const text of [name, id, tenantId!]) expect(content).not.toContain(text);
    await page.getByLabel('Search').fill('globex');
    await page.getByText('No key fits these filters').waitFor();
    const foreign = keys.find(({ tenantId }) => tenantId === 'globex')!;
    await page.goto(`${url}#/keys/${foreign.id}`);
    await page.getByText('There is no such key').waitFor();
    await page.goto(`${url}#/`);
    await page.getByRole('heading', { name: 'Newest keys' }).waitFor();
    await page.getByRole('link', { name: 'Warehouse' }).waitFor();
    expect(await page.content()).not.toContain('Legacy importer');
  });

  it.each(WIDTHS)('shows deleted keys apart, and brings one back, on a %s', async (_name, width) => {
    const { url, keyring } = await withSamples();
    const find = async (search: string) => (await keyring.list({ search })).keys[0]!;
    const [mine, other] = [await find('Warehouse'), await find('Legacy')];
    for (const { id } of [mine, other]) await keyring.delete(id);
    const page = await visit(`${url}#/keys`, { width, as: 'ann' });
    await page.getByRole('link', { name: 'Marketing site' }).waitFor();
    expect(await names(page)).not.toContain(mine.name);
    await page.goto(`${url}#/keys/${mine.id}`);
    await page.getByText('with the status Deleted').waitFor();
    await page.getByRole('link', { name: 'Keys', exact: true }).click();
    await page.getByLabel('Status').selectOption('deleted');
    await waitForNames(page, [mine.name]);
    await page.getByText('Deleted now').or(page.getByText(/Deleted \d+ seconds? ago/)).waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await page.reload();
    await waitForNames(page, [mine.name]);
    await page.getByRole('button', { name: `Restore ${mine.name}` }).click();
    await page.getByRole('heading', { name: mine.name }).waitFor();
    expect(await keyring.get(mine.id)).toMatchObject({ status: 'active', version: mine.version + 2 });
    const onlooker = await visit(`${url}#/keys?status=deleted`, { width, as: 'root' });
    await waitForNames(onlooker, [other.name]);
    await keyring.undelete(other.id);
    await onlooker.getByRole('button', { name: `Restore ${other.name}` }).click();
    await onlooker.getByRole('heading', { name: other.name }).or(onlooker.getByText('Somebody else has changed this key')).first().waitFor();
  });

  it.each(WIDTHS)('offers a viewer nothing that a viewer may not do, on a %s', async (_name, width) => {
    const { url, keyring } = await withSamples();
    const page = await visit(`${url}#/keys`, { as: 'viewer', width });
    await page.getByRole('link', { name: 'Warehouse' }).click();
    await page.getByRole('heading', { name: 'Settings' }).waitFor();
    expect(await page.getByRole('link', { name: 'Edit' }).count() + await page.getByRole('link', { name: 'Create key' }).count() + await page.getByRole('heading', { name: 'What can be done' }).count()).toBe(0);
    expect(await page.getByRole('link', { name: 'Test a request' }).count()).toBe(1);
    await keyring.delete((await keyring.list({ search: 'Warehouse' })).keys[0]!.id);
    await page.goto(`${url}#/keys?status=deleted`);
    await waitForNames(page, ['Warehouse sync – production']);
    expect(await page.getByRole('button', { name: /^Restore/ }).count()).toBe(0);
  });
});

const HOSTILE: readonly (readonly [what: string, name: string])[] = [
  ['an image with a script', '<img src=x onerror="document.title=\'owned\'">'],
  ['a script', '"><script>document.title="owned"</script>'],
  ['text from right to left', '\u202egnp.exe\u202d \u0645\u0641\u062a\u0627\u062d'],
  ['a name as long as any may be', 'W'.repeat(256)],
  ['a template', '{{7*7}} ${7*7} </style></textarea>'],
];

describeWith(CHROMIUM)('names and metadata of strangers', () => {
  const host = useHosted();
  const visit = useBrowser();

  it.each(HOSTILE)('%s stays text, and within its place', async (_what, name) => {
    const { url, keyring } = await host();
    const { apiKey } = await keyring.create({ name, tenantId: name, owner: { type: 'user', id: name }, tags: [name.slice(0, 128)], metadata: { [name]: name, long: 'x'.repeat(10_000) } });
    await keyring.create({ name: 'neighbour' });
    for (const width of [390, 1280]) {
      const page = await visit(`${url}#/keys`, { width: { width, height: 844 } });
      for (const place of ['#/keys', `#/keys/${apiKey.id}`, `#/keys/${apiKey.id}/edit`, `#/keys/${apiKey.id}/test`, '#/']) {
        await page.goto(url + place);
        await page.getByText(name.slice(0, 20), { exact: false }).first().waitFor({ state: 'attached' });
        expect(await page.evaluate("document.querySelectorAll('main img, main script, main style').length")).toBe(0);
        expect(await page.title()).not.toBe('owned');
        // No page is wider than the screen.
        expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
      }
      await page.goto(`${url}#/keys/${apiKey.id}`);
      await page.getByRole('heading', { name: 'Settings' }).waitFor();
      expect(await page.evaluate("getComputedStyle(document.querySelector('h1 bdi')).unicodeBidi")).toBe('isolate');
      expect(await faultsOf(page)).toEqual([]);
    }
  });

  it.each(WIDTHS)('10 kB of name, from a store that holds such a thing, are cut, on a %s', async (_name, width) => {
    // SQL keeps no name longer than 256 characters; the memory store keeps what it is given.
    const store = memoryStore();
    const { url, keyring } = await host({ keyring: { store } });
    const { apiKey } = await keyring.create({ name: 'short' });
    expect(await store.update(apiKey.id, 1, { name: 'long '.repeat(2_000) })).toMatchObject({ version: 2 });
    const page = await visit(`${url}#/keys`, { width });
    await page.locator('.key-name').waitFor();
    expect((await page.locator('.key-name').innerText()).length).toBeLessThan(300);
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
    await page.goto(`${url}#/keys/${apiKey.id}`);
    expect((await page.locator('h1').textContent())?.length).toBeLessThan(300);
    expect((await page.title()).length).toBeLessThan(100);
  });
});
