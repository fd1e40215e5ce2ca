import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Express } from 'express';
import request, { type Test } from 'supertest';
import { aggMarket } from '../../examples/agg-market/server.js';

let app: Express;
let signedIn: string;
beforeEach(() => {
  const made = aggMarket({ appMax: 6, ipMax: 4 });
  app = made.app;
  signedIn = `Bearer ${made.adminToken}`;
});

const admin = (test: Test): Test => test.set('authorization', signedIn);
const make = async (appId: string, body: object): Promise<{ id: string; key: string }> =>
  (await admin(request(app).post(`/admin/apps/${appId}/keys`)).send(body).expect(201)).body as { id: string; key: string };
const markets = (appId: string, key?: string): Test => {
  const test = request(app).get('/markets').set('x-app-id', appId);
  return key === undefined ? test : test.set('x-app-api-key', key);
};

describe('keys', () => {
  it('look as documented, are shown once and listed with their last use', async () => {
    const { key } = await make('shop-7', { name: 'backend', scope: 'read' });
    expect(key).toMatch(/^agg_shop-7_[0-9a-f]{64}$/);
    await markets('shop-7', key).expect(200);
    const { body } = await admin(request(app).get('/admin/apps/shop-7/keys')).expect(200);
    expect(body).toMatchObject({ keys: [{ name: 'backend', scope: 'read', rateLimit: null, lastUsedAt: expect.stringMatching(/Z$/) }] });
    expect(JSON.stringify(body)).not.toContain(key.slice(-64, -4));
  });

  it('are managed by signed-in admins, never by keys', async () => {
    const { key, id } = await make('a', { name: 'backend', scope: 'read_write' });
    for (const test of [request(app).get('/admin/apps/a/keys'), request(app).post('/admin/apps/a/keys'), request(app).delete(`/admin/apps/a/keys/${id}`)]) await test.expect(401);
    await request(app).get('/admin/apps/a/keys').set('x-app-api-key', key).expect(403);
    await admin(request(app).get('/admin/apps/a/keys')).set('x-app-api-key', key).expect(403);
    await admin(request(app).delete(`/admin/apps/b/keys/${id}`)).expect(404);
  });

  it('of another app and unknown ones are refused in the same words', async () => {
    const { key, id } = await make('a', { name: 'backend', scope: 'read' });
    await markets('b', key).expect(403).expect(({ body }) => expect(body).toMatchObject({ error: 'Invalid API key' }));
    await markets('a', `agg_a_${'0'.repeat(64)}`).expect(401).expect(({ body }) => expect(body).toMatchObject({ error: 'Invalid API key' }));
    await admin(request(app).delete(`/admin/apps/a/keys/${id}`)).expect(204);
    await markets('a', key).expect(401);
  });

  it('read, or read and write', async () => {
    const reader = await make('a', { name: 'reader', scope: 'read' });
    const writer = await make('a', { name: 'writer', scope: 'read_write' });
    const put = (key: string): Test => request(app).put('/members/1').set('x-app-id', 'a').set('x-app-api-key', key);
    await put(reader.key).expect(403);
    await put(writer.key).expect(200, { id: '1', app: 'a' });
    await markets('a', writer.key).expect(200);
    await request(app).put('/members/1').set('x-app-id', 'a').expect(401);
  });
});

describe('settings', () => {
  it('requireApiKey turns away whoever has no valid key, and only an admin can turn it', async () => {
    const { key } = await make('a', { name: 'backend', scope: 'read_write' });
    const patch = (body: object): Test => request(app).patch('/admin/apps/a/settings').send(body);
    await patch({ requireApiKey: true }).expect(401);
    await patch({ requireApiKey: true }).set('x-app-api-key', key).expect(403);
    await admin(patch({ requireApiKey: true })).set('x-app-api-key', key).expect(403);
    await markets('a').expect(200);
    await admin(patch({ requireApiKey: true })).expect(200);
    const told = { error: 'This app requires x-app-api-key for all requests.' };
    await markets('a').expect(401).expect(({ body }) => expect(body).toMatchObject(told));
    await markets('a', `agg_a_${'0'.repeat(64)}`).expect(401).expect(({ body }) => expect(body).toMatchObject(told));
    await markets('a', key).expect(200);
    await markets('b').expect(200);
  });

  it('that protect nothing may be changed by a read_write key of the app', async () => {
    const [writer, reader] = [await make('a', { name: 'w', scope: 'read_write' }), await make('a', { name: 'r', scope: 'read' })];
    const patch = (appId: string, key: string, body: object): Test => request(app).patch(`/admin/apps/${appId}/settings`).set('x-app-api-key', key).send(body);
    await patch('a', writer.key, { name: 'Rain', description: 'Weather' }).expect(200, { name: 'Rain', description: 'Weather', requireApiKey: false });
    await patch('a', reader.key, { name: 'x' }).expect(403);
    await patch('b', writer.key, { name: 'x' }).expect(403);
  });

  it('are checked, whoever sends them', async () => {
    for (const body of [{ name: 5 }, { secret: 'x' }, { requireApiKey: 'yes' }, { constructor: 1 }]) await admin(request(app).patch('/admin/apps/a/settings').send(body)).expect(422);
    await admin(request(app).patch('/admin/apps/a/settings').set('content-type', 'application/json').send('{')).expect(400);
    await markets('a').expect(200);
  });
});

describe('limits', () => {
  it('an app has one budget, each address its share, and a key with its own leaves both', async () => {
    const [one, two] = [await make('a', { name: 'one', scope: 'read' }), await make('a', { name: 'two', scope: 'read' })];
    for (const key of [one.key, two.key, one.key, two.key]) await markets('a', key).expect(200);
    const limited = await markets('a', one.key).expect(429);
    expect(Number(limited.headers['retry-after'])).toBeGreaterThan(0);
    const own = await make('a', { name: 'own', scope: 'read', rateLimit: 10 });
    for (let request = 0; request < 10; request++) await markets('a', own.key).expect(200);
    await markets('a', own.key).expect(429);
    await admin(request(app).patch(`/admin/apps/a/keys/${own.id}`)).send({ rateLimit: 12 }).expect(200);
    for (let request = 0; request < 2; request++) await markets('a', own.key).expect(200);
    await markets('a', own.key).expect(429);
  });

  it('requests without a key are counted by address', async () => {
    for (let request = 0; request < 4; request++) await markets('a').expect(200);
    await markets('a').expect(429);
  });

  it('names a wrong field', async () => {
    for (const [body, field] of [[{ scope: 'read' }, 'create.name'], [{ name: 'x', scope: 'admin' }, 'create.scopes[0]'], [{ name: 'x', scope: 'read', rateLimit: -1 }, 'limit.limit'], [{ name: 'x', scope: 'read', rateLimit: 'many' }, 'limit.limit']] as const) {
      await admin(request(app).post('/admin/apps/a/keys')).send(body).expect(422).expect(({ body: { field: named } }: { body: { field: string } }) => expect(named).toBe(field));
    }
  });
});
