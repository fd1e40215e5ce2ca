import { describe, expect, it } from '@jest/globals';
import express from 'express';
import request from 'supertest';
import { apiKeyAuth, createKeyring, header, perMinute, principalOf } from 'keystile';

describe('two keyrings on one path', () => {
  const gateway = createKeyring({ prefix: 'gwy', scopes: { admin: [] } });
  const shop = createKeyring({ prefix: 'awx', scopes: { admin: [] } });

  const app = express();
  app.use(apiKeyAuth(gateway, { credentials: header('x-gateway-key') }));
  const auth = apiKeyAuth(shop, { required: false, anonymousLimits: [perMinute(60, { per: 'ip' })] });
  app.use(auth);
  app.get('/open', (req, res) => res.json({ caller: req.apiKey?.name ?? null }));
  app.get('/admin', auth.requireScopes('admin'), (req, res) => res.json({ caller: principalOf(req).name }));

  it('a key of the first has no rights in the second', async () => {
    const { key } = await gateway.create({ name: 'gateway', scopes: ['admin'] });
    await request(app).get('/admin').set('x-gateway-key', key).expect(401);
    const open = await request(app).get('/open').set('x-gateway-key', key).expect(200, { caller: null });
    expect(open.headers).toHaveProperty('ratelimit');
  });

  it('a key of each makes its own caller', async () => {
    const outer = await gateway.create({ name: 'gateway', scopes: [] });
    const inner = await shop.create({ name: 'customer', scopes: ['admin'] });
    await request(app).get('/admin').set('x-gateway-key', outer.key).set('x-api-key', inner.key).expect(200, { caller: 'customer' });
  });
});

describe('a caller that keystile has not put there', () => {
  const keyring = createKeyring({ prefix: 'awx', scopes: { admin: [] }, limits: { default: [perMinute(3)] } });
  const auth = apiKeyAuth(keyring);
  /** A server whose own code has left something at `req.apiKey`, made from an honest principal of this keyring. */
  const server = (make: (caller: unknown) => unknown, honest: unknown): express.Express => {
    const app = express();
    app.use((req, _res, next) => {
      (req as { apiKey?: unknown }).apiKey = make(honest);
      next();
    });
    app.get('/guarded', auth.requireScopes('admin'), (_req, res) => res.end());
    app.use(auth);
    app.get('/keyed', (req, res) => res.json({ caller: principalOf(req).name }));
    return app;
  };

  it.each([
    ['a copy', (caller: unknown) => ({ ...(caller as object) })],
    ['its JSON', (caller: unknown) => JSON.parse(JSON.stringify(caller)) as unknown],
    ['null', () => null],
    ['a text', () => 'awx_live_x'],
    ['a number', () => 0],
  ])('%s passes no guard and counts for nothing', async (_name, make) => {
    const { key } = await keyring.create({ name: 'honest', scopes: ['admin'] });
    const verification = await keyring.verify(key);
    const app = server(make, verification.ok && verification.principal);
    await request(app).get('/guarded').expect(401);
    for (const left of [1, 0]) {
      const answer = await request(app).get('/keyed').set('x-api-key', key).expect(200, { caller: 'honest' });
      expect(answer.headers['ratelimit']).toContain(`r=${String(left)}`);
    }
  });
});

describe('a key that passes three times, with another in between', () => {
  it('is counted once', async () => {
    const [outer, inner] = [createKeyring({ prefix: 'gwy', limits: { default: [perMinute(5)] } }), createKeyring({ prefix: 'awx', limits: { default: [perMinute(5)] } })];
    const keys = [await outer.create({ name: 'outer' }), await inner.create({ name: 'inner' })].map(({ key }) => key);
    const app = express();
    for (const auth of [apiKeyAuth(outer, { credentials: header('x-gateway-key') }), apiKeyAuth(inner), apiKeyAuth(outer, { credentials: header('x-gateway-key') }), apiKeyAuth(inner)]) app.use(auth);
    app.get('/', (req, res) => res.json({ caller: principalOf(req).name }));
    for (const left of [4, 3]) {
      const answer = await request(app).get('/').set('x-gateway-key', keys[0] ?? '').set('x-api-key', keys[1] ?? '').expect(200, { caller: 'inner' });
      expect(answer.headers['ratelimit']).toContain(`r=${String(left)}`);
    }
  });
});

describe('a header of which Node shows the first line only', () => {
  it('is read whole: a second key does not hide', async () => {
    const keyring = createKeyring({ prefix: 'awx' });
    const [one, two] = [await keyring.create({ name: 'one' }), await keyring.create({ name: 'two' })];
    const app = express();
    app.use(apiKeyAuth(keyring, { credentials: header('proxy-authorization') }));
    app.get('/', (_req, res) => res.end());
    await request(app).get('/').set('proxy-authorization', one.key).expect(200);
    const twice = await request(app).get('/').set('proxy-authorization', [one.key, two.key] as never);
    expect(twice.status).toBe(400);
  });
});
