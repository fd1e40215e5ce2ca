import { describe, expect, it } from '@jest/globals';
import { concurrent, perMinute, type Middleware } from 'keystile';
import { fakeClock } from 'keystile/testing';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { useApps, type TestApp } from '../support/app.js';
import { hosts, type TestHost } from '../support/hosts.js';
import { requestText } from '../support/raw-http.js';
import { countingLimiter, gate, until, type CountingLimiter } from '../support/spies.js';

const start = useApps();

interface Slow extends TestApp {
  readonly limiter: CountingLimiter;
  /** Responses that wait for an answer. */
  readonly waiting: ServerResponse[];
  answerAll(): void;
}

async function startSlow(host: TestHost, settings: Parameters<typeof start>[1] = {}): Promise<Slow> {
  const limiter = countingLimiter(fakeClock());
  const waiting: ServerResponse[] = [];
  const handler: Middleware = (_req, res) => void waiting.push(res);
  const app = await start(host, { handler, ...settings, keyring: { limiter, ...settings.keyring } });
  return { ...app, limiter, waiting, answerAll: () => { for (const res of waiting.splice(0)) res.end('done'); } };
}

/** A client that goes away when told to. */
function open(app: TestApp, text: string): { leave(): void } {
  const socket = connect(app.port, '127.0.0.1', () => socket.write(text));
  socket.on('error', () => undefined);
  return { leave: () => socket.destroy() };
}

const pipelined = (key: string, times: number): string => `GET /items HTTP/1.1\r\nHost: a\r\nX-API-Key: ${key}\r\n\r\n`.repeat(times);

describe.each(hosts)('concurrency on $name', (host) => {
  it('holds a place from before the handler until the response is out', async () => {
    const app = await startSlow(host);
    const { key } = await app.issue({ limits: [concurrent(2)] });
    const under = [0, 1].map(async () => app.get('/items', { 'X-API-Key': key }).expect(200));
    await until(() => app.waiting.length === 2, 'two requests in the handler');
    const { body, headers } = await app.get('/items', { 'X-API-Key': key }).expect(429);
    expect([body.code, body['violated-policies'], headers['retry-after']]).toEqual(['concurrency_exceeded', ['concurrency'], '1']);
    app.answerAll();
    await Promise.all(under);
    await until(() => app.limiter.out() === 0, 'the leases back');
    const third = app.get('/items', { 'X-API-Key': key }).expect(200).then(() => undefined);
    await until(() => app.waiting.length === 1, 'a third request in the handler');
    app.answerAll();
    await third;
    await until(() => app.limiter.out() === 0, 'its lease back');
    expect([app.limiter.leases.size, app.limiter.releasedOnce()]).toEqual([3, true]);
  });

  it('gives the place back once when the client leaves, headers sent or not', async () => {
    for (const begin of [false, true]) {
      const app = await startSlow(host);
      const { key } = await app.issue({ limits: [concurrent(1)] });
      const client = open(app, requestText([`X-API-Key: ${key}`]));
      await until(() => app.waiting.length === 1, 'the request in the handler');
      if (begin) app.waiting[0]?.write('part');
      expect(app.limiter.out()).toBe(1);
      client.leave();
      await until(() => app.limiter.out() === 0, 'the lease back');
      app.answerAll();
      expect([app.limiter.leases.size, app.limiter.releasedOnce()]).toEqual([1, true]);
    }
  });

  it('gives the place back at once when the client has left while the limiter was asked', async () => {
    const counted = countingLimiter(fakeClock());
    const asked = gate();
    const allowed = gate();
    let left: ServerResponse | undefined;
    const limiter = { ...counted, consume: async (...args: Parameters<typeof counted.consume>) => { asked.open(); await allowed.promise; return counted.consume(...args); } };
    const app = await startSlow(host, { before: [(_req, res, next) => { left = res; next(); }], keyring: { limiter, deadlines: { limiterMs: 60_000 } } });
    const { key } = await app.issue({ limits: [concurrent(1)] });
    const client = open(app, requestText([`X-API-Key: ${key}`]));
    await asked.promise;
    client.leave();
    await until(() => left?.closed === true, 'the end of the connection');
    allowed.open();
    await until(() => counted.leases.size === 1 && counted.out() === 0, 'the lease back');
    expect([app.reached(), counted.releasedOnce()]).toEqual([0, true]);
  });

  it('gives the places of queued requests back when a pipelining client leaves', async () => {
    const app = await startSlow(host);
    const { key } = await app.issue({ limits: [concurrent(10)] });
    const client = open(app, pipelined(key, 3));
    await until(() => app.waiting.length === 3, 'three requests in the handler');
    expect(app.limiter.out()).toBe(3);
    client.leave();
    await until(() => app.limiter.out() === 0, 'the leases back');
    app.answerAll();
    expect(app.limiter.releasedOnce()).toBe(true);
  });

  it('gives the places of queued requests back when their client has left while the limiter was asked', async () => {
    const counted = countingLimiter(fakeClock());
    const allowed = gate();
    let asked = 0;
    const limiter = { ...counted, consume: async (...args: Parameters<typeof counted.consume>) => { asked++; await allowed.promise; return counted.consume(...args); } };
    let left: ServerResponse | undefined;
    const app = await startSlow(host, { before: [(_req, res, next) => { left ??= res; next(); }], keyring: { limiter, deadlines: { limiterMs: 60_000 } } });
    const { key } = await app.issue({ limits: [concurrent(10)] });
    const client = open(app, pipelined(key, 3));
    await until(() => asked === 3, 'three requests at the limiter');
    client.leave();
    await until(() => left?.closed === true, 'the end of the connection');
    allowed.open();
    await until(() => counted.leases.size === 3 && counted.out() === 0, 'the leases back');
    expect([app.reached(), counted.releasedOnce()]).toEqual([0, true]);
  });

  it('gives the places of queued requests back one after the other when the client stays', async () => {
    const app = await startSlow(host, { handler: (_req, res) => setImmediate(() => res.end('done')) });
    const { key } = await app.issue({ limits: [concurrent(20)] });
    const answers = await app.raw(pipelined(key, 15) + requestText([`X-API-Key: ${key}`]));
    expect(answers.map(({ status }) => status)).toEqual(Array(16).fill(200));
    await until(() => app.limiter.out() === 0, 'the leases back');
    expect([app.limiter.leases.size, app.limiter.releasedOnce()]).toEqual([16, true]);
  });

  it('gives the place back when a guard refuses, which has spent the request', async () => {
    const app = await startSlow(host, { routes: (auth, { handler }) => [auth.requireScopes('write'), handler] });
    const { key } = await app.issue({ scopes: ['read'], limits: [concurrent(1), perMinute(2)] });
    for (const status of [403, 403, 429]) {
      await app.get('/items', { 'X-API-Key': key }).expect(status);
      await until(() => app.limiter.out() === 0, 'the lease back');
    }
    expect([app.limiter.leases.size, app.limiter.releasedOnce(), app.reached()]).toEqual([2, true, 0]);
  });

  it('gives the place back when the handler fails', async () => {
    const app = await startSlow(host, { handler: (_req, res) => { res.statusCode = 500; res.end(); } });
    const { key } = await app.issue({ limits: [concurrent(1)] });
    for (let turn = 0; turn < 3; turn++) {
      await app.get('/items', { 'X-API-Key': key }).expect(500);
      await until(() => app.limiter.out() === 0, 'the lease back');
    }
    expect(app.limiter.leases.size).toBe(3);
  });

  it('never holds more places than allowed in a crowd, and none afterwards', async () => {
    let most = 0;
    const app = await startSlow(host, {
      handler: (_req, res) => {
        most = Math.max(most, app.limiter.out());
        setImmediate(() => res.end('done'));
      },
    });
    const { key } = await app.issue({ limits: [concurrent(3)] });
    const statuses = await Promise.all(Array.from({ length: 60 }, async () => (await app.get('/items', { 'X-API-Key': key })).status));
    expect(statuses.filter((status) => status === 200).length).toBe(app.limiter.leases.size);
    expect(new Set([...statuses, 429])).toEqual(new Set([200, 429]));
    expect(most).toBeLessThanOrEqual(3);
    await until(() => app.limiter.out() === 0, 'all leases back');
    expect(app.limiter.releasedOnce()).toBe(true);
  });

  it('lasts for one lease however often the middleware is met', async () => {
    const app = await startSlow(host, { routes: (auth, { handler }) => [auth, auth, handler] });
    const { key } = await app.issue({ limits: [concurrent(1)] });
    const under = app.get('/items', { 'X-API-Key': key }).expect(200).then(() => undefined);
    await until(() => app.waiting.length === 1, 'the request in the handler');
    expect(app.limiter.leases.size).toBe(1);
    app.answerAll();
    await under;
    await until(() => app.limiter.out() === 0, 'the lease back');
  });
});
