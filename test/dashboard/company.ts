import { callAt, type Request } from './api.js';
import type { Ring } from './support.js';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export interface SetClock {
  now(): number;
  /** Stands still so long before the present; at 0 it goes on by itself. */
  ago(ms: number): void;
}

/** A clock that is set by hand, for keys of every age; it ends at the present, which is the browser's time. */
export function setClock(): SetClock {
  let at: number | undefined;
  return { now: () => at ?? Date.now(), ago: (ms) => { at = ms === 0 ? undefined : Date.now() - ms; } };
}

export interface Company {
  /** Of the key that is used most. */
  readonly id: string;
  readonly warehouse: string;
  readonly reports: string;
  readonly leaked: string;
}

/** Keys as a small company has them. `meanwhile` is what happens to them before the last hour. */
export async function makeCompany(keyring: Ring, clock: SetClock, meanwhile: (company: Company) => Promise<void> = () => Promise.resolve()): Promise<Company> {
  const by = 'ann@example.com';
  clock.ago(210 * DAY);
  await keyring.create({ name: 'Legacy importer', tenantId: 'globex', scopes: ['orders:write'], limits: [], tags: ['legacy'] }, { by });
  clock.ago(120 * DAY);
  const { key: reports, apiKey: old } = await keyring.create({ name: 'Nightly reports', tenantId: 'acme', scopes: ['reports:read'], plan: 'starter', expiresAt: Date.now() + 4 * DAY, tags: ['reports'] }, { by });
  const { key: leaked, apiKey: site } = await keyring.create({ name: 'Marketing site', tenantId: 'acme', scopes: ['orders:read'], plan: 'starter', access: { origins: ['https://www.acme.example'] } }, { by });
  clock.ago(40 * DAY);
  await keyring.revoke(site.id, { reason: 'Found in a public repository', by });
  await keyring.create({ name: 'Staging end-to-end tests', environment: 'test', tenantId: 'acme', scopes: ['orders:write'], plan: 'growth', expiresAt: Date.now() + 60 * DAY }, { by });
  const { apiKey: suspended } = await keyring.create({ name: 'Partner sandbox', tenantId: 'initech', scopes: ['orders:read'], plan: 'starter', expiresAt: Date.now() + 200 * DAY }, { by });
  await keyring.disable(suspended.id, { by });
  clock.ago(12 * DAY);
  const { key: warehouse, apiKey } = await keyring.create({
    name: 'Warehouse sync – production', tenantId: 'acme', owner: { type: 'org', id: 'logistics' }, scopes: ['orders:write'], plan: 'starter', expiresAt: Date.now() + 78 * DAY, tags: ['production', 'logistics'],
    access: { endpoints: { allow: ['GET /v1/orders/:id', 'POST /v1/orders', '/v1/stock/*rest'] }, ips: { allow: ['203.0.113.0/24'] } }, metadata: { team: 'logistics', contact: 'ops@acme.example' },
  }, { by });
  const company: Company = { id: apiKey.id, warehouse, reports, leaked };
  await meanwhile(company);
  clock.ago(HOUR);
  await keyring.rotate(old.id, { gracePeriod: 3 * DAY, by });
  clock.ago(0);
  return company;
}

export interface Traffic {
  /** So many hours lie between two rounds of requests. */
  readonly everyHours: number;
  /** Of each round, about. */
  readonly requests: number;
}

/** A week of real requests to the host's own routes; answers what has become of them, by code. */
export async function makeTraffic({ keyring, origin }: { readonly keyring: Ring; readonly origin: string }, clock: SetClock, { warehouse, reports, leaked }: Company, { everyHours, requests }: Traffic): Promise<ReadonlyMap<string, number>> {
  const ended = new Map<string, number>();
  const call = async (key: string, times: number, request: (time: number) => Partial<Request>): Promise<void> => {
    for (let time = 0; time < times; time++) {
      const { code } = await callAt(origin, key, request(time));
      ended.set(code, (ended.get(code) ?? 0) + 1);
    }
  };
  const week = 7 * 24 - 2;
  for (let round = 0; week - round * everyHours >= 2; round++) {
    const hour = week - round * everyHours;
    clock.ago(hour * HOUR);
    const wave = 1 + Math.sin((hour / 24) * 2 * Math.PI);
    await call(warehouse, Math.round(requests * (0.2 + wave * 0.5)) + (hour % 5), (time) => ({ path: `/orders/${String(8_000 + time)}` }));
    if (round % 3 === 0) await call(reports, 3, () => ({ path: '/reports/daily', ip: '203.0.113.90' }));
    if (round % 5 === 2) await call(reports, 4, () => ({ path: '/orders', ip: '203.0.113.90' }));
    // More than the plan allows in a minute.
    if (round % 23 === 7) await call(warehouse, 70, () => ({ path: '/stock/pallets' }));
    if (round % 8 === 4) await call(warehouse, 3, () => ({ ip: '198.51.100.9' }));
    if (round % 9 === 5) await call(leaked, 2, () => ({ ip: '198.51.100.9' }));
  }
  clock.ago(90 * MINUTE);
  await call(warehouse, 1, () => ({ path: '/orders/8411', ip: '203.0.113.77' }));
  await keyring.flush();
  clock.ago(80 * MINUTE);
  await call(warehouse, 1, () => ({ method: 'DELETE', path: '/orders/8411', ip: '203.0.113.77' }));
  await call(warehouse, 1, () => ({ path: '/orders/8412' }));
  return ended;
}
