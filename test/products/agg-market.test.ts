import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Express } from 'express';
import { execFile } from 'node:child_process';
import request, { type Test } from 'supertest';
import { fakeClock, type FakeClock } from '../../src/testing/fake-clock.js';
import { aggMarket, type AggMarketSettings } from '../../examples/agg-market/server.js';
import { root } from '../support/repository.js';

const LOCKED = 'This app requires x-app-api-key for all requests.';
const UNKNOWN = (app: string): string => `agg_${app}_${'0'.repeat(64)}`;

let clock: FakeClock;
let server: Express;
let signedIn: string;
/** A market of its own, in place of the one before. */
async function open(settings: AggMarketSettings = {}): Promise<Readonly<Record<string, unknown>>> {
  clock = fakeClock();
  const made = await aggMarket({ clock, ...settings });
  server = made.server;
  signedIn = `Bearer ${made.facts.adminToken}`;
  return made.facts;
}
beforeEach(() => open());

const admin = (test: Test): Test => test.set('authorization', signedIn);
const make = async (app: string, body: object): Promise<{ id: string; key: string }> =>
  (await admin(request(server).post(`/admin/apps/${app}/keys`)).send(body).expect(201)).body as { id: string; key: string };
const reader = (app: string, more: object = {}): ReturnType<typeof make> => make(app, { name: 'backend', scope: 'read', ...more });
const writer = (app: string): ReturnType<typeof make> => make(app, { name: 'backend', scope: 'read_write' });
const keysOf = async (app: string): Promise<Record<string, unknown>[]> => (await admin(request(server).get(`/admin/apps/${app}/keys`)).expect(200)).body.keys;
const budget = (app: string, id: string, rateLimit: unknown): Test => admin(request(server).patch(`/admin/apps/${app}/keys/${id}`)).send({ rateLimit });
const settings = (app: string, body: object, key?: string): Test => {
  const test = request(server).patch(`/admin/apps/${app}/settings`).send(body);
  return key === undefined ? test : test.set('x-app-api-key', key);
};
const settingsOf = async (app: string): Promise<unknown> => (await admin(request(server).get(`/admin/apps/${app}/settings`)).expect(200)).body;
const markets = (app: string | undefined, key?: string): Test => {
  const test = request(server).get('/markets').set(app === undefined ? {} : { 'x-app-id': app });
  return key === undefined ? test : test.set('x-app-api-key', key);
};
/** How many of so many requests pass. */
const passing = async (count: number, call: () => Test): Promise<number> => {
  let passed = 0;
  for (let made = 0; made < count; made++) if ((await call()).status === 200) passed++;
  return passed;
};
const error = (text: string) => ({ body }: { body: unknown }) => expect(body).toMatchObject({ error: text });
const field = (name: string) => ({ body }: { body: unknown }) => expect(body).toMatchObject({ field: name });

describe('keys', () => {
  it('look as documented and are shown once', async () => {
    const { key } = await reader('shop-7');
    expect(key).toMatch(/^agg_shop-7_[0-9a-f]{64}$/);
    const listed = await keysOf('shop-7');
    expect(listed).toEqual([expect.objectContaining({ name: 'backend', scope: 'read', rateLimit: null, lastUsedAt: null })]);
    expect(JSON.stringify(listed)).not.toContain(key.slice(-64, -4));
  });

  it('are managed by signed-in admins, never by keys, and within their app', async () => {
    const { key, id } = await writer('a');
    const all = (): Test[] => [
      request(server).get('/admin/apps/a/keys'),
      request(server).post('/admin/apps/a/keys').send({ name: 'x', scope: 'read' }),
      request(server).patch(`/admin/apps/a/keys/${id}`).send({ rateLimit: 1 }),
      request(server).delete(`/admin/apps/a/keys/${id}`),
      request(server).get('/admin/apps/a/settings'),
    ];
    for (const test of all()) await test.expect(401);
    for (const test of all()) await test.set('authorization', 'Bearer x.y.z').expect(401);
    for (const test of all()) await test.set('authorization', `Bearer ${key}`).expect(401);
    for (const test of all()) await test.set('x-app-api-key', key).expect(403);
    for (const test of all()) await admin(test).set('x-app-api-key', key).expect(403);
    await admin(request(server).delete(`/admin/apps/b/keys/${id}`)).expect(404);
    await budget('b', id, 5).expect(404);
    expect(await keysOf('a')).toHaveLength(1);
    expect(await keysOf('b')).toEqual([]);
  });

  it('of another app are 403, unknown, cut and deleted ones 401, all in the same words', async () => {
    const { key, id } = await reader('a');
    await markets('b', key).expect(403).expect(error('Invalid API key'));
    for (const wrong of [UNKNOWN('a'), key.slice(0, -1), 'x', '']) await markets('a', wrong).expect(401).expect(error('Invalid API key'));
    await admin(request(server).delete(`/admin/apps/a/keys/${id}`)).expect(204);
    await markets('a', key).expect(401).expect(error('Invalid API key'));
    expect(await keysOf('a')).toEqual([]);
    await admin(request(server).delete(`/admin/apps/a/keys/${id}`)).expect(204);
    await admin(request(server).delete(`/admin/apps/b/keys/${id}`)).expect(404);
  });

  it('read, or read and write', async () => {
    const [{ key: reads }, { key: writes }] = [await reader('a'), await writer('a')];
    const put = (key?: string): Test => request(server).put('/members/1').set({ 'x-app-id': 'a', ...(key !== undefined && { 'x-app-api-key': key }) }).send({ role: 'trader' });
    await put(writes).expect(200, { id: '1', app: 'a', profile: { role: 'trader' } });
    await put(reads).expect(403);
    await put().expect(401);
    await markets('a', reads).expect(200);
    await markets('a', writes).expect(200);
  });

  it('tell their app themselves, where a request names none', async () => {
    const { key } = await writer('a');
    await request(server).put('/members/1').set('x-app-api-key', key).expect(200, { id: '1', app: 'a', profile: {} });
    await markets(undefined).expect(200);
  });

  it('are replaced without a gap: create a second, deploy it, watch the last use of the first, delete it', async () => {
    const first = await reader('a');
    const lastUse = async (id: string): Promise<unknown> => (await keysOf('a')).find((key) => key['id'] === id)?.['lastUsedAt'];
    await markets('a', first.key).expect(200);
    const second = await reader('a');
    const before = await lastUse(first.id);
    expect(before).toBe(new Date(clock.now()).toISOString());
    expect(await lastUse(second.id)).toBeNull();
    // Some servers have the new key, others not yet.
    clock.advance(60_000);
    await markets('a', second.key).expect(200);
    await markets('a', first.key).expect(200);
    const still = await lastUse(first.id);
    expect(still).not.toBe(before);
    // Now all have it.
    clock.advance(60_000);
    await markets('a', second.key).expect(200);
    expect(await lastUse(first.id)).toBe(still);
    expect(await lastUse(second.id)).toBe(new Date(clock.now()).toISOString());
    await admin(request(server).delete(`/admin/apps/a/keys/${first.id}`)).expect(204);
    await markets('a', first.key).expect(401);
    await markets('a', second.key).expect(200);
  });
});

describe('settings', () => {
  it('requireApiKey turns away whoever has no valid key of the app, in one way', async () => {
    const [own, other] = [await reader('a'), await reader('b')];
    await markets('a').expect(200);
    await admin(settings('a', { requireApiKey: true })).expect(200);
    for (const key of [undefined, UNKNOWN('a'), 'x', '', other.key]) {
      const { headers, body } = await markets('a', key).expect(401);
      expect(body).toEqual({ error: LOCKED, code: 'api_key_required' });
      expect(headers['www-authenticate']).toBe('ApiKey header="x-app-api-key"');
    }
    await settings('a', { name: 'x' }, other.key).expect(401).expect(error(LOCKED));
    await request(server).put('/members/1').set('x-app-id', 'a').expect(401).expect(error(LOCKED));
    await markets('a', own.key).expect(200);
    await markets('b').expect(200);
    await markets('b', own.key).expect(403);
    await admin(settings('a', { requireApiKey: false })).expect(200);
    await markets('a').expect(200);
  });

  it('cannot be got around by naming the locked app in another way', async () => {
    await admin(settings('a', { requireApiKey: true })).expect(200);
    for (const id of ['a, a', 'a,b', 'b, a', '']) await markets(id).expect(422).expect(field('x-app-id'));
  });

  it('that protect are changed by signed-in admins alone; with a key nothing of such a request is stored', async () => {
    const { key } = await writer('a');
    await settings('a', { requireApiKey: true }).expect(401);
    const before = await settingsOf('a');
    for (const body of [{ requireApiKey: true }, { requireApiKey: false }, { name: 'Rain', requireApiKey: true }]) {
      await settings('a', body, key).expect(403).expect(field('requireApiKey'));
      await admin(settings('a', body, key)).expect(403);
    }
    expect(await settingsOf('a')).toEqual(before);
    await admin(settings('a', { name: 'Rain', requireApiKey: true })).expect(200, { name: 'Rain', description: '', requireApiKey: true });
    await settings('a', { requireApiKey: false }, key).expect(403);
    await markets('a').expect(401);
  });

  it('that do not are changed by a read_write key of the app as well', async () => {
    const [writes, reads] = [await writer('a'), await reader('a')];
    await settings('a', { name: 'Rain', description: 'Weather' }, writes.key).expect(200, { name: 'Rain', description: 'Weather', requireApiKey: false });
    await settings('a', { name: 'x' }, reads.key).expect(403);
    await settings('b', { name: 'x' }, writes.key).expect(403).expect(error('Invalid API key'));
    await settings('a', { name: 'x' }, UNKNOWN('a')).expect(401);
    expect(await settingsOf('a')).toEqual({ name: 'Rain', description: 'Weather', requireApiKey: false });
    expect(await settingsOf('b')).toEqual({ name: 'b', description: '', requireApiKey: false });
  });
});

describe('limits', () => {
  it('all keys of an app share one budget; other apps, and who has no key, are not touched by it', async () => {
    await open({ appMax: 5 });
    const [one, two, other] = [await reader('a'), await writer('a'), await reader('b')];
    for (const { key } of [one, two, one, two, one]) await markets('a', key).expect(200);
    for (const { key } of [one, two]) {
      const { headers, body } = await markets('a', key).expect(429);
      expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(1);
      expect(Number(headers['retry-after'])).toBeLessThanOrEqual(60);
      expect(body).toMatchObject({ code: 'rate_limited' });
    }
    await markets('b', other.key).expect(200);
    await markets('a').expect(200);
    clock.advance(60_000);
    await markets('a', two.key).expect(200);
  });

  it('hold for requests at once', async () => {
    await open({ appMax: 5 });
    const keys = [await reader('a'), await reader('a')];
    const answers = await Promise.all(Array.from({ length: 24 }, (_, index) => markets('a', keys[index % 2]?.key)));
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array<number>(5).fill(200), ...Array<number>(19).fill(429)]);
  });

  it('one address can use the whole budget of its app, whatever that is', async () => {
    expect(await open()).toMatchObject({ rateLimitAppMax: 18_000, rateLimitIpMax: 18_000 });
    expect(await open({ appMax: 50_000 })).toMatchObject({ rateLimitAppMax: 50_000, rateLimitIpMax: 50_000 });
    expect(await open({ appMax: 700 })).toMatchObject({ rateLimitAppMax: 700, rateLimitIpMax: 18_000 });
    const { key } = await reader('a');
    expect(await passing(701, () => markets('a', key))).toBe(700);
  });

  it('hold back an address, with a shared budget and without a key', async () => {
    await open({ ipMax: 3 });
    const { key } = await reader('a');
    expect(await passing(5, () => markets('a', key))).toBe(3);
    expect(await passing(5, () => markets('a'))).toBe(3);
    await markets('a').expect(429).expect('retry-after', /^[1-9]\d*$/);
    // Another name for no app is no other address.
    await markets('elsewhere').expect(429);
  });

  it('of a key with its own leave both others', async () => {
    await open({ appMax: 4, ipMax: 2 });
    const [own, shared] = [await reader('a', { rateLimit: 7 }), await reader('a')];
    expect((await keysOf('a')).map(({ id, rateLimit }) => [id, rateLimit])).toEqual(expect.arrayContaining([[own.id, 7], [shared.id, null]]));
    expect(await passing(9, () => markets('a', own.key))).toBe(7);
    await markets('a', own.key).expect(429).expect('retry-after', /^[1-9]\d*$/);
    expect(await passing(3, () => markets('a', shared.key))).toBe(2);
  });

  it('are raised, lowered and given back at once', async () => {
    await open({ appMax: 3 });
    const { id, key } = await reader('a', { rateLimit: 2 });
    expect(await passing(3, () => markets('a', key))).toBe(2);
    await budget('a', id, 5).expect(200).expect(({ body }) => expect(body).toMatchObject({ id, rateLimit: 5 }));
    expect(await passing(4, () => markets('a', key))).toBe(3);
    await budget('a', id, 1).expect(200);
    clock.advance(60_000);
    expect(await passing(3, () => markets('a', key))).toBe(1);
    await budget('a', id, null).expect(200).expect(({ body }) => expect(body).toMatchObject({ rateLimit: null }));
    expect(await passing(5, () => markets('a', key))).toBe(3);
  });
});

describe('what is not understood', () => {
  it('in a body is a 422 that names the field, and nothing is stored', async () => {
    const { id } = await reader('a', { rateLimit: 9 });
    const before = await keysOf('a');
    const good = { name: 'x', scope: 'read' };
    const wrong: [body: unknown, field: string][] = [
      [{ scope: 'read' }, 'name'], [{ ...good, name: '' }, 'name'], [{ ...good, name: 'x'.repeat(257) }, 'name'], [{ ...good, name: ['x'] }, 'name'],
      [{ ...good, scope: 'admin' }, 'scope'], [{ ...good, scope: ['read'] }, 'scope'], [{ ...good, scope: 'constructor' }, 'scope'], [{ name: 'x' }, 'scope'],
      ...[0, -1, 1.5, '5', null, 1e12].map((rateLimit): [unknown, string] => [{ ...good, rateLimit }, 'rateLimit']),
      [{ ...good, tenantId: 'b' }, 'tenantId'], [JSON.parse('{"name":"x","scope":"read","__proto__":{}}'), '__proto__'], [{ ...good, constructor: 1 }, 'constructor'], [[], 'body'],
    ];
    for (const [body, name] of wrong) await admin(request(server).post('/admin/apps/a/keys')).set('content-type', 'application/json').send(JSON.stringify(body)).expect(422).expect(field(name));
    for (const rateLimit of [0, -1, 1.5, '5', [], undefined]) await budget('a', id, rateLimit).expect(422).expect(field('rateLimit'));
    expect(await keysOf('a')).toEqual(before);
    for (const [name, value] of Object.entries({ name: 5, description: null, requireApiKey: 'yes', secret: 'x', constructor: 1 })) {
      await admin(settings('a', { [name]: value })).expect(422).expect(field(name));
    }
    await admin(settings('a', { name: 'y', requireApiKey: 1 })).expect(422);
    expect(await settingsOf('a')).toEqual({ name: 'a', description: '', requireApiKey: false });
    const { key } = await writer('a');
    for (const body of ['[]', '{"__proto__":{"x":1}}', '{"constructor":1}', '{"a":{"b":1}}']) {
      await request(server).put('/members/1').set({ 'x-app-api-key': key, 'content-type': 'application/json' }).send(body).expect(422);
    }
  });

  it('as a body is a 400, 413 or 415', async () => {
    const post = (type: string, body: string): Test => admin(request(server).post('/admin/apps/a/keys')).set('content-type', type).send(body);
    for (const body of ['{', 'null', '"x"']) await post('application/json', body).expect(400).expect('content-type', /json/);
    await post('application/json', JSON.stringify({ name: 'x'.repeat(1_000_000) })).expect(413).expect('content-type', /json/);
    await post('application/json', '['.repeat(40_000) + ']'.repeat(40_000)).expect(422);
    await post('text/plain', '{"name":"x","scope":"read"}').expect(415).expect('content-type', /json/);
    await admin(settings('a', {})).set('content-type', 'text/plain').send('{"requireApiKey":true}').expect(415);
    expect(await keysOf('a')).toEqual([]);
  });

  it('in an address or a header is told as well', async () => {
    for (const id of ['a b', 'x'.repeat(65), 'ä']) {
      await admin(request(server).get(`/admin/apps/${encodeURIComponent(id)}/keys`)).expect(422).expect(field('appId'));
      await admin(request(server).post(`/admin/apps/${encodeURIComponent(id)}/keys`)).send({ name: 'x', scope: 'read' }).expect(422).expect(field('appId'));
    }
    for (const id of ['a b', 'x'.repeat(10_000), '../a']) await markets(id).expect(422).expect(field('x-app-id'));
    // A name like any other.
    const { key } = await reader('__proto__');
    await markets('__proto__', key).expect(200);
    await admin(settings('__proto__', { requireApiKey: true })).expect(200);
    await markets('__proto__').expect(401);
    await markets('constructor').expect(200);
    await request(server).get('/nowhere').expect(404).expect(error('There is nothing here.'));
    await request(server).put('/members/%E0%A4%A').expect(400).expect('content-type', /json/);
    await budget('a', 'nobody', 5).expect(404);
  });

  it.each(['many', '0', '1.5'])('RATE_LIMIT_APP_MAX=%j ends the start with one line', async (value) => {
    const ended = await new Promise((resolve) => {
      execFile(process.execPath, ['--import', 'tsx', 'examples/agg-market/server.ts'], { cwd: root, env: { ...process.env, PORT: '0', RATE_LIMIT_APP_MAX: value } }, (failure, stdout, stderr) => resolve({ code: failure?.code, stdout, stderr }));
    });
    expect(ended).toEqual({ code: 1, stdout: '', stderr: 'RATE_LIMIT_APP_MAX: must be a whole number from 1 to 1000000000\n' });
  });
});
