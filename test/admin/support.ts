import { createKeyring, type HostRequest, type Keyring, type KeyringOptions, type Middleware } from 'keystile';
import { adminRouter, type AdminRouterOptions, type Authorization } from 'keystile/admin';
import { fakeClock, type FakeClock } from 'keystile/testing';
import { afterEach } from '@jest/globals';
import type supertest from 'supertest';
import { perMinute } from 'keystile';
import { NODE_HTTP, type Step, type TestHost } from '../support/hosts.js';
import { useServers, type TestServer } from '../support/servers.js';

export type Scope = 'read' | 'write' | 'keys:manage';
type Method = 'get' | 'head' | 'post' | 'patch' | 'delete' | 'put';

/** People, by what they send as `x-user`. */
export const PEOPLE: Readonly<Record<string, Authorization>> = {
  root: { actor: 'root@example.com', tenants: 'all', may: ['admin'] },
  ann: { actor: 'ann@example.com', tenantId: 'acme', may: ['admin'] },
  carl: { actor: 'carl@example.com', tenantId: 'acme', may: ['admin'] },
  bob: { actor: 'bob@example.com', tenantId: 'other', may: ['admin'] },
  viewer: { actor: 'viewer@example.com', tenantId: 'acme', may: ['viewer'] },
};

export interface AdminSettings {
  readonly options?: Partial<AdminRouterOptions<Scope>>;
  readonly keyring?: Partial<KeyringOptions<Scope, 'starter' | 'growth'>>;
  /** Steps before the router. */
  readonly before?: readonly Step[] | ((keyring: AdminApp['keyring'], clock: FakeClock) => readonly Step[]);
}

export interface AdminApp extends TestServer {
  readonly keyring: Keyring<Scope, 'starter' | 'growth'>;
  readonly clock: FakeClock;
  readonly faults: unknown[];
  /** A request of a person (or of nobody: `''`), beneath `/admin`. */
  as(person: string, method: Method, path: string, body?: object, headers?: Readonly<Record<string, string>>): supertest.Test;
}

/** One member of each thing in an answer. */
export const each = (things: unknown, name: string): unknown[] => (things as Record<string, unknown>[]).map((thing) => thing[name]);

const byHeader = (req: HostRequest): Authorization | undefined => PEOPLE[String(req.headers['x-user'])];

/** Servers with a management API at `/admin`, each closed after its test. */
export function useAdmin(): (host: TestHost, settings?: AdminSettings) => Promise<AdminApp> {
  const listen = useServers();
  const open: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const one of open.splice(0)) await one.close();
  });
  return async (host, { options = {}, keyring: more = {}, before = [] } = {}) => {
    const clock = fakeClock();
    const keyring = createKeyring<Scope, 'starter' | 'growth'>({
      prefix: 'awx', scopes: { read: [], write: ['read'], 'keys:manage': [] }, plans: { starter: [perMinute(60)], growth: [perMinute(300)] }, clock, cache: { max: 1_000 }, ...more,
    });
    open.push(keyring);
    const faults: unknown[] = [];
    keyring.on('fault', ({ error }) => faults.push(error));
    const router: Middleware = adminRouter(keyring, { authorize: byHeader, ...(host === NODE_HTTP && { path: '/admin' }), ...options });
    const server = await listen(host.listener([...(typeof before === 'function' ? before(keyring, clock) : before), ['/admin', router]]));
    return {
      ...server,
      keyring,
      clock,
      faults,
      as(person, method, path, body, headers = {}) {
        const request = server.agent[method](`/admin${path}`).set(person === '' ? headers : { 'x-user': person, ...headers });
        return body === undefined ? request : request.set('Content-Type', 'application/json').send(JSON.stringify(body));
      },
    };
  };
}
