import { describe, expect, it } from '@jest/globals';
import { apiKeyAuth, header, perMinute, type Middleware } from 'keystile';
import connect from 'connect';
import { echo, useApps } from '../support/app.js';
import { parseLimits } from '../support/fields.js';
import { EXPRESS_5, expresses, hosts } from '../support/hosts.js';
import { useServers } from '../support/servers.js';

const start = useApps();
const listen = useServers();

describe.each(hosts)('meeting the middleware again on $name', (host) => {
  it('counts each key of a request once, and none of them never', async () => {
    const app = await start(host, {
      auth: { credentials: header('X-Gateway') },
      routes: (_auth, { keyring, handler }) => [host.apiKeyAuth(keyring, { credentials: header('X-Customer') }), handler],
    });
    const [gateway, customer] = [await app.issue({ limits: [perMinute(100)] }), await app.issue({ limits: [perMinute(2)] })];
    const ask = async (): Promise<number> => (await app.get('/items', { 'X-Gateway': gateway.key, 'X-Customer': customer.key })).status;
    expect([await ask(), await ask(), await ask()]).toEqual([200, 200, 429]);
  });

  it('counts failures of a second key, whatever the first one was', async () => {
    const app = await start(host, {
      keyring: { limits: { failures: [perMinute(2, { per: 'ip', name: 'failures' })] } },
      auth: { credentials: header('X-Gateway') },
      routes: (_auth, { keyring, handler }) => [host.apiKeyAuth(keyring, { credentials: header('X-Customer') }), handler],
    });
    const gateway = await app.issue({ limits: [perMinute(100)] });
    const ask = async (): Promise<number> => (await app.get('/items', { 'X-Gateway': gateway.key, 'X-Customer': 'guess' })).status;
    expect([await ask(), await ask(), await ask()]).toEqual([401, 401, 429]);
  });

  it('counts in each keyring by itself', async () => {
    const other = await start(host);
    const app = await start(host, { routes: (_auth, { handler }) => [host.apiKeyAuth(other.keyring, { credentials: header('X-Other') }), handler] });
    const [one, two] = [await app.issue({ limits: [perMinute(5)] }), await other.issue({ limits: [perMinute(2)] })];
    const { headers } = await app.get('/items', { 'X-API-Key': one.key, 'X-Other': two.key }).expect(200);
    expect(parseLimits(headers['ratelimit'])).toMatchObject({ minute: { r: 1 } });
  });

  it('counts a request that became known on the way', async () => {
    const app = await start(host, {
      auth: { required: false, credentials: header('X-Nobody'), anonymousLimits: [perMinute(100, { per: 'ip' })] },
      routes: (_auth, { keyring, handler }) => [host.apiKeyAuth(keyring), handler],
    });
    const { key } = await app.issue({ limits: [perMinute(1)] });
    await app.get('/items', { 'X-API-Key': key }).expect(200);
    await app.get('/items', { 'X-API-Key': key }).expect(429);
  });
});

describe.each(hosts)('under a mount on $name', (host) => {
  it('guards what lies beneath, and judges the whole path', async () => {
    const app = await start(host, { auth: { required: false }, routes: (_auth, { keyring, handler }) => [['/v1', host.apiKeyAuth(keyring)], handler] });
    const { key } = await app.issue({ access: { endpoints: { allow: ['GET /v1/orders/:id'] } } });
    await app.get('/open').expect(200);
    await app.get('/v1/orders/7').expect(401);
    await app.get('/v1/orders/7', { 'X-API-Key': key }).expect(200);
    await app.get('/v1/orders', { 'X-API-Key': key }).expect(403);
    await app.get('/orders/7', { 'X-API-Key': key }).expect(403);
  });
});

const routers: readonly (readonly [string, (mount: string, inner: Middleware) => Middleware])[] = [
  ...expresses.map(([name, create]) => [`a router of ${name}`, (mount: string, inner: Middleware) => {
    const app = create();
    const [outer, nested] = [create.Router(), create.Router()];
    nested.use('/deep', inner as never);
    outer.use(mount, nested);
    return app.use('/api', outer);
  }] as const),
  ['nested Connect apps', (mount, inner) => connect().use('/api', connect().use(mount, connect().use('/deep', inner as never) as never) as never)],
];

describe.each(routers)('inside %s', (_name, nest) => {
  it('endpoint rules see the path that the client asked for', async () => {
    const { keyring, issue } = await start(EXPRESS_5);
    let reached = 0;
    const auth = apiKeyAuth(keyring);
    const inner: Middleware = (req, res, next) => {
      auth(req, res, (error) => {
        if (error !== undefined) next(error);
        else { reached++; echo(req, res); }
      });
    };
    const app = await listen(nest('/v1', inner) as never);
    const [allowed, denied] = [await issue({ access: { endpoints: { allow: ['GET /api/v1/deep/items'] } } }), await issue({ access: { endpoints: { deny: ['/api/v1/deep/items'] } } })];
    await app.get('/api/v1/deep/items', { 'X-API-Key': allowed.key }).expect(200);
    await app.get('/api/v1/deep/items/', { 'X-API-Key': allowed.key }).expect(200);
    expect(reached).toBe(2);
    for (const path of ['/api/v1/deep/items', '/API/v1/DEEP/items', '/api/v1/deep/%69tems', '/api/v1/deep/items/', '/api/v1/deep//items', '/api/v1/deep/items?x=1', '/api/v1/deep/./items', '/api/v1/deep/items;a']) {
      const { status } = await app.get(path, { 'X-API-Key': denied.key });
      expect([path, status === 403 || status === 404]).toEqual([path, true]);
    }
    await app.get('/api/v1/deep/other', { 'X-API-Key': allowed.key }).expect(403);
    await app.get('/api/v1/deep/other', { 'X-API-Key': denied.key }).expect(200);
    expect(reached).toBe(3);
  });
});
