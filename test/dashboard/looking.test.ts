import { expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { CHROMIUM } from '../support/services/chromium.js';
import { hosts, NODE_HTTP } from '../support/hosts.js';
import { describeWith } from '../support/services/required.js';
import { faultsOf, useBrowser, useHosted, WIDTHS } from './support.js';

describeWith(CHROMIUM)('the dashboard', () => {
  const host = useHosted();
  const visit = useBrowser();

  it.each(WIDTHS)('says what is not kept, and how it could be, on a %s', async (_name, width) => {
    const { url, keyring } = await host({ keyring: { activity: undefined as never, usage: undefined as never } });
    const { apiKey } = await keyring.create({ name: 'Warehouse sync' });
    const page = await visit(url, { width });
    await page.getByText('Usage is not counted here').waitFor();
    await page.getByRole('link', { name: 'Activity' }).click();
    await page.getByText('Activity is not written down here').waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await page.goto(`${url}#/keys/${apiKey.id}`);
    await page.getByText('Activity is not written down here').waitFor();
    expect(await page.locator('main').innerText()).toContain('Usage is not counted here');
  });

  it.each(WIDTHS)('asks whom it does not know to sign in, and goes on when they have, on a %s', async (_name, width) => {
    const { url } = await host();
    const page = await visit(`${url}#/keys`, { as: '', width });
    await page.getByRole('heading', { name: 'Sign in to manage API keys' }).waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await page.context().addCookies([{ name: 'person', value: 'ann', url }]);
    await page.getByRole('button', { name: 'I have signed in' }).click();
    await page.getByText('No keys yet').waitFor();
    await page.getByText('ann@example.com').waitFor();
  });

  it.each(WIDTHS)('says so to whom it does not let in, and where there is nothing, on a %s', async (_name, width) => {
    const { url } = await host({ options: { authorize: () => false } });
    const page = await visit(url, { width });
    await page.getByText('You may not do this', { exact: true }).waitFor();
    expect(await faultsOf(page)).toEqual([]);
    const other = await host();
    const lost = await visit(`${other.url}#/nothing/here`, { width });
    await lost.getByText('There is no such page').waitFor();
  });

  it('asks for nothing where an address would lead elsewhere', async () => {
    const { url, origin } = await host();
    const page = await visit(url);
    await page.getByText('No keys yet').waitFor();
    // By then the overview has asked for all that it shows.
    await page.goto(`${url}#/activity`);
    await page.getByRole('heading', { name: 'Activity' }).waitFor();
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url().slice(origin.length)));
    for (const place of ['keys/.', 'keys/..', 'keys/%2e', 'keys/%2E%2e/edit', 'keys/./test']) {
      await page.goto(`${url}#/activity`);
      await page.getByRole('heading', { name: 'Activity' }).waitFor();
      await page.goto(`${url}#/${place}`);
      await page.getByText('has no address').waitFor();
    }
    expect(asked.filter((path) => !path.includes('/api/activity'))).toEqual([]);
  });

  it.each(WIDTHS)('waits for a lost connection, and for a server that is down, on a %s', async (_name, width) => {
    let isDown = false;
    const { url, cut, mend } = await host({ before: [(_req, res, next) => { if (isDown) res.writeHead(503, { 'Content-Type': 'text/html' }).end('<h1>Bad gateway</h1>'); else next(); }] });
    const page = await visit(url, { width });
    await page.getByText('No keys yet').waitFor();
    await cut();
    await page.getByRole('link', { name: 'Keys', exact: true }).click();
    await page.getByText('No connection').waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await mend();
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByRole('link', { name: 'Create the first key' }).waitFor();
    isDown = true;
    await page.getByLabel('Search').fill('x');
    await page.getByText('The server answered with status 503.').waitFor();
    isDown = false;
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByText('No key fits these filters').waitFor();
  });

  it.each(WIDTHS)('takes a login that comes before it for what it is, and loses nothing, on a %s', async (_name, width) => {
    let login: 'none' | 'redirect' | 'page' = 'none';
    const { url, keyring } = await host({ before: [(_req, res, next) => {
      if (login === 'redirect') res.writeHead(302, { Location: '/login' }).end();
      else if (login === 'page') res.writeHead(200, { 'Content-Type': 'text/html' }).end('<h1>Sign in</h1>');
      else next();
    }] });
    const page = await visit(`${url}#/new`, { width });
    await page.getByLabel('Name', { exact: true }).fill('Warehouse sync');
    for (const kind of ['redirect', 'page'] as const) {
      login = kind;
      await page.getByRole('button', { name: 'Create key' }).click();
      await page.getByRole('heading', { name: 'You are signed out' }).waitFor();
      login = 'none';
      await page.getByRole('button', { name: 'I have signed in' }).click();
      await page.getByRole('heading', { name: 'You are signed out' }).waitFor({ state: 'detached' });
      expect(await page.getByLabel('Name', { exact: true }).inputValue()).toBe('Warehouse sync');
    }
    await page.getByRole('button', { name: 'Create key' }).click();
    await page.getByText('The key is ready').waitFor();
    expect((await keyring.list()).keys).toHaveLength(1);
  });

  it.each(WIDTHS)('says that the store is gone, and comes back with it, on a %s', async (_name, width) => {
    const { url, breakStore } = await host();
    const page = await visit(url, { width });
    await page.getByText('No keys yet').waitFor();
    breakStore(true);
    await page.getByRole('link', { name: 'Keys', exact: true }).click();
    await page.getByText('The server cannot reach its store').waitFor();
    breakStore(false);
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByText('No keys yet').waitFor();
  });

  it.each(hosts)('works on $name under another path, whose slash was left out', async (kind) => {
    const mount = '/tools/a-b/keys';
    const { origin, keyring, call } = await host({ host: kind, mount, options: kind === NODE_HTTP ? { path: mount } : {} });
    const { key } = await keyring.create({ name: 'Warehouse sync' });
    expect(await call(key, { path: '/stock' })).toEqual({ status: 200, code: 'ok' });
    const page = await visit(origin + mount);
    await page.locator('#newest + *, #newest').first().waitFor();
    await mostUsed(page).getByRole('link', { name: 'Warehouse sync' }).waitFor();
    expect(new URL(page.url()).pathname).toBe(`${mount}/`);
    await page.getByRole('link', { name: 'Activity' }).click();
    await page.getByText('GET /v1/stock').waitFor();
  });
});

const mostUsed = (page: Page) => page.locator('section', { has: page.getByRole('heading', { name: 'Most used keys' }) });
