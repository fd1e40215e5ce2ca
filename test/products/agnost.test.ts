import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createConnection } from 'node:net';
import request, { type Test } from 'supertest';
import { WebSocket } from 'ws';
import { agnost, type Agnost } from '../../examples/agnost/server.js';

let product: Agnost;
let port: number;
const started: Agnost[] = [];
const open: WebSocket[] = [];
const start = async (trustProxy?: string | number | boolean): Promise<void> => {
  product = await agnost(trustProxy === undefined ? {} : { trustProxy });
  started.push(product);
  product.server.listen(0, '127.0.0.1');
  await once(product.server, 'listening');
  ({ port } = product.server.address() as { port: number });
};
beforeEach(() => start());
afterEach(() => {
  for (const socket of open.splice(0)) socket.terminate();
  for (const { server } of started.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';
interface Made { readonly id: string; readonly key: string; readonly [field: string]: unknown }
const asked = (method: Method | 'options', path: string): Test => request(product.server)[method](path);
const manage = (method: Method, path = ''): Test => asked(method, `/version/api-keys${path}`).set('authorization', `Bearer ${product.facts.adminToken}`);
const make = async (form: object = {}): Promise<Made> => (await manage('post').send({ name: 'web', ...form }).expect(201)).body as Made;
const change = async (id: string, form: object, status = 200): Promise<Record<string, unknown>> => (await manage('patch', `/${id}`).send(form).expect(status)).body as Record<string, unknown>;
const read = async (id: string): Promise<Record<string, unknown>> => (await manage('get', `/${id}`).expect(200)).body as Record<string, unknown>;
const call = (key: string, method: Method, path: string): Test => asked(method, `/endpoint${path}`).set('x-api-key', key);
const tomorrow = (): string => new Date(Date.now() + 86_400_000).toISOString();

describe('management', () => {
  it('creates, lists, shows, changes and deletes keys, for signed-in people only', async () => {
    const { id, key } = await make({ expireDate: '2099-01-01T00:00:00+01:00', authorizedIPs: ['127.0.0.0/8'], authorizedDomains: ['app.example.com'] });
    const all = { id, name: 'web', status: 'active', allowRealtime: false, endpointAccess: 'full', authorizedDomains: ['app.example.com'], authorizedIPs: ['127.0.0.0/8'], expireDate: '2098-12-31T23:00:00.000Z' };
    const { body } = await manage('get').expect(200);
    expect(body).toMatchObject({ keys: [all], nextCursor: null });
    expect(JSON.stringify(body)).not.toContain(key.slice(8, -4));
    expect(await read(id)).toMatchObject(all);
    expect(await change(id, { name: 'renamed', expireDate: null, authorizedDomains: 'all', authorizedIPs: 'all' })).toMatchObject({ ...all, name: 'renamed', expireDate: null, authorizedDomains: 'all', authorizedIPs: 'all' });
    await asked('get', '/version/api-keys').expect(401);
    for (const carried of [{ 'x-api-key': key }, { authorization: `Bearer ${key}` }, { authorization: key }]) {
      expect((await asked('get', '/version/api-keys').set(carried).expect(403)).body).toMatchObject({ code: 'api_key_not_accepted' });
    }
    await manage('get').set('x-api-key', key).expect(403);
    await manage('delete', `/${id}`).expect(204);
    await call(key, 'get', '/orders').expect(401);
    for (const method of ['get', 'patch'] as const) await manage(method, `/${id}`).send({}).expect(404);
    await manage('delete', `/${id}`).expect(204);
    await manage('patch').send({ id, name: 'x' }).expect(404);
    for (const unknown of ['nobody', '%00', 'x'.repeat(200), '__proto__']) await manage('get', `/${unknown}`).expect(404);
  });

  it('is lost by one of two changes at once, never by a part of both', async () => {
    const { id } = await make();
    const { keyring } = product;
    // Both read the key before either writes it.
    const read = keyring.get.bind(keyring);
    let readers = 0;
    const all = new EventEmitter();
    jest.spyOn(keyring, 'get').mockImplementation(async (wanted) => {
      const found = await read(wanted);
      if (++readers === 2) all.emit('have read');
      else await once(all, 'have read');
      return found;
    });
    const both = await Promise.all([manage('patch', `/${id}`).send({ authorizedIPs: ['10.0.0.1'] }), manage('patch', `/${id}`).send({ authorizedDomains: ['a.example'] })]);
    expect(both.map(({ status, body }) => [status, body.code]).sort()).toEqual([[200, undefined], [409, 'version_conflict']]);
    const { access } = (await read(id)) ?? {};
    expect([access?.ips?.allow, access?.origins]).toEqual(both[0].status === 200 ? [['10.0.0.1'], 'all'] : [undefined, ['a.example']]);
  });

  const custom = { endpointAccess: 'custom-allowed' };
  it.each<[string, object]>([
    ['name', { name: '' }],
    ['name', { name: 5 }],
    ['name', { name: null }],
    ['name', { name: 'x'.repeat(257) }],
    ['owner', { owner: 'me' }],
    ['__proto__', JSON.parse('{"__proto__":{"allowRealtime":true}}') as object],
    ['constructor', { constructor: { prototype: {} } }],
    ['allowRealtime', { allowRealtime: 'yes' }],
    ['endpointAccess', { endpointAccess: 'custom' }],
    ['endpointAccess', { endpointAccess: 'constructor' }],
    ['endpointAccess', { endpointAccess: null }],
    ['endpoints', { endpoints: ['/orders'] }],
    ['endpoints', { endpointAccess: 'full', endpoints: ['/orders'] }],
    ['endpoints', { endpointAccess: 'none', endpoints: ['/orders'] }],
    ['endpoints', custom],
    ['endpoints', { endpointAccess: 'custom-excluded' }],
    ['endpoints', { ...custom, endpoints: [] }],
    ['endpoints', { ...custom, endpoints: '/orders' }],
    ['endpoints', { ...custom, endpoints: null }],
    ['endpoints.0', { ...custom, endpoints: [5] }],
    ['endpoints.1', { ...custom, endpoints: ['/orders', 'GET orders'] }],
    ['endpoints.0', { ...custom, endpoints: ['get /orders'] }],
    ['endpoints.0', { ...custom, endpoints: ['/orders GET'] }],
    ['endpoints[0]', { ...custom, endpoints: ['GETT /orders'] }],
    ['endpoints[0]', { endpointAccess: 'custom-excluded', endpoints: ['/orders/../customers'] }],
    ['endpoints.0', { ...custom, endpoints: [{ path: '/orders' }] }],
    ['endpoints.0', { ...custom, endpoints: [{ path: '/orders', methods: [] }] }],
    ['endpoints.0', { ...custom, endpoints: [{ path: 'GET /orders', methods: ['GET'] }] }],
    ['endpoints.0', { ...custom, endpoints: [{ path: '/orders', methods: ['GET'], also: 1 }] }],
    ['expireDate', { expireDate: 'tomorrow' }],
    ['expireDate', { expireDate: '2030-02-30' }],
    ['expireDate', { expireDate: '2030-02-30T00:00:00Z' }],
    ['expireDate', { expireDate: '2030-01-01T00:00:00' }],
    ['expireDate', { expireDate: 1_900_000_000_000 }],
    ['expireDate', { expireDate: '' }],
    ['expireDate', { expireDate: '2001-01-01' }],
    ['authorizedIPs[0]', { authorizedIPs: ['10.0.0.0/33'] }],
    ['authorizedIPs[1]', { authorizedIPs: ['10.0.0.1', 'localhost'] }],
    ['authorizedIPs', { authorizedIPs: '127.0.0.1' }],
    ['authorizedIPs', { authorizedIPs: [] }],
    ['authorizedIPs', { authorizedIPs: null }],
    ['authorizedDomains[0]', { authorizedDomains: ['https://*'] }],
    ['authorizedDomains', { authorizedDomains: {} }],
    ['authorizedDomains', { authorizedDomains: [] }],
    ['authorizedDomains', { authorizedDomains: 'server-only' }],
  ])('refuses a wrong %s: %j', async (field, form) => {
    const name = Object.hasOwn(form, 'name') ? {} : { name: 'web' };
    // Not with a spread: it would lose a field that is called __proto__.
    const { body } = await manage('post').set('content-type', 'application/json').send(JSON.stringify(form).replace(/^\{/, Object.keys(name).length > 0 ? '{"name":"web",' : '{')).expect(422);
    expect(body.field).toMatch(new RegExp(`^${field.replace(/[[\].]/g, '\\$&')}\\b`.replace(/\]\\b$/, ']')));
    expect(body.error).toContain(body.field);
    expect((await manage('get')).body.keys).toEqual([]);
  });

  it('answers whatever is sent in its own words', async () => {
    const { id } = await make();
    const raw = (method: Method, path: string, type: string, body: string): Test => manage(method, path).set('content-type', type).send(body);
    const json = 'application/json';
    const answers: [number, Test][] = [
      [400, raw('post', '', json, '{"name"')],
      [400, raw('post', '', json, '"text"')],
      [400, raw('patch', `/${id}`, json, 'null')],
      [422, raw('post', '', json, '[]')],
      [422, raw('patch', `/${id}`, json, '[]')],
      [422, raw('post', '', json, `{"name":${'['.repeat(20_000)}${']'.repeat(20_000)}}`)],
      [422, raw('patch', `/${id}`, json, '{"__proto__":{"name":"x"}}')],
      [413, raw('post', '', json, JSON.stringify({ name: 'x'.repeat(1_000_000) }))],
      [415, raw('post', '', 'text/plain', '{"name":"x"}')],
      [415, raw('patch', `/${id}`, 'application/x-www-form-urlencoded', 'name=x')],
      [415, raw('post', '', 'application/json; charset=klingon', '{}')],
      [422, manage('post')],
      [422, manage('post').send({})],
      [422, manage('get', '?cursor=a&cursor=b')],
      [404, manage('put', `/${id}`)],
      [404, asked('get', '/nowhere')],
      [400, manage('get', '/%zz')],
    ];
    for (const [status, answer] of answers) {
      const { status: got, body, type } = await answer;
      expect([got, type, typeof body.error]).toEqual([status, json, 'string']);
    }
    expect(await read(id)).toMatchObject({ name: 'web' });
  });

  it('takes back what it has shown, and changes nothing by it', async () => {
    const rules = ['GET /orders/:id', '/customers', '/endpoint', '/endpoint/endpoint/x', '/', 'POST /endpoints{/:id}'];
    for (const form of [{}, { endpointAccess: 'none', allowRealtime: true, expireDate: tomorrow() }, { endpointAccess: 'custom-allowed', endpoints: rules, authorizedIPs: ['10.0.0.0/8', '::1'] }, { endpointAccess: 'custom-excluded', endpoints: rules, authorizedDomains: ['*.example.com'] }]) {
      const { id } = await make(form);
      const before = await read(id);
      expect(before).toMatchObject(form);
      const stored = (await product.keyring.get(id))?.access;
      expect(await change(id, before)).toEqual(before);
      expect((await product.keyring.get(id))?.access).toEqual(stored);
    }
    const { id } = await make();
    for (const [field, value] of [['id', 'other'], ['key', 'agn_'], ['status', 'disabled'], ['createdAt', tomorrow()]] as const) expect(await change(id, { [field]: value }, 422)).toMatchObject({ field });
  });
});

describe('endpoint access', () => {
  const allowed = async (key: string, calls: readonly (readonly [Method, string])[]): Promise<boolean[]> => {
    const seen: boolean[] = [];
    for (const [method, path] of calls) {
      const { status, body } = await call(key, method, path);
      if (status !== 200) expect([status, body.code]).toEqual([403, 'endpoint_not_allowed']);
      seen.push(status === 200);
    }
    return seen;
  };

  it('none, full, only these, all but these', async () => {
    const everything = (['get', 'post', 'put', 'patch', 'delete'] as const).flatMap((method) => ['/orders', '/orders/7', '/customers', '/customers/7'].map((path) => [method, path] as const));
    expect(new Set(await allowed((await make({ endpointAccess: 'none' })).key, everything))).toEqual(new Set([false]));
    for (const form of [{ endpointAccess: 'full' }, {}]) expect(new Set(await allowed((await make(form)).key, everything))).toEqual(new Set([true]));
    const only = await make({ endpointAccess: 'custom-allowed', endpoints: ['GET /orders', 'GET /orders/:id'] });
    expect(await allowed(only.key, [['get', '/orders'], ['get', '/orders/7'], ['post', '/orders'], ['get', '/customers'], ['get', '/orders/7/%2e%2e/customers']])).toEqual([true, true, false, false, false]);
    const but = await make({ endpointAccess: 'custom-excluded', endpoints: ['/customers', 'DELETE /orders/:id'] });
    expect(await allowed(but.key, [['post', '/orders'], ['get', '/orders/7'], ['get', '/customers'], ['get', '/CUSTOMERS/'], ['delete', '/orders/7']])).toEqual([true, true, false, false, false]);
  });

  it('per method, and wherever the developer thinks that the platform serves it', async () => {
    const { id, key } = await make({ endpointAccess: 'custom-allowed', endpoints: [{ path: '/orders', methods: ['GET', 'PUT'] }, 'PATCH /endpoint/orders', { path: '/Endpoint/customers', methods: ['POST'] }] });
    expect(await allowed(key, [['get', '/orders'], ['put', '/orders'], ['patch', '/orders'], ['post', '/orders'], ['post', '/customers'], ['get', '/customers']])).toEqual([true, true, true, false, true, false]);
    expect((await read(id))['endpoints']).toEqual(['GET /orders', 'PUT /orders', 'PATCH /orders', 'POST /customers']);
  });

  it('is changed without giving more than was said', async () => {
    const { id } = await make();
    for (const form of [{ endpoints: ['/orders'] }, { endpointAccess: 'custom-excluded' }]) expect(await change(id, form, 422)).toMatchObject({ field: 'endpoints' });
    expect(await change(id, { endpointAccess: 'custom-excluded', endpoints: ['/orders'] })).toMatchObject({ endpointAccess: 'custom-excluded', endpoints: ['/orders'] });
    expect(await change(id, { endpoints: ['/customers'] })).toMatchObject({ endpointAccess: 'custom-excluded', endpoints: ['/customers'] });
    expect(await change(id, { name: 'renamed' })).toMatchObject({ endpointAccess: 'custom-excluded', endpoints: ['/customers'], allowRealtime: false });
    expect(await change(id, { endpointAccess: 'custom-allowed' })).toMatchObject({ endpointAccess: 'custom-allowed', endpoints: ['/customers'] });
    expect(await change(id, { endpointAccess: 'none' })).not.toHaveProperty('endpoints');
    for (const form of [{ endpoints: ['/orders'] }, { endpointAccess: 'custom-allowed' }]) expect(await change(id, form, 422)).toMatchObject({ field: 'endpoints' });
    expect(await read(id)).toMatchObject({ endpointAccess: 'none' });
  });
});

describe('a key', () => {
  it('comes in any of three places, and in one only', async () => {
    const [{ key }, other] = [await make(), await make()];
    for (const carried of [{ authorization: key }, { authorization: `Bearer ${key}` }, { authorization: `bearer ${key}` }, { 'x-api-key': key }]) await asked('get', '/endpoint/orders').set(carried).expect(200);
    for (const carried of [{ authorization: `${key.slice(0, -1)}!` }, { authorization: `Bearer ${key}0` }, { 'x-api-key': 'nonsense' }]) await asked('get', '/endpoint/orders').set(carried).expect(401);
    for (const authorization of [`Basic ${key}`, `Bearer ${product.facts.adminToken}`]) expect((await asked('get', '/endpoint/orders').set({ authorization }).expect(401)).body).toMatchObject({ code: 'missing_key', error: expect.any(String) });
    await asked('get', `/endpoint/orders?apiKey=${key}`).expect(401);
    await call(key, 'get', '/orders').set('authorization', other.key).expect(400);
    await call(key, 'get', '/nowhere').expect(404);
  });

  it('ends on its date', async () => {
    const { id, key } = await make({ expireDate: tomorrow() });
    await call(key, 'get', '/orders').expect(200);
    expect(await change(id, { expireDate: '2001-01-01' })).toMatchObject({ status: 'expired', expireDate: '2001-01-01T00:00:00.000Z' });
    expect((await call(key, 'get', '/orders').expect(401)).body).toMatchObject({ code: 'expired_key' });
    await change(id, { expireDate: null });
    await call(key, 'get', '/orders').expect(200);
  });

  it('is good from its domains, whose pages may ask first and read every refusal', async () => {
    const { key } = await make({ authorizedDomains: ['app.example.com', '*.example.org'] });
    const from = (origin: string): Test => call(key, 'get', '/orders').set('origin', origin);
    for (const [origin, status] of [['https://app.example.com', 200], ['https://a.example.org', 200], ['https://example.org', 403], ['https://evil.example', 403], ['null', 403]] as const) {
      expect((await from(origin).expect(status)).headers).toMatchObject({ 'access-control-allow-origin': '*' });
    }
    await call(key, 'get', '/orders').expect(403);
    expect((await asked('get', '/endpoint/orders').set('origin', 'https://app.example.com').expect(401)).headers).toMatchObject({ 'access-control-allow-origin': '*' });
    const preflight = asked('options', '/endpoint/orders/7').set({ origin: 'https://app.example.com', 'access-control-request-method': 'PATCH', 'access-control-request-headers': 'x-api-key,content-type' });
    expect((await preflight.expect(204)).headers).toMatchObject({ 'access-control-allow-origin': '*', 'access-control-allow-methods': expect.stringContaining('PATCH'), 'access-control-allow-headers': 'x-api-key,content-type' });
  });

  // The calls come from 127.0.0.1 and claim to have come further.
  it.each<[string | number | boolean, Record<string, number>]>([
    ['loopback', { '203.0.113.9': 200, '198.51.100.1': 403, '198.51.100.1, 203.0.113.9': 200, '203.0.113.9, 198.51.100.1': 403 }],
    ['loopback, 198.51.100.0/24', { '203.0.113.9, 198.51.100.1': 200 }],
    [false, { '203.0.113.9': 403 }],
    [1, { '203.0.113.9': 200, '203.0.113.9, 198.51.100.1': 403 }],
    [2, { '203.0.113.9, 198.51.100.1': 200 }],
    [true, { '203.0.113.9, 198.51.100.1, 192.0.2.1': 200 }],
  ])('is good from its addresses, as told by the proxies that are trusted (%s), for requests and WebSockets alike', async (trustProxy, claims) => {
    await start(trustProxy);
    const { key } = await make({ authorizedIPs: ['203.0.113.0/24', '2001:db8::/32'], allowRealtime: true });
    await call(key, 'get', '/orders').expect(403);
    for (const [claim, status] of Object.entries(claims)) {
      await call(key, 'get', '/orders').set('x-forwarded-for', claim).expect(status);
      expect([claim, await opened(connect(key, { headers: { 'x-forwarded-for': claim } }))]).toEqual([claim, status === 200 ? 101 : 403]);
    }
  });
});

it.each(['nonsense', '', '10.0.0.0/99', 'loopback,', 'TRUE'])('does not start with TRUST_PROXY=%j, and says so in one line', (TRUST_PROXY) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/example.mjs', 'agnost'], { env: { ...process.env, NODE_OPTIONS: '', TRUST_PROXY, PORT: '0' }, encoding: 'utf8' });
  expect([status, stdout, stderr.trim().split('\n')]).toEqual([1, '', [expect.stringMatching(/^TRUST_PROXY: must be true, false/)]]);
});

/** Connects with the key as a header, or as `how` says. */
function connect(key: string | undefined, { path = '/realtime', protocols = [] as string[], headers = {} } = {}): WebSocket {
  const socket = new WebSocket(`ws://127.0.0.1:${String(port)}${path}`, protocols, { headers: { ...(key !== undefined && { 'x-api-key': key }), ...headers } });
  socket.on('error', () => undefined);
  open.push(socket);
  return socket;
}

/** The status with which an upgrade was answered. */
async function opened(socket: WebSocket): Promise<number> {
  const refused = once(socket, 'unexpected-response') as Promise<[unknown, IncomingMessage]>;
  return Promise.race([once(socket, 'open').then(() => 101), refused.then(([, { statusCode = 0 }]) => statusCode)]);
}

const heard = async (socket: WebSocket): Promise<unknown> => {
  const [data] = (await once(socket, 'message')) as [Buffer];
  return JSON.parse(data.toString()) as unknown;
};
const ask = async (socket: WebSocket, what: unknown): Promise<unknown> => {
  const answer = heard(socket);
  socket.send(typeof what === 'string' || Buffer.isBuffer(what) ? what : JSON.stringify(what));
  return answer;
};
const listening = async (key: string): Promise<WebSocket> => {
  const socket = connect(key);
  await once(socket, 'open');
  return socket;
};

describe('realtime', () => {
  it('lets clients subscribe to channels, send to them and receive from them', async () => {
    const { key } = await make({ allowRealtime: true, endpointAccess: 'none' });
    const [one, two] = [await listening(key), await listening(key)];
    expect(await ask(one, { subscribe: 'orders' })).toEqual({ subscribed: 'orders' });
    const [received, sent] = await Promise.all([heard(one), ask(two, { channel: 'orders', message: { id: 7 } })]);
    expect([received, sent]).toEqual([{ channel: 'orders', message: { id: 7 } }, { sent: 'orders', listeners: 1 }]);
    expect(await ask(two, { channel: 'other', message: null })).toEqual({ sent: 'other', listeners: 0 });
    expect(await ask(one, { unsubscribe: 'orders' })).toEqual({ unsubscribed: 'orders' });
    expect(await ask(two, { channel: 'orders', message: 1 })).toEqual({ sent: 'orders', listeners: 0 });
    await ask(one, { subscribe: 'orders' });
    one.close();
    await once(one, 'close');
    expect(await ask(two, { channel: 'orders', message: 1 })).toEqual({ sent: 'orders', listeners: 0 });
  });

  it.each<[string, string | Buffer]>([
    ['no JSON', 'nonsense'],
    ['a list', '[]'],
    ['null', 'null'],
    ['an unknown field', '{"subscribe":"a","as":"b"}'],
    ['two things at once', '{"subscribe":"a","unsubscribe":"a"}'],
    ['no name', '{"subscribe":5}'],
    ['an empty name', '{"subscribe":""}'],
    ['a long name', JSON.stringify({ subscribe: 'x'.repeat(129) })],
    ['no message', '{"channel":"a"}'],
    ['__proto__', '{"__proto__":{"subscribe":"a"}}'],
    ['a binary frame', Buffer.from('{"subscribe":"a"}')],
    ['deep JSON', `{"channel":"a","message":${'['.repeat(30_000)}${']'.repeat(30_000)}}`],
  ])('answers %s with an error, and goes on', async (_what, text) => {
    const socket = await listening((await make({ allowRealtime: true })).key);
    expect(await ask(socket, text)).toEqual({ error: expect.any(String) });
    expect(await ask(socket, { subscribe: 'a' })).toEqual({ subscribed: 'a' });
  });

  it('bounds what a client can make it remember', async () => {
    const { key } = await make({ allowRealtime: true });
    const [socket, sender] = [await listening(key), await listening(key)];
    for (let index = 0; index < 100; index++) await ask(socket, { subscribe: `channel ${index}` });
    expect(await ask(socket, { subscribe: 'another' })).toEqual({ error: expect.any(String) });
    expect(await ask(socket, { subscribe: 'channel 7' })).toEqual({ subscribed: 'channel 7' });
    await ask(socket, { unsubscribe: 'channel 8' });
    expect(await ask(socket, { subscribe: 'another' })).toEqual({ subscribed: 'another' });
    // Who does not listen is let go before anything piles up.
    socket.pause();
    let listeners = 1;
    for (let sent = 0; listeners > 0 && sent < 2_000; sent++) ({ listeners } = (await ask(sender, { channel: 'another', message: 'x'.repeat(60_000) })) as { listeners: number });
    expect(listeners).toBe(0);
    const closed = once(sender, 'close');
    sender.send('x'.repeat(65_537));
    expect((await closed)[0]).toBe(1_009);
  });

  it('takes keys from where a page can put them, and agrees to a protocol that is no key', async () => {
    const { key } = await make({ allowRealtime: true });
    for (const [how, carried, protocol] of [
      [{ path: `/realtime?apiKey=${key}` }, undefined, ''],
      [{ headers: { authorization: key } }, undefined, ''],
      [{ headers: { authorization: `Bearer ${key}` } }, undefined, ''],
      [{ protocols: ['chat.v1', `keystile.${key}`] }, undefined, 'chat.v1'],
      [{ protocols: [`keystile.${key}`, 'chat.v2'] }, undefined, 'chat.v2'],
      [{ protocols: ['chat.v1'] }, key, 'chat.v1'],
    ] as const) {
      const socket = connect(carried, { ...how, protocols: 'protocols' in how ? [...how.protocols] : [] });
      expect(await opened(socket)).toBe(101);
      expect(socket.protocol).toBe(protocol);
    }
  });

  it('is refused to keys that may not, with an answer of HTTP', async () => {
    const plain = await make();
    const web = await make({ allowRealtime: true, authorizedDomains: ['app.example.com'] });
    for (const [socket, status] of [
      [connect(plain.key), 403],
      [connect(undefined), 401],
      [connect('agn_nobody'), 401],
      [connect(web.key), 403],
      [connect(web.key, { headers: { origin: 'https://app.example.com' } }), 101],
      [connect(web.key, { path: '/nowhere' }), 404],
      [connect(undefined, { path: '/' }), 404],
    ] as const) expect(await opened(socket)).toBe(status);
    const { body } = await asked('get', '/realtime').set({ connection: 'upgrade', upgrade: 'websocket', 'x-api-key': web.key, origin: 'https://app.example.com' }).expect(400);
    expect(body).toEqual({ error: expect.any(String) });
  });

  it.each<[string, (id: string) => Promise<unknown>, string]>([
    ['deleted', (id) => manage('delete', `/${id}`).expect(204), 'invalid_key'],
    ['revoked', (id) => product.keyring.revoke(id), 'revoked_key'],
    ['disabled', (id) => product.keyring.disable(id), 'disabled_key'],
    ['expired', (id) => change(id, { expireDate: '2001-01-01' }), 'expired_key'],
    ['not allowed realtime any more', (id) => change(id, { allowRealtime: false }), 'realtime_not_allowed'],
    ['not allowed its address any more', (id) => change(id, { authorizedIPs: ['10.0.0.1'] }), 'ip_not_allowed'],
  ])('ends with a key that is %s', async (_what, end, code) => {
    const [{ id, key }, other] = [await make({ allowRealtime: true }), await make({ allowRealtime: true })];
    const [socket, bystander] = [await listening(key), await listening(other.key)];
    await ask(socket, { subscribe: 'news' });
    await change(id, { name: 'still the same' });
    expect(await ask(socket, { subscribe: 'orders' })).toEqual({ subscribed: 'orders' });
    const closed = once(socket, 'close') as Promise<[number, Buffer]>;
    await end(id);
    const [status, reason] = await closed;
    expect([status, reason.toString()]).toEqual([1_008, code]);
    expect(await ask(bystander, { channel: 'news', message: 'anyone?' })).toEqual({ sent: 'news', listeners: 0 });
    expect(await opened(connect(key))).toBeGreaterThanOrEqual(401);
  });

  it('survives clients that leave in the middle', async () => {
    const { key } = await make({ allowRealtime: true });
    for (const path of ['/nowhere', `/realtime?apiKey=${key}`]) {
      const raw = createConnection(port, '127.0.0.1');
      raw.on('error', () => undefined);
      await once(raw, 'connect');
      raw.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n${'x'.repeat(10_000)}`);
      raw.resetAndDestroy();
    }
    await call(key, 'get', '/orders').expect(200);
  });
});
