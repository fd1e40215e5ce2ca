import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { concurrent, memoryStore, type KeySettings, type KeyStore, type Middleware } from 'keystile';
import { fakeClock } from 'keystile/testing';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { useApps, type Scope, type TestApp } from '../support/app.js';
import { hosts, type TestHost } from '../support/hosts.js';
import { countingLimiter, until, type CountingLimiter } from '../support/spies.js';

const start = useApps();
const DAY = 86_400_000;

interface Streaming extends TestApp {
  readonly limiter: CountingLimiter;
  readonly streams: ServerResponse[];
}

async function startStreams(host: TestHost, store: KeyStore = memoryStore()): Promise<Streaming> {
  const limiter = countingLimiter(fakeClock());
  const streams: ServerResponse[] = [];
  const handler: Middleware = (_req, res) => {
    res.writeHead(200, { 'Content-Type': 'text/event-stream' });
    res.write('data: hello\n\n');
    streams.push(res);
  };
  const app = await start(host, { handler, keyring: { limiter, store }, routes: (auth, { handler: end }) => [['/events', auth.requireRealtime()], end] });
  return { ...app, limiter, streams };
}

/** A client that listens until the server ends the stream. */
async function listening(app: Streaming, key: string, paths: readonly string[] = ['/events']): Promise<{ readonly ended: Promise<string>; readonly text: () => string; leave(): void }> {
  let text = '';
  const before = app.streams.length;
  const socket = connect(app.port, '127.0.0.1', () => socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\nX-API-Key: ${key}\r\n\r\n`).join('')));
  socket.on('data', (chunk: Buffer) => (text += String(chunk)));
  const ended = new Promise<string>((resolve) => socket.on('error', () => undefined).on('close', () => { resolve(text); }));
  await until(() => app.streams.length === before + 1, 'the stream');
  return { ended, text: () => text, leave: () => socket.destroy() };
}

describe.each(hosts)('an event stream on $name', (host) => {
  afterEach(() => { jest.useRealTimers(); });
  const settings: Partial<KeySettings<Scope>> = { limits: [concurrent(2)], scopes: ['read'] };

  it('ends when its key is revoked, disabled, deleted, rotated out or may not be here, and frees its place', async () => {
    const app = await startStreams(host);
    const { keyring } = app;
    for (const end of [
      async (id: string) => keyring.revoke(id),
      async (id: string) => keyring.disable(id),
      async (id: string) => keyring.delete(id),
      async (id: string) => keyring.rotate(id, { gracePeriod: 0 }),
      async (id: string) => keyring.update(id, { access: { realtime: false } }),
      async (id: string) => keyring.update(id, { access: { endpoints: { allow: ['/items'] } } }),
      async (id: string) => keyring.update(id, { scopes: [] }),
    ]) {
      const { key, id } = await app.issue(settings);
      const other = await app.issue(settings);
      const [client, unharmed] = [await listening(app, key), await listening(app, other.key)];
      expect(app.limiter.out()).toBe(2);
      await end(id);
      expect(await client.ended).toContain('data: hello');
      await until(() => app.limiter.out() === 1, 'the place back');
      app.streams.at(-1)?.write('data: still here\n\n');
      await until(() => unharmed.text().includes('still here'), 'an event of the other stream');
      unharmed.leave();
      await until(() => app.limiter.out() === 0, 'the other place back');
    }
    expect([app.limiter.releasedOnce(), app.faults]).toEqual([true, []]);
  });

  it('ends when its key does', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
    const app = await startStreams(host);
    const { key } = await app.issue({ expiresAt: app.clock.now() + 10_000 });
    const client = await listening(app, key);
    app.clock.advance(10_000);
    jest.advanceTimersByTime(10_000);
    expect(await client.ended).toContain('data: hello');
    // A handler that has not heard of it writes on, as after a client has left.
    expect(() => app.streams[0]?.write('data: too late\n\n')).not.toThrow();
  });

  it('stays through changes that leave it its rights, and is forgotten when it is over', async () => {
    const app = await startStreams(host);
    const { key, id } = await app.issue(settings);
    const client = await listening(app, key);
    await app.keyring.update(id, { name: 'other', scopes: ['write'] });
    await app.keyring.rotate(id, { gracePeriod: DAY });
    app.streams[0]?.write('data: still here\n\n');
    await until(() => client.text().includes('still here'), 'the event');
    app.streams[0]?.end();
    await until(() => app.limiter.out() === 0, 'the place back');
    // The connection is kept alive for other requests, so nothing of the stream may end it any more.
    await app.keyring.revoke(id);
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    expect(app.streams[0]?.socket ?? null).toBeNull();
    client.leave();
    await client.ended;
  });

  it('is not asked about once it is over', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
    const memory = memoryStore();
    let finds = 0;
    const app = await startStreams(host, { ...memory, find: (lookup) => { finds++; return memory.find(lookup); } });
    const { key } = await app.issue();
    const client = await listening(app, key);
    const asked = async (): Promise<number> => {
      const before = finds;
      app.clock.advance(60_000);
      jest.advanceTimersByTime(60_000);
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
      return finds - before;
    };
    expect(await asked()).toBeGreaterThan(0);
    client.leave();
    await until(() => app.streams[0]?.destroyed === true, 'the end');
    expect(await asked()).toBe(0);
  });

  it('does not watch requests that are over, nor routes without the guard', async () => {
    const app = await startStreams(host);
    const { key, id } = await app.issue();
    const plain = app.get('/items', { 'X-API-Key': key }).then((response) => response.text);
    await until(() => app.streams.length === 1, 'the request');
    await app.keyring.revoke(id);
    app.streams[0]?.end('data: bye\n\n');
    expect(await plain).toContain('data: bye');
  });

  it('begins when its turn has come, and never after the key or the client has gone', async () => {
    const app = await startStreams(host);
    const { key, id } = await app.issue({ limits: [concurrent(5)] });
    const [first, second] = [await listening(app, key, ['/events', '/events', '/events']), await listening(app, key, ['/events', '/events'])];
    await until(() => app.limiter.out() === 5, 'a place for each');
    app.streams[0]?.end();
    await until(() => app.streams.length === 3, 'the next one');
    expect(first.text().split('data: hello')).toHaveLength(3);
    second.leave();
    await until(() => app.limiter.out() === 2, 'the places back');
    await app.keyring.revoke(id);
    await first.ended;
    await until(() => app.limiter.out() === 0, 'the places back');
    expect([app.limiter.releasedOnce(), app.streams.length]).toEqual([true, 3]);
  });
});
