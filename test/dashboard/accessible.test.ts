import { expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { CHROMIUM } from '../support/services/chromium.js';
import { describeWith } from '../support/services/required.js';
import { makeCompany, makeTraffic, setClock } from './company.js';
import { faultsOf, useBrowser, useHosted, WIDTHS } from './support.js';

/** A state of a page, and what tells that it is there. */
type View = readonly [name: string, place: string, reach: (page: Page) => Promise<unknown>];

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
const type = (page: Page, word: string) => page.getByLabel(`Type ${word} to go on`).fill(word);

/** `{id}` is the key that is used most, `{old}` one that was replaced, `{slot}` one in a slot. */
const VIEWS: readonly View[] = [
  ['overview', '#/', async (page) => { await page.getByText('Allowed, last 7 days').waitFor(); await page.getByText('The numbers as a table').click(); }],
  ['keys', '#/keys', (page) => page.getByText('Unusual use').waitFor()],
  ['no keys', '#/keys?search=nothing', (page) => page.getByText('No key fits these filters').waitFor()],
  ['deleted keys', '#/keys?status=deleted', (page) => page.getByRole('button', { name: /^Restore/ }).waitFor()],
  ['one key', '#/keys/{id}', async (page) => { await page.getByText('9,').first().waitFor(); await page.locator('.chart').waitFor(); await page.getByRole('row').first().waitFor(); }],
  ['a key that was replaced', '#/keys/{old}', (page) => page.getByText('Its place was taken by').waitFor()],
  ['no such key', '#/keys/nothing', (page) => page.getByText('There is no such key').waitFor()],
  ['rotating', '#/keys/{id}', async (page) => { await button(page, 'Rotate…').click(); await page.getByRole('dialog').waitFor(); }],
  ['regenerating', '#/keys/{slot}', async (page) => { await button(page, 'Regenerate the slot…').click(); await type(page, 'primary'); }],
  ['revoking', '#/keys/{id}', async (page) => { await button(page, 'Revoke…').click(); await type(page, 'revoke'); }],
  ['deleting', '#/keys/{id}', async (page) => { await button(page, 'Delete…').click(); await type(page, 'delete'); }],
  ['editing', '#/keys/{id}/edit', (page) => page.getByLabel('Name', { exact: true }).waitFor()],
  ['testing', '#/keys/{id}/test', async (page) => { await button(page, 'Test').click(); await page.getByText('It would be refused').waitFor(); }],
  ['activity', '#/activity', (page) => page.getByRole('row').nth(5).waitFor()],
  ['unusual use', '#/activity?action=unusual', (page) => page.getByText('First use from a new address').first().waitFor()],
  ['no activity', '#/activity?by=nobody', (page) => page.getByText('Nothing fits these filters').waitFor()],
  ['nowhere', '#/nowhere/at/all', (page) => page.getByText('There is no such page').waitFor()],
  ['a form with mistakes', '#/new', async (page) => {
    await page.getByLabel('Name', { exact: true }).fill('Warehouse sync');
    await page.getByLabel('Limits of its own').check();
    await page.getByLabel('Only these', { exact: true }).check();
    await page.getByLabel('Only from these addresses').fill('10/8');
    await button(page, 'Create key').click();
    await page.getByText('Some of this is not right yet').waitFor();
    await page.getByText(/^Line 1: '10\/8'/).waitFor();
  }],
  ['a key, shown once', '#/new', async (page) => {
    page.on('dialog', (dialog) => void dialog.accept());
    await page.reload();
    await page.getByLabel('Name', { exact: true }).fill('Warehouse sync');
    await button(page, 'Create key').click();
    await page.locator('#once-key').waitFor();
    await button(page, 'Copy key').click();
  }],
  ['signed out', '#/keys', async (page) => { await page.context().clearCookies(); await page.reload(); await page.getByRole('heading', { name: 'Sign in to manage API keys' }).waitFor(); }],
];

describeWith(CHROMIUM)('every page and every state of it', () => {
  const host = useHosted();
  const visit = useBrowser();

  it.each(WIDTHS.flatMap(([name, width]) => [[name, 'light', width] as const, [name, 'dark', width] as const]))('has no serious fault for whoever cannot see it or use a mouse, and fits, on a %s, in the %s', async (_name, light, width) => {
    const clock = setClock();
    const { url, origin, keyring } = await host({ keyring: { clock } });
    const { id } = await makeCompany(keyring, clock, async (made) => { await makeTraffic({ keyring, origin }, clock, made, { everyHours: 12, requests: 3 }); });
    const { apiKey: slot } = await keyring.create({ name: 'Slotted', tenantId: 'acme', slot: 'primary' });
    const { apiKey: gone } = await keyring.create({ name: 'Gone', tenantId: 'acme' });
    await keyring.delete(gone.id);
    const old = (await keyring.list()).keys.find(({ replacedBy }) => replacedBy !== undefined)!.id;
    const page = await visit(url, { width, dark: light === 'dark' });
    const found: string[] = [];
    for (const [name, place, reach] of VIEWS) {
      await page.goto('about:blank');
      await page.goto(url + place.replace('{id}', id).replace('{old}', old).replace('{slot}', slot.id));
      await reach(page);
      for (const waiting of await page.locator('.waiting').all()) await waiting.waitFor({ state: 'detached' });
      found.push(...(await faultsOf(page)).map((fault) => `${name}: ${fault}`));
      if ((await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')) > 0) found.push(`${name}: wider than the screen`);
    }
    expect(found).toEqual([]);
  }, 300_000);
});
