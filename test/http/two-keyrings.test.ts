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
