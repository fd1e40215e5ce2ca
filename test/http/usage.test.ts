import { describe, expect, it } from '@jest/globals';
import express from 'express';
import request from 'supertest';
import { apiKeyAuth, createKeyring, memoryActivity, memoryUsage, perMinute } from 'keystile';

describe('usage over HTTP', () => {
  it.each([['without limits', []], ['with limits', [perMinute(10)]]])('counts a request once, however often the middleware is met, %s', async (_how, limits) => {
    const keyring = createKeyring({ prefix: 'awx', scopes: { admin: [] }, usage: memoryUsage(), activity: memoryActivity(), limits: { default: limits } });
    const { key, apiKey } = await keyring.create({ name: 'x' });
    const auth = apiKeyAuth(keyring);
    const app = express();
    app.use(auth, auth);
    app.get('/', auth, (_req, res) => res.end());
    app.get('/admin', auth.requireScopes('admin'), (_req, res) => res.end());
    await request(app).get('/').set('x-api-key', key).expect(200);
    await request(app).get('/admin').set('x-api-key', key).expect(403);
    await request(app).get('/').expect(401);
    await request(app).get('/').set('x-api-key', `${key}x`).expect(401);
    const refused = { insufficient_scope: 1 };
    expect((await keyring.usage({ keyId: apiKey.id })).totals).toEqual({ allowed: 1, limited: 0, refused });
    expect((await keyring.usage()).totals).toEqual({ allowed: 1, limited: 0, refused: { ...refused, missing_key: 1, malformed_key: 1 } });
    expect((await keyring.activity({ action: 'request' })).entries.map(({ result, path }) => [result, path])).toEqual([['insufficient_scope', '/admin'], ['ok', '/admin'], ['ok', '/']]);
    await keyring.close();
  });

  it('tells, counts and writes down what a route refuses, of keys and of who has none', async () => {
    const keyring = createKeyring({ prefix: 'awx', scopes: { admin: [] }, usage: memoryUsage(), activity: memoryActivity() });
    const told: unknown[] = [];
    keyring.on('refused', ({ code, keyId }) => void told.push([code, keyId]));
    const { key, apiKey } = await keyring.create({ name: 'x', access: { realtime: false } });
    const auth = apiKeyAuth(keyring, { required: false });
    const app = express();
    app.use(auth);
    app.get('/admin', auth.requireScopes('admin'), (_req, res) => res.end());
    app.get('/stream', auth.requireRealtime(), (_req, res) => res.end());
    await request(app).get('/admin').set('x-api-key', key).expect(403);
    await keyring.flush();
    await request(app).get('/stream').set('x-api-key', key).expect(403);
    await request(app).get('/admin').expect(401);
    expect(told).toEqual([['insufficient_scope', apiKey.id], ['realtime_not_allowed', apiKey.id], ['missing_key', undefined]]);
    expect((await keyring.usage({ keyId: apiKey.id })).totals).toEqual({ allowed: 0, limited: 0, refused: { insufficient_scope: 1, realtime_not_allowed: 1 } });
    expect((await keyring.usage()).totals.refused).toMatchObject({ missing_key: 1 });
    expect((await keyring.activity({ result: 'realtime_not_allowed' })).entries).toMatchObject([{ keyId: apiKey.id, method: 'GET', path: '/stream' }]);
    await keyring.close();
  });

  it('counts faults for nobody', async () => {
    const keyring = createKeyring({ prefix: 'awx', usage: memoryUsage(), store: { insert: () => 'inserted', find: () => { throw new Error('down'); }, update: () => undefined, replace: () => 'changed', delete: () => false, list: () => ({ records: [] }), touch: () => undefined } });
    const app = express();
    app.use(apiKeyAuth(keyring));
    await request(app).get('/').set('x-api-key', keyring.format.generate({ environment: 'live' }).key).expect(503);
    expect((await keyring.usage()).totals).toEqual({ allowed: 0, limited: 0, refused: { store_unavailable: 1 } });
    await keyring.close();
  });
});
