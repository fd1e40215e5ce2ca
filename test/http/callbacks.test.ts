import { describe, expect, it } from '@jest/globals';
import type { HostRequest } from 'keystile';
import { useApps } from '../support/app.js';
import { hosts } from '../support/hosts.js';

const start = useApps();
const said = (name: string) => (req: HostRequest): string | undefined => req.headers[name] as string | undefined;

describe.each(hosts)('the tenant of a request on $name', (host) => {
  it.each([
    ['at once', said('x-tenant')],
    ['later', async (req: HostRequest) => Promise.resolve(said('x-tenant')(req))],
  ])('told %s, must be the key\'s', async (_when, tenant) => {
    const app = await start(host, { auth: { tenant } });
    const [one, two, none] = [await app.issue({ tenantId: 'shop-1' }), await app.issue({ tenantId: 'shop-2' }), await app.issue()];
    await app.get('/items', { 'X-API-Key': one.key, 'X-Tenant': 'shop-1' }).expect(200);
    for (const { key } of [two, none]) await app.get('/items', { 'X-API-Key': key, 'X-Tenant': 'shop-1' }).expect(403);
    // A request that ought to name a tenant and does not is nobody's.
    for (const { key } of [one, none]) {
      await app.get('/items', { 'X-API-Key': key }).expect(403).expect(({ body }) => {
        expect(body.code).toBe('wrong_tenant');
      });
    }
    for (const name of ['SHOP-1', 'shop-1 x', '__proto__', 'toString']) await app.get('/items', { 'X-API-Key': one.key, 'X-Tenant': name }).expect(403);
  });

  it('is not compared where it is null', async () => {
    const app = await start(host, { auth: { tenant: () => null } });
    const { key } = await app.issue({ tenantId: 'shop-1' });
    await app.get('/items', { 'X-API-Key': key }).expect(200);
  });

  it('is not asked for before there is a key', async () => {
    let asked = 0;
    const app = await start(host, { auth: { required: false, tenant: () => { asked++; return 'shop'; } } });
    await app.get('/items').expect(200);
    expect(asked).toBe(0);
  });
});

describe.each(hosts)('the environment on $name', (host) => {
  it('is live unless said, and always compared', async () => {
    const live = await start(host);
    const [real, trial] = [await live.issue(), await live.issue({ environment: 'test' })];
    await live.get('/items', { 'X-API-Key': real.key }).expect(200);
    await live.get('/items', { 'X-API-Key': trial.key }).expect(403);
    const test = await start(host, { auth: { environment: 'test' } });
    const [other, fitting] = [await test.issue(), await test.issue({ environment: 'test' })];
    await test.get('/items', { 'X-API-Key': other.key }).expect(403).expect(({ body }) => {
      expect(body.code).toBe('wrong_environment');
    });
    await test.get('/items', { 'X-API-Key': fitting.key }).expect(200);
  });
});

describe.each(hosts)('required on $name', (host) => {
  it.each([
    ['at once', (req: HostRequest) => req.url?.startsWith('/private') === true],
    ['later', async (req: HostRequest) => Promise.resolve(req.url?.startsWith('/private') === true)],
  ])('as a function, answered %s, is asked for each request', async (_when, required) => {
    const app = await start(host, { auth: { required } });
    const { key } = await app.issue();
    await app.get('/public').expect(200).expect(({ body }) => {
      expect(body.caller).toBeNull();
    });
    await app.get('/private').expect(401);
    await app.get('/private', { 'X-API-Key': key }).expect(200);
    await app.get('/public', { 'X-API-Key': `${key}x` }).expect(401);
  });

  it('may be flipped while the server runs', async () => {
    let strict = false;
    const app = await start(host, { auth: { required: () => strict } });
    await app.get('/items').expect(200);
    strict = true;
    await app.get('/items').expect(401);
  });
});

describe.each(hosts)('scopes on $name', (host) => {
  it('that every request needs are checked with what they imply, before the limits', async () => {
    const app = await start(host, { auth: { scopes: ['read'] } });
    const [reader, writer, nobody] = [await app.issue({ scopes: ['read'] }), await app.issue({ scopes: ['write'] }), await app.issue()];
    await app.get('/items', { 'X-API-Key': reader.key }).expect(200);
    await app.get('/items', { 'X-API-Key': writer.key }).expect(200);
    await app.get('/items', { 'X-API-Key': nobody.key }).expect(403).expect(({ body }) => {
      expect(body['missing-scopes']).toEqual(['read']);
    });
  });
});
