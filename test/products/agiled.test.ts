import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Express } from 'express';
import request, { type Test } from 'supertest';
import { agiled } from '../../examples/agiled/server.js';

let app: Express;
let facts: Awaited<ReturnType<typeof agiled>>['facts'];
let lines: string[];
beforeEach(async () => {
  lines = [];
  ({ server: app, facts } = await agiled({ requestsPerMinute: 20, log: (line) => lines.push(line) }));
});

interface Made {
  readonly id: string;
  readonly key: string;
}
type Errors = Readonly<Record<string, string>>;

const ann = { email: 'ann@example.com', name: 'Ann' };
const warehouse = { name: 'Warehouse sync - production - Ops', owner: { type: 'org', id: 'Ops' }, environment: 'production' };

const admin = (method: 'get' | 'post', path = ''): Test => request(app)[method](`/admin/keys${path}`).set('authorization', `Bearer ${facts.adminToken}`);
const make = async (settings: object = {}): Promise<Made> => (await admin('post').send({ ...warehouse, access: 'full-access', ...settings }).expect(201)).body as Made;
const rotate = async (id: string, settings: object = {}): Promise<Made> => (await admin('post', `/${id}/rotate`).send(settings).expect(201)).body as Made;
const call = (method: 'get' | 'post', path: string, key?: string): Test => {
  const test = request(app)[method](path.startsWith('/staging') ? path : `/public/v1${path}`);
  return key === undefined ? test : test.set('authorization', `Bearer ${key}`);
};
const write = (key: string, idempotencyKey: string, body: object = ann): Test => call('post', '/contacts', key).set('idempotency-key', idempotencyKey).send(body);
const contacts = async (key: string): Promise<readonly unknown[]> => ((await call('get', '/contacts', key).expect(200)).body as { data: unknown[] }).data;
/** Every field that an answer finds wrong. */
const wrong = async (test: Test, status = 422): Promise<readonly string[]> => Object.keys(((await test.expect(status)).body as { errors: Errors }).errors);

describe('the public API', () => {
  it('tells a caller who it is', async () => {
    const { id, key } = await make({ access: 'read-only' });
    const { body } = await call('get', '/me', key).expect(200);
    expect(body).toEqual({ id, name: warehouse.name, environment: 'production', owner: warehouse.owner, abilities: ['read-only', 'contacts:read'] });
  });

  it('has two keys ready, one of which reads only', async () => {
    await write(facts.keys.full, 'first').expect(201);
    expect(await contacts(facts.keys.readOnly)).toHaveLength(1);
    const { body } = await call('post', '/contacts', facts.keys.readOnly).send(ann).expect(403);
    expect(body).toEqual({ message: 'The key lacks an ability: contacts:write', code: 'insufficient_scope' });
    expect(await contacts(facts.keys.readOnly)).toHaveLength(1);
  });

  it('says in which way a key is no good', async () => {
    const { id, key } = await make();
    for (const cut of [key.slice(0, -3), key.slice(0, 12), `${key}x`]) {
      await call('get', '/me', cut).expect(401, { message: 'The key is incomplete; was it copied whole?', code: 'malformed_key' });
    }
    for (const test of [call('get', '/me'), call('get', '/me', facts.adminToken), call('get', '/me').set('x-api-key', key)]) {
      expect((await test.expect(401)).body).toMatchObject({ code: 'missing_key', message: expect.stringContaining('Authorization: Bearer') });
    }
    await admin('post', `/${id}/revoke`).expect(200);
    expect((await call('get', '/me', key).expect(401)).body).toMatchObject({ code: 'revoked_key' });
  });

  it('says what is not there, and when a key has called too often', async () => {
    for (const path of ['/contacts/none', '/contacts/__proto__', '/nothing']) await call('get', path, facts.keys.full).expect(404).expect(({ body }) => expect(body).toEqual({ message: expect.any(String) }));
    for (let spent = 3; spent < 20; spent++) await call('get', '/me', facts.keys.full).expect(200);
    const { headers, body } = await call('get', '/me', facts.keys.full).expect(429);
    expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(1);
    expect(body).toMatchObject({ code: 'rate_limited' });
  });

  it('keeps environments apart', async () => {
    const staging = await make({ environment: 'staging', name: 'Warehouse sync - staging - Ops' });
    await call('post', '/contacts', staging.key).send(ann).expect(403).expect(({ body }) => expect(body).toMatchObject({ code: 'wrong_environment' }));
    await call('post', '/staging/public/v1/contacts', staging.key).send(ann).expect(201);
    expect(await contacts(facts.keys.full)).toEqual([]);
    await call('get', '/staging/public/v1/me', facts.keys.full).expect(403);
  });
});

describe('a write that is repeated', () => {
  it('makes one record, which shows the key and the owner it came from', async () => {
    const { id, key } = await make();
    const first = await write(key, 'batch-1').expect(201);
    expect(first.body).toMatchObject({ ...ann, source: { keyId: id, keyName: warehouse.name }, owner: warehouse.owner });
    const again = await write(key, 'batch-1').expect(201);
    expect([again.body, first.headers['idempotency-replayed'], again.headers['idempotency-replayed']]).toEqual([first.body, 'false', 'true']);
    await write(key, 'batch-2').expect(201);
    await call('post', '/contacts', key).send(ann).expect(201);
    expect(await contacts(key)).toHaveLength(3);
  });

  it('makes one record when it comes many times at once', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => write(facts.keys.full, 'at-once').expect(201)));
    expect(new Set(answers.map(({ body }) => (body as Made).id)).size).toBe(1);
    expect(answers.filter(({ headers }) => headers['idempotency-replayed'] === 'false')).toHaveLength(1);
    expect(await contacts(facts.keys.full)).toHaveLength(1);
  });

  it('is known when its key has been rotated in the meantime, and rotated again', async () => {
    const old = await make();
    const { body } = await write(old.key, 'batch-1').expect(201);
    const next = await rotate(old.id);
    const last = await rotate(next.id);
    for (const { key } of [next, last, old]) expect((await write(key, 'batch-1').expect(201)).body).toEqual(body);
    expect(await contacts(last.key)).toHaveLength(1);
  });

  it('is another one for another integration, or with another body', async () => {
    const { key } = await make();
    await write(facts.keys.full, 'batch-1').expect(201);
    await write(key, 'batch-1', { ...ann, name: 'Bob' }).expect(201).expect('idempotency-replayed', 'false');
    expect(await wrong(write(key, 'batch-1'))).toEqual(['Idempotency-Key']);
    expect(await contacts(key)).toHaveLength(2);
  });

  it('needs a key of its own that can be remembered', async () => {
    for (const name of ['', ' ', 'x'.repeat(256), 'two words']) expect(await wrong(write(facts.keys.full, name))).toEqual(['Idempotency-Key']);
    await write(facts.keys.full, 'x'.repeat(255)).expect(201);
    expect(await contacts(facts.keys.full)).toHaveLength(1);
  });
});

describe('rotation', () => {
  it('has a short overlap', async () => {
    const { id, key } = await make();
    const next = await rotate(id);
    const { previous } = next as Made & { previous: { graceExpiresAt: string } };
    expect(next).toMatchObject({ rotatedFrom: id, ...warehouse, access: 'full-access', previous: { id, status: 'active', replacedBy: next.id } });
    expect(Math.abs(Date.parse(previous.graceExpiresAt) - Date.now() - 3_600_000)).toBeLessThan(60_000);
    for (const each of [key, next.key]) await call('get', '/me', each).expect(200);
    await admin('post', `/${id}/rotate`).expect(409);
    await admin('post', `/${id}/revoke`).send({ reason: 'the new one is in use' }).expect(200);
    await call('get', '/me', key).expect(401);
    await call('get', '/me', next.key).expect(200);
  });

  it('has none where that is asked for', async () => {
    const { id, key } = await make();
    const next = await rotate(id, { gracePeriodSeconds: 0 });
    await call('get', '/me', key).expect(401);
    await call('get', '/me', next.key).expect(200);
  });

  it('makes one successor, however many ask at once', async () => {
    const { id } = await make();
    const answers = await Promise.all(Array.from({ length: 5 }, () => admin('post', `/${id}/rotate`)));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409]);
  });

  it.each([null, '60', true, [], -1, 1.5, 604_801, {}])('is not done with an overlap of %j', async (gracePeriodSeconds) => {
    const { id } = await make();
    expect(await wrong(admin('post', `/${id}/rotate`).send({ gracePeriodSeconds }))).toEqual(['gracePeriodSeconds']);
    await rotate(id);
  });
});

describe('the settings of the API', () => {
  it('are for people', async () => {
    await request(app).get('/admin/keys').expect(401);
    for (const token of ['x', `${facts.adminToken}x`, 'a.b.c']) await request(app).get('/admin/keys').set('authorization', `Bearer ${token}`).expect(401);
    await request(app).get('/admin/keys').set('authorization', `Bearer ${facts.keys.full}`).expect(403);
    const { body } = await admin('get').expect(200);
    const masked = (body as { data: { key: string }[] }).data.map(({ key }) => key);
    expect(new Set(masked)).toEqual(new Set([facts.keys.readOnly, facts.keys.full].map((key) => `agl_...${key.slice(-4)}`)));
  });

  it('give a key the name, the owner and the environment of an integration, and show it once', async () => {
    const { headers, body } = await admin('post').send({ name: 'Report' }).expect(201);
    expect(body).toMatchObject({ name: 'Report', access: 'read-only', environment: 'production', owner: { type: 'user', id: 'admin@ops.example' }, status: 'active' });
    expect(headers['cache-control']).toBe('no-store');
    const { id, key } = await make();
    const list = await admin('get').expect(200);
    expect((list.body as { data: Made[] }).data.find((each) => each.id === id)).toMatchObject(warehouse);
    expect(list.text).not.toContain(key.slice(-20));
  });

  it.each<[object | string, string[]]>([
    [{}, ['name']],
    [{ name: 'x'.repeat(257) }, ['name']],
    [{ name: '  ' }, ['name']],
    [{ name: 'a\u0000b' }, ['name']],
    [{ name: 5, access: 'everything' }, ['name', 'access']],
    [{ name: 'x', environment: 'live' }, ['environment']],
    [{ name: 'x', environment: '__proto__' }, ['environment']],
    [{ name: 'x', owner: 'Ops' }, ['owner']],
    [{ name: 'x', owner: { type: 'team', id: 'Ops' } }, ['owner.type']],
    [{ name: 'x', owner: { type: 'org', id: 'Ops', admin: true } }, ['owner.admin']],
    [{ name: 'x', scopes: ['full-access'], metadata: {} }, ['scopes', 'metadata']],
    ['{"name":"x","__proto__":{"access":"full-access"}}', ['__proto__']],
    ['{"name":"x","constructor":1}', ['constructor']],
    ['[]', ['body']],
  ])('refuse %j', async (body, fields) => {
    expect(await wrong(admin('post').set('content-type', 'application/json').send(body))).toEqual(fields);
    expect(((await admin('get')).body as { data: object[] }).data).toHaveLength(2);
  });

  it('know no other ids', async () => {
    for (const path of ['/none/activity', `/${'x'.repeat(200)}/activity`, '/__proto__/activity', '/%00/activity', '/none']) await admin('get', path).expect(404);
    for (const path of ['/none/rotate', '/none/revoke']) await admin('post', path).expect(404);
    await admin('get', '/%E0%A4%A/activity').expect(400);
  });

  it('revoke once, and refuse a reason that is none', async () => {
    const { id } = await make();
    for (const reason of [5, null, '', 'x'.repeat(1_025), 'a\u0000b']) expect(await wrong(admin('post', `/${id}/revoke`).send({ reason }))).toEqual(['reason']);
    for (const reason of ['shared with the wrong vendor', 'again']) {
      expect((await admin('post', `/${id}/revoke`).send({ reason }).expect(200)).body).toMatchObject({ status: 'revoked', revokedReason: 'shared with the wrong vendor' });
    }
  });
});

it('answers whatever is sent in its own shape', async () => {
  const post = (type: string, body: string): Test => call('post', '/contacts', facts.keys.full).set('content-type', type).send(body);
  const answers: [Test, number][] = [
    [post('application/json', '{"email"'), 400],
    [post('application/json', 'null'), 400],
    [post('application/json', JSON.stringify({ name: 'x'.repeat(1_000_000) })), 413],
    [post('application/json', '['.repeat(40_000) + ']'.repeat(40_000)), 422],
    [post('text/plain', 'hello'), 415],
    [post('application/x-www-form-urlencoded', 'email=ann@example.com&name=Ann'), 415],
    [post('application/json', '{}'), 422],
    [call('get', '/%E0%A4%A', facts.keys.full), 404],
    [call('get', '/contacts/%E0%A4%A', facts.keys.full), 400],
    [request(app).get('/'), 404],
    [request(app).put('/admin/keys').set('authorization', `Bearer ${facts.adminToken}`), 404],
  ];
  for (const [test, status] of answers) {
    const { body, headers } = await test.expect(status);
    expect(body).toMatchObject({ message: expect.any(String) });
    expect(headers['content-type']).toMatch(/^application\/json/);
    expect(Object.keys(body as object).filter((field) => !['message', 'code', 'errors'].includes(field))).toEqual([]);
  }
  expect(await wrong(post('application/json', JSON.stringify({ email: 'x', admin: 1 })))).toEqual(['email', 'name', 'admin']);
  expect(await contacts(facts.keys.full)).toEqual([]);
});

describe('what is written down', () => {
  it('is who did what with a key, when and from where', async () => {
    const { id, key } = await make();
    await call('post', '/contacts', key).send(ann).expect(201);
    await admin('post', `/${id}/revoke`).send({ reason: 'pasted into a ticket' }).expect(200);
    await call('get', '/contacts', key).expect(401);
    const { data } = (await admin('get', `/${id}/activity`).expect(200)).body as { data: object[] };
    const [by, ip] = ['admin@ops.example', expect.stringContaining('127.0.0.1')];
    expect(data).toEqual([
      { at: expect.any(String), keyId: id, action: 'request', result: 'revoked_key', method: 'GET', path: '/public/v1/contacts', ip },
      { at: expect.any(String), keyId: id, action: 'revoked', result: 'ok', by, ip },
      { at: expect.any(String), keyId: id, action: 'request', result: 'ok', method: 'POST', path: '/public/v1/contacts', ip },
      { at: expect.any(String), keyId: id, action: 'created', result: 'ok', by, ip },
    ]);
  });

  it('is every request, refused ones too, and never a token, wherever it was put', async () => {
    const { id, key } = await make();
    const token = facts.adminToken;
    await call('get', '/contacts', key).expect(200);
    await call('get', `/contacts/${key}`, key).expect(404);
    await call('get', `/contacts?token=${key}&jwt=${token}`, key).expect(200);
    await call('get', `/contacts/${encodeURIComponent(`Bearer ${key}`)}`, key).expect(404);
    for (const pasted of [token, `-${key}`, `${key}${key}`, key.slice(0, -2), key.replaceAll('_', '%5F')]) await call('get', `/${pasted}`, key).expect(404);
    await call('post', '/contacts', key).set('content-type', 'application/json').send(`{"${key}"`).expect(400);
    await admin('get', `/${key}/activity`).expect(404);
    const { text } = await admin('get', `/${id}/activity`).expect(200);
    const log = lines.map((line) => JSON.parse(line) as { method: string; path: string; status: number; keyId?: string });
    expect(log).toHaveLength(13);
    expect(log[1]).toMatchObject({ method: 'GET', path: '/public/v1/contacts', status: 200, keyId: id });
    expect(log[10]).toMatchObject({ method: 'POST', path: '/public/v1/contacts', status: 400 });
    for (const written of [lines.join('\n'), text]) for (const secret of [key.slice(-30, -10), token.slice(-30)]) expect(written).not.toContain(secret);
  });
});
