import { describe, expect, it, jest } from '@jest/globals';
import { concurrent, type Lease } from 'keystile';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { EXPRESS_5, NODE_HTTP } from '../support/hosts.js';
import { gate, until } from '../support/spies.js';
import { upgradeText, useLiveApps } from '../support/upgrades.js';

jest.setTimeout(60_000);
const start = useLiveApps();

describe.each([EXPRESS_5, NODE_HTTP])('concurrency of connections beside $name', (host) => {
  it('counts open sockets and requests together, and frees each when it closes', async () => {
    const app = await start(host);
    const { key } = await app.issue({ limits: [concurrent(2)] });
    const headers = { 'X-API-Key': key };
    const [first, second] = [await app.dial({ headers }), await app.dial({ headers })];
    expect([first.refusal, second.refusal, app.limiter.out()]).toEqual([undefined, undefined, 2]);
    const { refusal } = await app.dial({ headers });
    expect([refusal?.status, JSON.parse(refusal?.body ?? '{}').code, refusal?.headers['retry-after']]).toEqual([429, 'concurrency_exceeded', '1']);
    await app.get('/items', headers).expect(429);
    first.ws.close();
    await until(() => app.limiter.out() === 1, 'the first place back');
    await app.get('/items', headers).expect(200);
    second.ws.terminate();
    await until(() => app.limiter.out() === 0, 'the second place back');
    expect(app.limiter.releasedOnce()).toBe(true);
  });

  it('frees the places of connections that are ended', async () => {
    const app = await start(host);
    const { key, id } = await app.issue({ limits: [concurrent(2)] });
    const clients = [await app.dial({ headers: { 'X-API-Key': key } }), await app.dial({ headers: { 'X-API-Key': key } })];
    await app.keyring.disable(id);
    await Promise.all(clients.map(async ({ closed }) => closed));
    await until(() => app.limiter.out() === 0, 'the places back');
    await app.keyring.enable(id);
    expect((await app.dial({ headers: { 'X-API-Key': key } })).refusal).toBeUndefined();
    expect([app.limiter.leases.size, app.limiter.releasedOnce()]).toEqual([3, true]);
  });

  it('frees a place when ws refuses what was let in, and when the handler fails', async () => {
    const app = await start(host);
    const { key } = await app.issue({ limits: [concurrent(1)] });
    for (const line of ['Sec-WebSocket-Version: 99', 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short']) {
      const [answer] = await app.raw(`GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-API-Key: ${key}\r\n${line}\r\n\r\n`);
      expect(answer?.status).toBe(400);
      await until(() => app.limiter.out() === 0, 'the place back');
    }
    expect([app.limiter.leases.size, app.limiter.releasedOnce()]).toEqual([2, true]);
  });

  it('never lets in more at once than allowed, in a crowd', async () => {
    const app = await start(host);
    const { key } = await app.issue({ limits: [concurrent(5)] });
    const clients = await Promise.all(Array.from({ length: 40 }, async () => app.dial({ headers: { 'X-API-Key': key } })));
    expect([clients.filter(({ refusal }) => refusal === undefined).length, app.limiter.out()]).toEqual([5, 5]);
  });

  it('leaves neither lease nor listener behind after 1,000 connections', async () => {
    const app = await start(host);
    const listeners = new Set<string>();
    const { key } = await app.issue({ limits: [concurrent(50)] });
    for (let round = 0; round < 20; round++) {
      const clients = await Promise.all(Array.from({ length: 50 }, async () => app.dial({ headers: { 'X-API-Key': key } })));
      expect(clients.filter(({ refusal }) => refusal !== undefined)).toEqual([]);
      for (const [index, { ws }] of clients.entries()) if (index % 2 === 0) ws.terminate(); else ws.close();
      const sockets = [...app.open];
      await until(() => app.open.size === 0, 'the ends');
      for (const socket of sockets) listeners.add(['data', 'end', 'close'].map((event) => socket.listenerCount(event)).join(' '));
      await until(() => app.limiter.out() === 0, 'the places back');
    }
    expect([app.limiter.leases.size, app.limiter.releasedOnce(), app.faults]).toEqual([1_000, true, []]);
    // What is left is Node's own, and the one with which this app counts its connections.
    expect(listeners).toEqual(new Set(['0 1 1']));
  });
});

describe('a place under a cap', () => {
  it('is renewed while its connection is open, long after any request would be over', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
    try {
      const app = await start(NODE_HTTP);
      const renewed: Lease[] = [];
      const { renew } = app.limiter;
      app.limiter.renew = (leases) => { renewed.push(...leases); return renew(leases); };
      const { key } = await app.issue({ limits: [concurrent(1)] });
      await app.dial({ headers: { 'X-API-Key': key } });
      for (let passed = 0; passed < 3_600_000; passed += 5_000) {
        app.clock.advance(5_000);
        jest.advanceTimersByTime(5_000);
      }
      expect(renewed.length).toBeGreaterThan(60);
      expect((await app.dial({ headers: { 'X-API-Key': key } })).refusal?.status).toBe(429);
    } finally {
      jest.useRealTimers();
    }
  });

  it.each(['resetAndDestroy', 'destroy'] as const)('goes back when the client has left (%s) while the limiter was asked', async (leave) => {
    const [asked, allowed] = [gate(), gate()];
    let left: Duplex | undefined;
    const app = await start(NODE_HTTP, { upgrade: { tenant: (req) => { left = req.socket; return null; } }, keyring: { deadlines: { limiterMs: 60_000 } } });
    const { consume } = app.limiter;
    app.limiter.consume = async (...args) => { asked.open(); await allowed.promise; return consume(...args); };
    const { key } = await app.issue({ limits: [concurrent(1)] });
    const socket = connect(app.port, '127.0.0.1', () => socket.write(upgradeText([`X-API-Key: ${key}`])));
    await asked.promise;
    socket[leave]();
    // A client that only says goodbye is noticed by whoever reads, which is ws.
    if (leave === 'resetAndDestroy') await until(() => left?.destroyed === true, 'the end of the connection');
    allowed.open();
    await until(() => app.limiter.leases.size === 1 && app.limiter.out() === 0, 'the lease back');
    expect([app.admitted.length, app.limiter.releasedOnce(), app.faults]).toEqual([leave === 'destroy' ? 1 : 0, true, []]);
  });
});
