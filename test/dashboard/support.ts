import { afterAll, afterEach, beforeAll, expect } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { concurrent, createKeyring, perDay, perMinute, type HostRequest, type Keyring, type KeyringOptions, type KeyStore } from 'keystile';
import { dashboard, type Authorization, type DashboardOptions } from 'keystile/admin';
import { sqlActivity, sqliteStore, sqlUsage, type SqliteStore } from 'keystile/sql';
import { BROWSER } from '../support/services/chromium.js';
import { EXPRESS_5, type Step, type TestHost } from '../support/hosts.js';
import { apiSteps, callAt, type Request } from './api.js';

export type Scope = 'orders:read' | 'orders:write' | 'reports:read';
export type Plan = 'starter' | 'growth';
export type Ring = Keyring<Scope, Plan>;

/** People, by their cookie. */
const PEOPLE: Readonly<Record<string, Authorization>> = {
  root: { actor: 'root@example.com', tenants: 'all', may: ['admin'] },
  ann: { actor: 'ann@example.com', tenantId: 'acme', may: ['admin'] },
  viewer: { actor: 'viewer@example.com', tenantId: 'acme', may: ['viewer'] },
};

const personOf = ({ headers }: HostRequest): Authorization | undefined => PEOPLE[/\bperson=(\w+)/.exec(headers.cookie ?? '')?.[1] ?? ''];

export const WIDTHS = [['desktop', { width: 1280, height: 900 }], ['phone', { width: 390, height: 844 }]] as const;

export interface HostSettings {
  readonly host?: TestHost;
  readonly mount?: string;
  readonly options?: Partial<DashboardOptions<Scope>>;
  readonly keyring?: Partial<KeyringOptions<Scope, Plan>>;
  readonly before?: readonly Step[];
}

export interface Hosted {
  readonly keyring: Ring;
  readonly origin: string;
  readonly url: string;
  /** A request to the host's own routes under `/v1`: orders and reports ask for their scope, everything else for none. */
  call(key: string, request?: Partial<Request>): Promise<{ readonly status: number; readonly code: string }>;
  /** Makes every call of the store fail, or lets them through again. */
  breakStore(isBroken: boolean): void;
  /** Stops answering, and answers again on the same port. */
  cut(): Promise<void>;
  mend(): Promise<void>;
}

/** A keyring on SQLite, with its use and its activity, behind a server, each closed after its test. */
export function useHosted(): (settings?: HostSettings) => Promise<Hosted> {
  const open: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of open.splice(0).reverse()) await close();
  });
  return async ({ host = EXPRESS_5, mount = '/admin/keys', options = {}, keyring: more = {}, before = [] } = {}) => {
    const store: SqliteStore = sqliteStore(':memory:');
    let isBroken = false;
    const keyring = createKeyring<Scope, Plan>({
      prefix: 'awx',
      scopes: { 'orders:read': [], 'orders:write': ['orders:read'], 'reports:read': [] },
      plans: { starter: [perMinute(60), perDay(10_000), concurrent(5)], growth: [perMinute(600)] },
      store: breakable(store, () => isBroken),
      usage: sqlUsage(store),
      activity: sqlActivity(store),
      ...more,
    });
    const page = dashboard(keyring, { authorize: personOf, signInUrl: '/login', ...options });
    const listener = host.listener([...before, ...apiSteps(keyring, host), mount === '' ? page : [mount, page]]);
    let server = await listening(listener, 0);
    const { port } = server.address() as AddressInfo;
    const cut = (): Promise<void> => closed(server);
    open.push(async () => {
      await cut();
      await keyring.close();
      store.close();
    });
    const origin = `http://127.0.0.1:${port}`;
    return { keyring, origin, url: `${origin}${mount}/`, call: (key, request) => callAt(origin, key, request), breakStore: (value) => { isBroken = value; }, cut, mend: async () => { server = await listening(listener, port); } };
  };
}

/** The store's methods, each of which throws while it is broken. */
function breakable(store: SqliteStore, isBroken: () => boolean): KeyStore {
  return new Proxy(store, {
    get(target, name, receiver) {
      const method: unknown = Reflect.get(target, name, receiver);
      if (typeof method !== 'function') return method;
      return (...args: unknown[]): unknown => {
        if (isBroken()) throw new Error('the disk is gone');
        return method.apply(target, args);
      };
    },
  });
}

async function listening(listener: RequestListener, port: number): Promise<Server> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return server;
}

async function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

export interface Visit {
  readonly as?: string;
  readonly width?: { readonly width: number; readonly height: number };
  readonly dark?: boolean;
}

/** One browser for a file; a context of its own, and watched pages, for each visit. */
export function useBrowser(): (url: string, visit?: Visit) => Promise<Page> {
  let browser: Browser;
  const contexts: BrowserContext[] = [];
  const complaints: string[] = [];
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: BROWSER ?? 'chromium', args: FLAGS });
  });
  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close();
    // A script that threw, a policy that was broken: never, in any test.
    expect(complaints.splice(0)).toEqual([]);
  });
  afterAll(() => browser.close());
  return async (url, { as = 'root', width = WIDTHS[0][1], dark = false } = {}) => {
    const context = await browser.newContext({ viewport: width, colorScheme: dark ? 'dark' : 'light', locale: 'en-GB', timezoneId: 'Europe/Berlin', reducedMotion: 'reduce' });
    contexts.push(context);
    context.setDefaultTimeout(15_000);
    const { origin } = new URL(url);
    await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin });
    if (as !== '') await context.addCookies([{ name: 'person', value: as, url: origin, sameSite: 'Strict' }]);
    const page = await context.newPage();
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      // The browser itself notes every answer of 400 and above.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) complaints.push(message.text());
    });
    page.on('request', (request) => {
      if (new URL(request.url()).origin !== origin && !request.url().startsWith('data:')) complaints.push(`asked another host: ${request.url()}`);
    });
    await page.goto(url);
    return page;
  };
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core'), 'utf8');

interface AxeResults {
  readonly violations: readonly { readonly id: string; readonly impact: string; readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[] }[];
}

/** What axe-core finds serious or worse on the page as it stands. */
export async function faultsOf(page: Page): Promise<string[]> {
  // A chart's bars are one picture, and many. By the protocol, not by a script element: the page's policy lets none in.
  await page.evaluate(axe);
  const { violations } = await page.evaluate<AxeResults>("axe.run({ exclude: [['.chart svg *']] }, { resultTypes: ['violations'] })");
  return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`));
}
