import { expect, it } from '@jest/globals';
import { perDay } from 'keystile';
import type { Page } from 'playwright-core';
import { CHROMIUM } from '../support/services/chromium.js';
import { until } from '../support/services/redis.js';
import { describeWith } from '../support/services/required.js';
import { faultsOf, useBrowser, useHosted, WIDTHS } from './support.js';

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });

describeWith(CHROMIUM)('one key', () => {
  const host = useHosted();
  const visit = useBrowser();

  it.each(WIDTHS)('shows what it is and what is left of its limits, on a %s', async (_name, width) => {
    const { url, keyring } = await host();
    const { key, apiKey } = await keyring.create({ name: 'Warehouse sync', tenantId: 'acme', scopes: ['orders:write'], plan: 'starter', tags: ['blue'], metadata: { team: 'logistics' }, access: { ips: { allow: ['203.0.113.0/24'] }, endpoints: { deny: ['/admin/*rest'] } } });
    for (let call = 0; call < 3; call++) {
      const verification = await keyring.verify(key, { ip: '203.0.113.7', method: 'GET', path: '/x' });
      if (verification.ok) verification.release();
    }
    await keyring.flush();
    const page = await visit(`${url}#/keys/${apiKey.id}`, { width });
    await page.getByText('57 left').waitFor();
    const content = await page.locator('main').innerText();
    for (const text of [apiKey.masked, apiKey.id, 'acme', 'orders:write', 'Plan starter', '60 per minute', '9,997 left', '5 at once', '5 left', '203.0.113.0/24', '/admin/*rest', '"team": "logistics"', 'from 203.0.113.7', 'Never expires']) expect(content).toContain(text);
    expect(content).not.toContain(key);
    expect(await faultsOf(page)).toEqual([]);
  });

  it.each(WIDTHS)('is rotated with a grace period, and both keys know of each other, on a %s', async (_name, width) => {
    const { url, keyring } = await host();
    const { key, apiKey } = await keyring.create({ name: 'Warehouse sync', scopes: ['orders:read'] });
    const page = await visit(`${url}#/keys/${apiKey.id}`, { width });
    await button(page, 'Rotate…').click();
    await page.getByLabel('The old key goes on working for').selectOption('3600000');
    expect(await faultsOf(page)).toEqual([]);
    await button(page, 'Rotate').click();
    const next = (await page.locator('#once-key').textContent()) ?? '';
    expect([(await keyring.verify(next)).ok, (await keyring.verify(key)).ok, next === key]).toEqual([true, true, false]);
    const old = (await keyring.get(apiKey.id))!;
    expect(Math.round((old.graceExpiresAt! - Date.now()) / 60_000)).toBe(60);
    await page.getByText('goes on working until its grace period is over').waitFor();
    await button(page, 'Copy key').click();
    await page.getByRole('link', { name: /show its settings/ }).click();
    await page.getByText('Took the place of').getByRole('link').click();
    await page.getByText('Its place was taken by').waitFor();
    expect(await button(page, 'Rotate…').count()).toBe(0);
    expect(await page.locator('body').innerText()).not.toContain(next);
  });

  it.each(WIDTHS)('is disabled and enabled, revoked and deleted; what cannot be undone is typed first, on a %s', async (_name, width) => {
    const { url, keyring } = await host();
    const { key, apiKey } = await keyring.create({ name: 'Warehouse sync' });
    const page = await visit(`${url}#/keys/${apiKey.id}`, { width });
    await button(page, 'Disable').click();
    await button(page, 'Enable').waitFor();
    expect(await keyring.verify(key)).toMatchObject({ code: 'disabled_key' });
    await button(page, 'Enable').click();
    await button(page, 'Disable').waitFor();
    expect(await keyring.verify(key)).toMatchObject({ ok: true });

    await button(page, 'Revoke…').click();
    expect(await button(page, 'Revoke for good').isDisabled()).toBe(true);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Revoke…');
    await page.keyboard.press('Enter');
    await page.getByLabel('Why').fill('Found in a public repository');
    await page.getByLabel('Type revoke to go on').fill('revoke');
    expect(await faultsOf(page)).toEqual([]);
    await page.keyboard.press('Enter');
    await page.getByText('Found in a public repository').waitFor();
    expect(await keyring.get(apiKey.id)).toMatchObject({ status: 'revoked', revokedBy: 'root@example.com', revokedReason: 'Found in a public repository' });

    await button(page, 'Delete…').click();
    await page.getByLabel('Type delete to go on').fill('delete');
    await button(page, 'Delete').click();
    await page.getByText('No keys yet').waitFor();
    expect(await keyring.get(apiKey.id)).toBeUndefined();
    await page.getByLabel('Status').selectOption('deleted');
    await button(page, 'Restore Warehouse sync').click();
    await page.getByRole('heading', { name: 'Warehouse sync' }).waitFor();
    expect((await keyring.get(apiKey.id))?.status).toBe('revoked');
  });

  it.each(WIDTHS)('is made anew in its slot, on a %s', async (_name, width) => {
    const { url, keyring } = await host();
    const { key, apiKey } = await keyring.create({ name: 'Warehouse sync', tenantId: 'acme', slot: 'primary' });
    const page = await visit(`${url}#/keys/${apiKey.id}`, { width });
    await button(page, 'Regenerate the slot…').click();
    await page.getByLabel('Type primary to go on').fill('primary');
    await button(page, 'Regenerate').click();
    const next = (await page.locator('#once-key').textContent()) ?? '';
    await page.getByText('The old key has ended.').waitFor();
    expect([(await keyring.verify(next)).ok, (await keyring.verify(key)).ok]).toEqual([true, false]);
  });

  it('is regenerated once, however often the button is pressed', async () => {
    const { url, keyring } = await host();
    const { apiKey } = await keyring.create({ name: 'Warehouse sync', tenantId: 'acme', slot: 'primary' });
    const page = await visit(`${url}#/keys/${apiKey.id}`);
    await button(page, 'Regenerate the slot…').click();
    await page.getByLabel('Type primary to go on').fill('primary');
    await button(page, 'Regenerate').evaluate((element: { click(): void }) => { for (let press = 0; press < 3; press++) element.click(); });
    const next = (await page.locator('#once-key').textContent()) ?? '';
    await page.waitForLoadState('networkidle');
    expect((await keyring.verify(next)).ok).toBe(true);
    expect((await keyring.list({ tenantId: 'acme' })).keys.map(({ status }) => status).sort()).toEqual(['active', 'revoked']);
  });

  it.each(WIDTHS)('is edited: what was changed is sent, what was cleared is gone, on a %s', async (_name, width) => {
    const { url, keyring } = await host();
    const expiresAt = Date.now() + 86_400_123;
    const { apiKey } = await keyring.create({ name: 'Warehouse sync', scopes: ['orders:write', 'reports:read'], plan: 'starter', owner: { type: 'user', id: 'u1' }, tags: ['blue'], expiresAt, metadata: { a: 1 }, access: { origins: ['https://a.example'] } });
    const page = await visit(`${url}#/keys/${apiKey.id}`, { width });
    await page.getByRole('link', { name: 'Edit' }).click();
    await page.getByLabel('Name', { exact: true }).fill('Renamed');
    await page.getByLabel('reports:read').uncheck();
    await page.getByLabel('Owner', { exact: true }).selectOption('');
    await page.getByLabel('The usual limits').check();
    await page.getByLabel('Metadata').fill('');
    await page.getByLabel('Anywhere').check();
    expect(await faultsOf(page)).toEqual([]);
    await button(page, 'Save').click();
    await page.getByRole('heading', { name: 'Renamed', exact: true }).waitFor();
    const changed = await keyring.get(apiKey.id);
    // The end was not touched, and is the very same to the millisecond.
    expect(changed).toMatchObject({ name: 'Renamed', scopes: ['orders:write'], tags: ['blue'], expiresAt, version: 2 });
    for (const field of ['owner', 'plan', 'metadata', 'access']) expect(changed).not.toHaveProperty(field);
  });

  it.each(WIDTHS)('keeps what was typed when somebody else has changed the key meanwhile, and undoes nothing unseen, on a %s', async (_name, width) => {
    const { url, keyring } = await host();
    const { apiKey } = await keyring.create({ name: 'Warehouse sync', plan: 'starter', tags: ['blue'] });
    const page = await visit(`${url}#/keys/${apiKey.id}/edit`, { width });
    await page.getByLabel('Name', { exact: true }).fill('My name for it');
    await keyring.update(apiKey.id, { name: 'Their name for it', tags: ['green'] });
    await button(page, 'Save').click();
    await page.getByText('Somebody else has changed this key meanwhile').waitFor();
    await page.getByText('Their name for it').waitFor();
    expect(await faultsOf(page)).toEqual([]);
    expect([await page.getByLabel('Name', { exact: true }).inputValue(), await page.getByLabel('Tags').inputValue()]).toEqual(['My name for it', 'green']);
    expect(await keyring.get(apiKey.id)).toMatchObject({ name: 'Their name for it' });
    await button(page, 'Save all the same').click();
    await page.getByRole('heading', { name: 'My name for it', exact: true }).waitFor();
    expect(await keyring.get(apiKey.id)).toMatchObject({ name: 'My name for it', tags: ['green'], plan: 'starter', version: 3 });
  });

  it.each(WIDTHS)('loses nothing that was typed when the connection breaks or the login expires, on a %s', async (_name, width) => {
    const { url, keyring, cut, mend } = await host();
    const { apiKey } = await keyring.create({ name: 'Warehouse sync' });
    const page = await visit(`${url}#/keys/${apiKey.id}/edit`, { width });
    const cookies = await page.context().cookies();
    await page.getByLabel('Name', { exact: true }).fill('Renamed');
    await cut();
    await button(page, 'Save').click();
    await page.getByText('No connection').waitFor();
    await mend();
    await page.context().clearCookies();
    await button(page, 'Save').click();
    await page.getByRole('heading', { name: 'You are signed out' }).waitFor();
    await page.context().addCookies(cookies);
    await button(page, 'I have signed in').click();
    await page.getByRole('heading', { name: 'You are signed out' }).waitFor({ state: 'detached' });
    expect(await page.getByLabel('Name', { exact: true }).inputValue()).toBe('Renamed');
    await button(page, 'Save').click();
    await page.getByRole('heading', { name: 'Renamed', exact: true }).waitFor();

    await button(page, 'Revoke…').click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Why').fill('Found in a public repository');
    await dialog.getByLabel('Type revoke to go on').fill('revoke');
    await cut();
    await button(page, 'Revoke for good').click();
    await dialog.getByText('No connection').waitFor();
    await mend();
    await page.context().clearCookies();
    await button(page, 'Revoke for good').click();
    await dialog.getByRole('link', { name: 'Sign in' }).waitFor();
    expect(await dialog.getByRole('link', { name: 'Sign in' }).getAttribute('target')).toBe('_blank');
    expect(await faultsOf(page)).toEqual([]);
    await page.context().addCookies(cookies);
    await button(page, 'Revoke for good').click();
    await page.getByText('Found in a public repository').waitFor();
    expect(await keyring.get(apiKey.id)).toMatchObject({ name: 'Renamed', status: 'revoked', revokedReason: 'Found in a public repository' });
  });

  it.each(WIDTHS)('is put to every check there is, on a %s', async (_name, width) => {
    const { url, keyring } = await host();
    const { key, apiKey } = await keyring.create({
      name: 'Warehouse sync', tenantId: 'acme', scopes: ['orders:read'], limits: [perDay(1)],
      access: { ips: { allow: ['203.0.113.0/24'] }, endpoints: { allow: ['GET /orders/:id'] }, origins: ['https://a.example'], realtime: false },
    });
    expect(await keyring.verify(key, { tenant: 'acme', ip: '203.0.113.7', method: 'GET', path: '/orders/1', origin: 'https://a.example' })).toMatchObject({ ok: true });
    await keyring.disable(apiKey.id);
    const page = await visit(`${url}#/keys/${apiKey.id}/test`, { width });
    await page.getByLabel('Path').fill('/reports');
    await page.getByLabel('From the address').fill('198.51.100.1');
    await page.getByLabel('Origin').fill('https://b.example');
    await page.getByLabel('To a server of').selectOption('test');
    await page.getByLabel('For the tenant').fill('globex');
    await page.getByLabel('orders:write').check();
    await page.getByLabel('It opens an event stream').check();
    await button(page, 'Test').click();
    await page.getByText('It would be refused: disabled_key').waitFor();
    const verdicts = async (): Promise<string[]> => (await page.locator('.verdict').allTextContents()).map((text) => text.replace(/[✓✕]/, ''));
    expect(await verdicts()).toEqual([
      'Status: refuses disabled_key', 'Tenant: refuses wrong_tenant', 'Environment: refuses wrong_environment', 'IP: refuses ip_not_allowed', 'Origin: refuses origin_not_allowed',
      'Endpoint: refuses endpoint_not_allowed', 'Realtime: refuses realtime_not_allowed', 'Scopes: refuses insufficient_scope', 'Limits: refuses rate_limited',
    ]);
    expect(await faultsOf(page)).toEqual([]);
    await page.getByLabel('It opens an event stream').uncheck();
    await page.getByLabel('It opens a WebSocket').check();
    await button(page, 'Test').click();
    await page.getByText('It would be refused').waitFor();
    expect((await verdicts()).filter((text) => /Endpoint|Realtime/.test(text))).toEqual(['Endpoint: passes', 'Realtime: refuses realtime_not_allowed']);
  });

  it.each(WIDTHS)('is tested with a request: every check says what it thinks, on a %s', async (_name, width) => {
    const { url, keyring } = await host();
    const { apiKey } = await keyring.create({ name: 'Warehouse sync', plan: 'starter', scopes: ['orders:read'], access: { ips: { allow: ['203.0.113.0/24'] }, endpoints: { allow: ['GET /orders/:id'] }, origins: ['https://a.example'] } });
    const page = await visit(`${url}#/keys/${apiKey.id}`, { width });
    await page.getByRole('link', { name: 'Test a request' }).click();
    await page.getByLabel('Method').selectOption('POST');
    await page.getByLabel('Path').fill('/orders/1');
    await page.getByLabel('From the address').fill('198.51.100.1');
    await page.getByLabel('orders:write').check();
    await button(page, 'Test').click();
    await page.getByText('It would be refused: ip_not_allowed').waitFor();
    const verdicts = await page.locator('.verdicts').innerText();
    for (const code of ['ip_not_allowed', 'origin_not_allowed', 'endpoint_not_allowed', 'insufficient_scope']) expect(verdicts).toContain(code);
    expect(await faultsOf(page)).toEqual([]);
    await page.getByLabel('Method').selectOption('GET');
    await page.getByLabel('From the address').fill('203.0.113.9');
    await page.getByLabel('Origin').fill('https://a.example');
    await page.getByLabel('orders:write').uncheck();
    await button(page, 'Test').click();
    await page.getByText('It would be let in').waitFor();
    await page.getByText('59 left').waitFor();
    await page.getByLabel('From the address').fill('not an address');
    await button(page, 'Test').click();
    await page.getByText('must be an IPv4 or IPv6 address').waitFor();
    expect((await keyring.explain(apiKey.id, { cost: 0 })).limits[0]?.remaining).toBe(60);
  });

  it('is used with the keyboard alone', async () => {
    const { url, keyring } = await host();
    await keyring.create({ name: 'Warehouse sync' });
    const page = await visit(`${url}#/keys`);
    await page.getByRole('link', { name: 'Warehouse sync' }).waitFor();
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the content');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.id')).toBe('main');
    await page.getByRole('link', { name: 'Warehouse sync' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Warehouse sync' }).waitFor();
    // Whoever listens hears that it is another page.
    await until(async () => (await page.evaluate('document.activeElement.id')) === 'main');
  });
});
