import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Express } from 'express';
import request, { type Test } from 'supertest';
import { agiled } from '../../examples/reference/agiled.js';

let app: Express;
let adminToken: string;
let lines: string[];
beforeEach(() => {
  lines = [];
  ({ app, adminToken } = agiled({ perMinute: 20, log: (line) => lines.push(line) }));
});

interface Made { readonly id: string; readonly key: string }
const admin = (test: Test): Test => test.set('x-admin-token', adminToken);
const make = async (access: 'read' | 'full', extra: object = {}): Promise<Made> =>
  (await admin(request(app).post('/admin/keys')).send({ name: 'Warehouse sync - production - Ops', access, owner: { type: 'org', id: 'ops' }, ...extra }).expect(201)).body as Made;
const call = (method: 'get' | 'post', path: string, key?: string): Test => {
  const test = request(app)[method](`/public/v1${path}`);
  return key === undefined ? test : test.set('authorization', `Bearer ${key}`);
};
const ann = { email: 'ann@example.com', name: 'Ann' };

describe('the public API', () => {
  it('tells a caller who it is, and in which words a request fails', async () => {
    const { id, key } = await make('read');
    const { body } = await call('get', '/me', key).expect(200);
    expect(body).toMatchObject({ id, name: 'Warehouse sync - production - Ops', environment: 'live', owner: { type: 'org', id: 'ops' }, abilities: ['read', 'contacts:read'] });
    const incomplete = await call('get', '/me', key.slice(0, -3)).expect(401);
    expect(incomplete.body).toMatchObject({ code: 'malformed_key', detail: 'The key is incomplete; was it copied whole?' });
    await call('get', '/me').expect(401);
    await call('post', '/contacts', key).send(ann).expect(403).expect(({ body: refused }) => expect(refused).toMatchObject({ 'missing-scopes': ['contacts:write'] }));
    await call('get', '/contacts/none', key).expect(404);
    await call('get', '/nothing', key).expect(404);
    const full = await make('full');
    await call('post', '/contacts', full.key).send({ email: 'x' }).expect(422).expect(({ body: { errors } }: { body: { errors: string[] } }) => expect(errors).toEqual(['email', 'name']));
    await call('post', '/contacts', full.key).set('content-type', 'application/json').send('{"email"').expect(400);
    for (let spent = 0; spent < 20; spent++) await call('get', '/me', key);
    expect((await call('get', '/me', key).expect(429)).headers).toHaveProperty('retry-after');
  });

  it('makes a record once, with the key and owner it came from, however often the write is repeated', async () => {
    const [one, two] = [await make('full'), await make('full')];
    const write = (key: string, body: object = ann): Test => call('post', '/contacts', key).set('idempotency-key', 'batch-1').send(body);
    const first = await write(one.key).expect(201);
    expect(first.body).toMatchObject({ ...ann, source: { keyId: one.id, key: 'Warehouse sync - production - Ops', owner: { type: 'org', id: 'ops' } } });
    const again = await write(one.key).expect(201);
    expect([again.body, again.headers['idempotency-replayed']]).toEqual([first.body, 'true']);
    await write(one.key, { ...ann, name: 'Bob' }).expect(422);
    expect((await write(two.key).expect(201)).body).not.toEqual(first.body);
    const { body } = await call('get', '/contacts', one.key).expect(200);
    expect((body as { data: unknown[] }).data).toHaveLength(2);
  });
});

describe('the life of a key', () => {
  it('is rotated with a short overlap', async () => {
    const { id, key } = await make('full');
    const { body } = await admin(request(app).post(`/admin/keys/${id}/rotate`)).send({ gracePeriodSeconds: 3_600 }).expect(201);
    const next = body as Made & { previous: object };
    expect(next).toMatchObject({ rotatedFrom: id, access: 'full', owner: { type: 'org', id: 'ops' }, previous: { id, replacedBy: next.id, graceExpiresAt: expect.any(String) } });
    await call('get', '/me', key).expect(200);
    await call('get', '/me', next.key).expect(200);
    await admin(request(app).post(`/admin/keys/${id}/rotate`)).expect(409);
    await admin(request(app).post(`/admin/keys/${id}/revoke`)).send({ reason: 'rotated' }).expect(200);
    await call('get', '/me', key).expect(401);
    await call('get', '/me', next.key).expect(200);
  });

  it('is managed by people', async () => {
    const { key } = await make('full');
    await request(app).get('/admin/keys').expect(401);
    await request(app).get('/admin/keys').set('x-admin-token', 'x').expect(401);
    await admin(request(app).get('/admin/keys')).set('authorization', `Bearer ${key}`).expect(403);
    await admin(request(app).post('/admin/keys')).send({ access: 'full' }).expect(422);
    await admin(request(app).post('/admin/keys')).send({ name: 'x', access: 'everything' }).expect(422);
  });

  it('can be reviewed, and no token stands in any log', async () => {
    const { id, key } = await make('full');
    await call('post', '/contacts', key).send(ann).expect(201);
    await admin(request(app).post(`/admin/keys/${id}/revoke`)).send({ reason: 'pasted into a ticket' }).expect(200);
    await call('get', `/contacts?token=${key}`, key).expect(401);
    const { body } = await admin(request(app).get(`/admin/keys/${id}/activity`)).expect(200);
    const { data } = body as { data: { action: string; result: string; method?: string; path?: string; by?: string }[] };
    expect(data.map(({ action, result, method, path, by }) => [action, result, method ?? by, path])).toEqual([
      ['request', 'revoked_key', 'GET', '/public/v1/contacts'],
      ['revoked', 'ok', 'admin', undefined],
      ['request', 'ok', 'POST', '/public/v1/contacts'],
      ['created', 'ok', 'admin', undefined],
    ]);
    expect(lines.length).toBeGreaterThan(3);
    for (const text of [lines.join('\n'), JSON.stringify(data)]) expect(text).not.toContain(key.slice(10));
  });
});
