import { expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { CHROMIUM } from '../support/services/chromium.js';
import { until } from '../support/services/redis.js';
import { describeWith } from '../support/services/required.js';
import { DAY, HOUR, makeCompany, makeTraffic, MINUTE, setClock, type Company } from './company.js';
import { faultsOf, useBrowser, useHosted, WIDTHS, type Hosted } from './support.js';

const count = (number: number): string => new Intl.NumberFormat('en').format(number);
const section = (page: Page, name: string) => page.locator('section', { has: page.getByRole('heading', { name, exact: true }) });

interface Busy extends Hosted, Company {
  /** What has become of its requests, by code. */
  readonly ended: ReadonlyMap<string, number>;
}

describeWith(CHROMIUM)('use and activity', () => {
  const host = useHosted();
  const visit = useBrowser();

  const busyHost = async (): Promise<Busy> => {
    const clock = setClock();
    const hosted = await host({ keyring: { clock } });
    let ended: ReadonlyMap<string, number> = new Map();
    const company = await makeCompany(hosted.keyring, clock, async (made) => { ended = await makeTraffic(hosted, clock, made, { everyHours: 6, requests: 6 }); });
    return { ...hosted, ...company, ended };
  };

  it.each(WIDTHS.flatMap(([name, width]) => [[name, 'light', width] as const, [name, 'dark', width] as const]))('tells how things are: requests, reasons, top keys, ends, on a %s, in the %s', async (_name, light, width) => {
    const { url, id, keyring, ended } = await busyHost();
    const page = await visit(url, { width, dark: light === 'dark' });
    await page.getByText('Allowed, last 7 days').waitFor();
    const [allowed, limited] = [ended.get('ok')!, ended.get('rate_limited')!];
    const refused = [...ended.values()].reduce((sum, one) => sum + one, 0) - allowed - limited;
    expect([allowed > 100, limited > 10, refused > 10]).toEqual([true, true, true]);
    expect(await page.locator('.tile-number').allTextContents()).toEqual([allowed, limited, refused].map(count));
    const reasons = await section(page, 'Refusals by reason').innerText();
    for (const [text, code] of [['Endpoint not allowed', 'endpoint_not_allowed'], ['IP not allowed', 'ip_not_allowed'], ['Insufficient scope', 'insufficient_scope'], ['Revoked key', 'revoked_key']] as const) expect(reasons).toMatch(new RegExp(`${text}\\s*${String(ended.get(code)!)}(?!\\d)`));
    const { allowed: most } = (await keyring.topKeys({ limit: 1 }))[0]!;
    await section(page, 'Most used keys').getByRole('link', { name: 'Warehouse sync – production' }).waitFor();
    expect(await section(page, 'Most used keys').getByRole('listitem').first().innerText()).toContain(count(most));
    await section(page, 'Unusual use').getByText('First use from a new address').first().waitFor();
    expect(await section(page, 'Ending soon').innerText()).toContain('Nightly reports');
    expect(await section(page, 'Newest keys').getByRole('listitem').count()).toBe(5);
    expect(await page.locator('.chart .bar').count()).toBe((await keyring.usage({ from: Date.now() - 7 * DAY })).points.length);
    expect(await faultsOf(page)).toEqual([]);

    await page.getByLabel('Span').selectOption('30d');
    await page.getByText('per day').waitFor();
    await page.getByText('The numbers as a table').click();
    const days = (await keyring.usage({ per: 'day', from: Date.now() - 30 * DAY })).points;
    expect(await page.getByRole('row').count()).toBe(days.length + 1);
    const { allowed: first } = days[0]!;
    expect(await page.getByRole('row').nth(1).getByRole('cell').first().innerText()).toBe(count(first));
    await section(page, 'Most used keys').getByRole('link', { name: 'Warehouse sync – production' }).click();
    await page.getByRole('heading', { name: 'Warehouse sync – production' }).waitFor();
    expect(page.url()).toContain(id);
  });

  it.each(WIDTHS)('shows the requests of one key where their time is, and what was done with it, on a %s', async (_name, width) => {
    const clock = setClock();
    const { url, keyring, call } = await host({ keyring: { clock } });
    clock.ago(10 * DAY);
    const { key, apiKey } = await keyring.create({ name: 'Warehouse sync' }, { by: 'ann@example.com' });
    await keyring.create({ name: 'Another' });
    clock.ago(84 * HOUR);
    for (let time = 0; time < 4; time++) await call(key, { path: '/stock' });
    clock.ago(HOUR);
    await call(key, { path: '/orders/7', method: 'POST' });
    clock.ago(0);
    const page = await visit(`${url}#/keys/${apiKey.id}`, { width });
    await page.locator('.chart rect').first().waitFor();
    const [from, to] = await page.evaluate<number[]>("[...document.querySelectorAll('.chart rect')].map((bar) => parseFloat(bar.getAttribute('x')) / 100)");
    expect([Math.abs(from! - 0.5) < 0.02, to! > 0.97, await page.locator('.chart rect').count()]).toEqual([true, true, 2]);
    const activity = section(page, 'Activity');
    await activity.getByText('POST /v1/orders/7').waitFor();
    const rows = await activity.getByRole('row').allInnerTexts();
    expect(rows).toHaveLength(7);
    expect(rows[1]).toMatch(/POST \/v1\/orders\/7[^]*Insufficient scope[^]*the key[^]*203\.0\.113\.20/);
    expect(rows[6]).toMatch(/Created[^]*OK[^]*ann@example\.com/);
    expect(await faultsOf(page)).toEqual([]);
    await activity.getByRole('link', { name: 'All of it' }).click();
    await page.getByRole('heading', { name: 'Activity', level: 1 }).waitFor();
    expect(await page.getByLabel('Key', { exact: true }).inputValue()).toBe(apiKey.id);
    expect(await page.getByRole('row').count()).toBe(7);
    await page.getByRole('link', { name: 'Activity' }).click();
    await page.getByRole('row').nth(7).waitFor();
    expect([await page.getByRole('row').count(), await page.getByLabel('Key', { exact: true }).inputValue()]).toEqual([8, '']);
  });

  it.each(WIDTHS)('is filtered, walked through page by page, and downloaded, on a %s', async (_name, width) => {
    const { url, keyring, id } = await busyHost();
    const page = await visit(`${url}#/activity`, { width });
    await page.getByRole('row').nth(50).waitFor();
    const shown = (): Promise<number> => page.getByRole('row').count();
    const top = (): Promise<string> => page.getByRole('row').nth(1).innerText();
    const first = await top();
    // Nothing of it lies beyond the edge of the screen.
    expect(await page.evaluate("[document.documentElement, document.querySelector('.table-frame')].map((box) => box.scrollWidth - box.clientWidth)")).toEqual([0, 0]);
    await page.getByRole('button', { name: 'Older' }).click();
    await until(async () => (await shown()) > 1 && (await top()) !== first);
    await page.getByRole('button', { name: 'Newer' }).click();
    await until(async () => (await shown()) > 1 && (await top()) === first);
    const rows = async (filters: Parameters<typeof keyring.activity>[0]): Promise<void> => {
      const { entries } = await keyring.activity({ ...filters, limit: 50 });
      await until(async () => (await shown()) === entries.length + 1).catch(() => undefined);
      expect([entries.length > 0, await shown()]).toEqual([true, entries.length + 1]);
    };
    await page.getByLabel('What').selectOption('unusual');
    await rows({ action: 'unusual' });
    await page.getByText('First use from a new address').first().waitFor();
    await page.getByLabel('What').selectOption('');
    await page.getByLabel('Result').fill('ip_not_allowed');
    await rows({ result: 'ip_not_allowed' });
    await page.getByLabel('Result').fill('');
    await page.getByLabel('By').fill('ann@example.com');
    await rows({ by: 'ann@example.com' });
    await page.getByLabel('Tenant').fill('globex');
    await rows({ by: 'ann@example.com', tenantId: 'globex' });
    await page.getByLabel('Tenant').fill('nobody');
    await page.getByText('Nothing fits these filters').waitFor();
    await page.getByRole('button', { name: 'Clear the filters' }).click();
    await rows({});
    await page.getByLabel('Key', { exact: true }).fill(id);
    const day = new Date(Date.now() - 3 * DAY);
    await page.getByLabel('To').fill(day.toISOString().slice(0, 10));
    // Berlin, where the browser is, begins its days an hour or two before UTC.
    await page.getByLabel('From').fill(new Date(Date.now() - 13 * DAY).toISOString().slice(0, 10));
    await page.getByRole('row').nth(1).waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await page.reload();
    expect(await page.getByLabel('Key', { exact: true }).inputValue()).toBe(id);
    await page.getByRole('row').nth(1).waitFor();

    const [csv, ndjson] = [await downloaded(page, 'Export CSV'), await downloaded(page, 'Export NDJSON')];
    expect([csv.name, ndjson.name]).toEqual(['activity.csv', 'activity.ndjson']);
    const entries = ndjson.text.trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, string>);
    expect(entries.length).toBeGreaterThan(50);
    expect(entries.every((entry) => entry['keyId'] === id)).toBe(true);
    expect(entries.at(-1)).toMatchObject({ action: 'created', result: 'ok', by: 'ann@example.com', tenantId: 'acme' });
    const [head, ...lines] = csv.text.trimEnd().split('\r\n');
    expect(head).toBe('at,action,result,keyId,tenantId,by,ip,method,path');
    expect(lines).toEqual(entries.map((entry) => head!.split(',').map((name) => entry[name] ?? '').join(',')));
    expect(csv.text + ndjson.text).not.toMatch(/awx_live_\w{20}/);
  });

  it.each(WIDTHS)('shows a confined admin nothing of others, on a %s', async (_name, width) => {
    const { url, keyring, call } = await host();
    const make = async (name: string, tenantId: string) => keyring.create({ name, tenantId }, { by: `${tenantId}@example.com` });
    const [ours, theirs] = [await make('Ours', 'acme'), await make('Theirs', 'globex')];
    await call(ours.key, { path: '/ours', ip: '203.0.113.1' });
    for (let time = 0; time < 3; time++) await call(theirs.key, { path: '/theirs', ip: '198.51.100.77' });
    const page = await visit(url, { as: 'ann', width });
    await section(page, 'Most used keys').getByRole('link', { name: 'Ours' }).waitFor();
    await page.getByText('Allowed, last 7 days').waitFor();
    expect(await page.locator('.tile-number').allTextContents()).toEqual(['1', '0', '0']);
    const nothing = async (): Promise<void> => {
      const content = await page.content();
      for (const text of [theirs.apiKey.id, 'Theirs', 'globex', '198.51.100.77', '/theirs']) expect(content).not.toContain(text);
    };
    await nothing();
    await page.getByRole('link', { name: 'Activity' }).click();
    await page.getByText('GET /v1/ours').waitFor();
    expect(await page.getByLabel('Tenant').count()).toBe(0);
    await nothing();
    const { text } = await downloaded(page, 'Export NDJSON');
    expect([text.includes(ours.apiKey.id), text.includes(theirs.apiKey.id)]).toEqual([true, false]);
    await page.goto(`${url}#/activity?keyId=${theirs.apiKey.id}&tenantId=globex`);
    await page.getByText('Nothing fits these filters').waitFor();
    expect((await downloaded(page, 'Export NDJSON')).text).toBe('');
  });

  it.each(WIDTHS)('points out every kind of unusual use, on a %s', async (_name, width) => {
    const clock = setClock();
    const { url, keyring, call } = await host({ keyring: { clock } });
    const many = async (key: string, times: number, path = '/x'): Promise<void> => { for (let time = 0; time < times; time++) await call(key, { path }); };
    clock.ago(100 * DAY);
    const make = async (name: string) => (await keyring.create({ name })).key;
    const [address, burst, refusals, silence] = [await make('Address'), await make('Burst'), await make('Refusals'), await make('Silence')];
    await make('Quiet');
    clock.ago(40 * DAY);
    await many(silence, 1);
    await keyring.flush();
    clock.ago(3 * HOUR);
    await call(address, { path: '/x', ip: '203.0.113.1' });
    await many(burst, 1);
    await keyring.flush();
    clock.ago(5 * MINUTE);
    await call(address, { path: '/x', ip: '198.51.100.1' });
    await many(burst, 100);
    await many(refusals, 50, '/orders/1');
    await many(silence, 1);
    await keyring.flush();
    clock.ago(0);
    const page = await visit(`${url}#/keys`, { width });
    await page.getByText('Unusual use').nth(3).waitFor();
    expect(await page.locator('tr', { has: page.getByText('Unusual use') }).locator('.key-name').allTextContents()).toEqual(expect.arrayContaining(['Address', 'Burst', 'Refusals', 'Silence']));
    expect(await page.locator('tr', { hasText: 'Quiet' }).getByText('Unusual use').count()).toBe(0);
    expect(await faultsOf(page)).toEqual([]);
    for (const [name, text] of [['Address', 'First use from a new address'], ['Burst', 'Many more requests than usual'], ['Refusals', 'A burst of refusals'], ['Silence', 'Used after a long silence']] as const) {
      await page.getByRole('link', { name, exact: true }).click();
      await page.locator('.page-head .badge', { hasText: text }).waitFor();
      await page.locator('.notice', { hasText: text }).waitFor();
      expect(await page.locator('.page-head .badge', { hasText: /address|than usual|refusals|silence/ }).count()).toBe(1);
      await section(page, 'Activity').getByText(text).waitFor();
      await page.goBack();
    }
    await page.getByRole('link', { name: 'Overview' }).click();
    await section(page, 'Unusual use').getByRole('link', { name: 'Silence' }).waitFor();
    expect(await section(page, 'Unusual use').getByRole('listitem').count()).toBe(4);
  });
});

async function downloaded(page: Page, name: string): Promise<{ readonly name: string; readonly text: string }> {
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name }).click()]);
  return { name: download.suggestedFilename(), text: await readFile(await download.path(), 'utf8') };
}
