import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { createConnection } from 'node:net';
import request, { type Test } from 'supertest';
import { WebSocket } from 'ws';
import { agnost } from '../../examples/agnost/server.js';

let server: Server;
let token: string;
let port: number;
const open: WebSocket[] = [];
beforeEach(async () => {
  const made = agnost();
  ({ server } = made);
  token = made.adminToken;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address() as { port: number });
});
afterEach(() => {
  for (const socket of open.splice(0)) socket.terminate();
  server.closeAllConnections();
  server.close();
});

interface Made { readonly id: string; readonly key: string }
const developer = (test: Test): Test => test.set('x-developer-token', token);
const make = async (form: object): Promise<Made> => (await developer(request(server).post('/version/api-keys')).send({ name: 'web', ...form }).expect(201)).body as Made;
const call = (key: string, method: 'get' | 'post' | 'delete', path: string): Test => request(server)[method](`/endpoint${path}`).set('x-api-key', key);

describe('management', () => {
  it('creates, lists and changes keys, for developers only', async () => {
    const { id, key } = await make({ endpointAccess: 'full', expireDate: '2099-01-01T00:00:00Z', authorizedIPs: ['127.0.0.0/8'], authorizedDomains: ['app.example.com'] });
    await developer(request(server).patch(`/version/api-keys/${id}`)).send({ name: 'renamed', expireDate: null }).expect(200);
    const { body } = await developer(request(server).get('/version/api-keys')).expect(200);
    expect(body).toMatchObject({ keys: [{ id, name: 'renamed', allowRealtime: false, endpoints: 'all', authorizedDomains: ['app.example.com'], authorizedIPs: ['127.0.0.0/8'], expireDate: null }] });
    expect(JSON.stringify(body)).not.toContain(key.slice(8, -4));
    await request(server).get('/version/api-keys').expect(401);
    await developer(request(server).get('/version/api-keys')).set('x-api-key', key).expect(403);
    await developer(request(server).delete(`/version/api-keys/${id}`)).expect(204);
    await call(key, 'get', '/orders').expect(401);
  });

  it.each([
    [{ endpointAccess: 'custom-allowed', endpoints: ['GET orders'] }],
    [{ authorizedIPs: ['10.0.0.0/33'] }],
    [{ authorizedDomains: ['https://*'] }],
    [{ expireDate: 'tomorrow' }],
    [{ name: '' }],
    [{ allowRealtime: 'yes' }],
    [{ endpointAccess: 'custom' }],
    [{ endpointAccess: 'constructor' }],
    [{ endpointAccess: 'custom-allowed', endpoints: '/orders' }],
    [{ endpointAccess: 'custom-allowed', endpoints: [5] }],
    [{ authorizedIPs: '127.0.0.1' }],
    [{ authorizedDomains: {} }],
  ])('refuses %j', async (form) => {
    await developer(request(server).post('/version/api-keys')).send({ name: 'web', ...form }).expect(422);
    expect((await developer(request(server).get('/version/api-keys'))).body).toEqual({ keys: [] });
  });
});

describe('endpoint access', () => {
  it('none, full, only these, all but these', async () => {
    const [none, full] = [await make({ endpointAccess: 'none' }), await make({ endpointAccess: 'full' })];
    const only = await make({ endpointAccess: 'custom-allowed', endpoints: ['GET /orders', 'GET /orders/:id'] });
    const but = await make({ endpointAccess: 'custom-excluded', endpoints: ['/customers', 'DELETE /orders/:id'] });
    await call(none.key, 'get', '/orders').expect(403);
    await call(full.key, 'delete', '/customers/1').expect(200);
    await call(only.key, 'get', '/orders/7').expect(200);
    for (const [method, path] of [['post', '/orders'], ['get', '/customers'], ['get', '/orders/7/%2e%2e/customers']] as const) await call(only.key, method, path).expect(403);
    await call(but.key, 'post', '/orders').expect(200);
    for (const [method, path] of [['get', '/customers'], ['get', '/CUSTOMERS/'], ['delete', '/orders/7']] as const) await call(but.key, method, path).expect(403);
  });

  it('until its date, from its addresses and its domains, as the trusted proxy tells', async () => {
    const past = await make({ expireDate: new Date(Date.now() - 1_000).toISOString() });
    await call(past.key, 'get', '/orders').expect(401);
    const near = await make({ authorizedIPs: ['203.0.113.0/24'] });
    await call(near.key, 'get', '/orders').expect(403);
    await call(near.key, 'get', '/orders').set('x-forwarded-for', '203.0.113.9').expect(200);
    await call(near.key, 'get', '/orders').set('x-forwarded-for', '203.0.113.9, 198.51.100.1').expect(403);
    const web = await make({ authorizedDomains: ['app.example.com'] });
    await call(web.key, 'get', '/orders').expect(403);
    await call(web.key, 'get', '/orders').set('origin', 'https://app.example.com').expect(200);
    await call(web.key, 'get', '/orders').set('origin', 'https://evil.example').expect(403);
  });
});

describe('realtime', () => {
  const connect = (key: string): WebSocket => {
    const socket = new WebSocket(`ws://127.0.0.1:${String(port)}/realtime?apiKey=${key}`);
    socket.on('error', () => undefined);
    open.push(socket);
    return socket;
  };
  const heard = async (socket: WebSocket): Promise<unknown> => {
    const [data] = (await once(socket, 'message')) as [Buffer];
    return JSON.parse(data.toString()) as unknown;
  };

  it('clients subscribe to channels, send to them and receive from them', async () => {
    const { key } = await make({ allowRealtime: true, endpointAccess: 'none' });
    const [one, two] = [connect(key), connect(key)];
    await Promise.all([once(one, 'open'), once(two, 'open')]);
    one.send(JSON.stringify({ subscribe: 'orders' }));
    expect(await heard(one)).toEqual({ subscribed: 'orders' });
    two.send(JSON.stringify({ channel: 'orders', message: { id: 7 } }));
    expect(await heard(one)).toEqual({ channel: 'orders', message: { id: 7 } });
    two.send('nonsense');
    expect(await heard(two)).toHaveProperty('error');
  });

  it('is refused to keys that may not, and ends with the key', async () => {
    const plain = await make({ allowRealtime: false });
    for (const key of [plain.key, 'agn_nobody']) {
      const [, response] = (await once(connect(key), 'unexpected-response')) as [unknown, { statusCode: number }];
      expect(response.statusCode).toBe(key === plain.key ? 403 : 401);
    }
    const { id, key } = await make({ allowRealtime: true });
    const socket = connect(key);
    await once(socket, 'open');
    const closed = once(socket, 'close');
    await developer(request(server).delete(`/version/api-keys/${id}`)).expect(204);
    await closed;
  });

  it('survives clients that break the rules of the protocol, or leave in the middle', async () => {
    const { key } = await make({ allowRealtime: true });
    const socket = connect(key);
    await once(socket, 'open');
    const closed = once(socket, 'close');
    socket.send('x'.repeat(100_000));
    expect((await closed)[0]).toBe(1009);
    const raw = createConnection(port, '127.0.0.1');
    await once(raw, 'connect');
    raw.write(`GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n${'x'.repeat(10_000)}`);
    raw.resetAndDestroy();
    await call(key, 'get', '/orders').expect(200);
  });
});
