import { concurrent, perMinute, type KeyStore, type RefusalInfo } from 'keystile';
import type { AppSettings, TestApp } from './app.js';
import { nodeDropsHeaderFields } from './node-limits.js';

/** All but the one that `bearerToken` alone gives; test/jwt meets that. */
type Code = Exclude<RefusalInfo['code'], 'invalid_token'>;

/** A way to a refusal: how the app is set up, and the headers of the request that is refused. */
export interface Way {
  readonly status: number;
  readonly app?: AppSettings;
  headers(app: TestApp): Promise<Readonly<Record<string, string>>> | Readonly<Record<string, string>>;
}

const withKey = (settings: Parameters<TestApp['issue']>[0] = {}): Way['headers'] => async (app) => ({ 'X-API-Key': (await app.issue(settings)).key });

/** A key that has been used once already. */
const usedOnce = (settings: Parameters<TestApp['issue']>[0]): Way['headers'] => async (app) => {
  const headers = { 'X-API-Key': (await app.issue(settings)).key };
  await app.get('/items', headers).expect(200);
  return headers;
};

/** An accepted request whose handler never answers. */
const held = (settings: Parameters<TestApp['issue']>[0]): Way['headers'] => async (app) => {
  const headers = { 'X-API-Key': (await app.issue(settings)).key };
  app.get('/items', headers).end(() => undefined);
  // Each turn goes through the network stack, so the first request gets there within a few.
  for (let turn = 0; turn < 1_000 && app.reached() === 0; turn++) await app.get('/items');
  return headers;
};

const brokenStore: KeyStore = { insert: () => 'inserted', find: () => { throw new Error('down'); }, update: () => undefined, replace: () => 'changed', delete: () => false, list: () => ({ records: [] }), touch: () => undefined };
const broken = (): never => { throw new Error('down'); };
const brokenLimiter = { consume: broken, peek: broken, renew: broken, release: broken, reset: broken };

/** One way to every refusal that `apiKeyAuth` gives. */
export const everyRefusal: Readonly<Record<Code, Way>> = {
  ambiguous_credentials: {
    status: 400,
    headers: async (app) => ({ 'X-API-Key': (await app.issue()).key, Authorization: `Bearer ${(await app.issue()).key}` }),
  },
  malformed_request: { status: 400, headers: async (app) => ({ Host: 'localhost', ...Object.fromEntries(Array.from({ length: 1_001 }, (_, index) => [`x-${index}`, ''])), ...(await withKey()(app)) }) },
  missing_key: { status: 401, headers: () => ({}) },
  malformed_key: { status: 401, headers: () => ({ 'X-API-Key': 'awx_live_nonsense' }) },
  invalid_key: { status: 401, headers: (app) => ({ 'X-API-Key': app.keyring.format.generate({ environment: 'live' }).key }) },
  expired_key: { status: 401, headers: async (app) => withKey({ expiresAt: app.clock.now() - 1 })(app) },
  scheduled_key: { status: 401, headers: async (app) => withKey({ notBefore: app.clock.now() + 1 })(app) },
  disabled_key: {
    status: 401,
    async headers(app) {
      const { key, id } = await app.issue();
      await app.keyring.disable(id);
      return { 'X-API-Key': key };
    },
  },
  revoked_key: {
    status: 401,
    async headers(app) {
      const { key, id } = await app.issue();
      await app.keyring.revoke(id);
      return { 'X-API-Key': key };
    },
  },
  wrong_tenant: { status: 403, app: { auth: { tenant: () => 'shop-1' } }, headers: withKey({ tenantId: 'shop-2' }) },
  wrong_environment: { status: 403, headers: withKey({ environment: 'test' }) },
  insufficient_scope: { status: 403, app: { auth: { scopes: ['write'] } }, headers: withKey({ scopes: ['read'] }) },
  ip_not_allowed: { status: 403, headers: withKey({ access: { ips: { allow: ['203.0.113.7'] } } }) },
  origin_not_allowed: { status: 403, headers: withKey({ access: { origins: ['https://app.example.com'] } }) },
  endpoint_not_allowed: { status: 403, headers: withKey({ access: { endpoints: 'none' } }) },
  realtime_not_allowed: {
    status: 403,
    app: { routes: (auth, { handler }) => [auth.requireRealtime(), handler] },
    headers: withKey({ access: { realtime: false } }),
  },
  insecure_transport: { status: 403, app: { auth: { requireHttps: true } }, headers: withKey() },
  api_key_not_accepted: { status: 403, app: { routes: (auth, { handler }) => [auth.forbidApiKeys(), handler] }, headers: withKey() },
  rate_limited: { status: 429, headers: usedOnce({ limits: [perMinute(1)] }) },
  concurrency_exceeded: { status: 429, app: { handler: () => undefined }, headers: held({ limits: [concurrent(1)] }) },
  too_many_failures: {
    status: 429,
    app: { keyring: { limits: { failures: [perMinute(1, { per: 'ip', name: 'failures' })] } } },
    async headers(app) {
      await app.get('/items', { 'X-API-Key': 'wrong' }).expect(401);
      return { 'X-API-Key': 'wrong' };
    },
  },
  store_unavailable: { status: 503, app: { keyring: { store: brokenStore } }, headers: withKey() },
  limiter_unavailable: { status: 503, app: { keyring: { limiter: brokenLimiter, onLimiterError: 'closed' } }, headers: withKey({ limits: [perMinute(1)] }) },
};

export const refusalCodes = (Object.keys(everyRefusal) as (keyof typeof everyRefusal)[]).filter((code) => code !== 'malformed_request' || nodeDropsHeaderFields);
