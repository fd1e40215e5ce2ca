import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { KeyPatch, KeySettings, Keyring } from 'keystile';
import type { Scope } from '../support/app.js';
import { NODE_HTTP } from '../support/hosts.js';
import { until } from '../support/spies.js';
import { useLiveApps, type Client, type LiveApp, type LiveSettings } from '../support/upgrades.js';

const start = useLiveApps();
const DAY = 86_400_000;

/** A connection with a new key, whose message shows that it is alive. */
async function connected(settings: LiveSettings = {}, wanted: Partial<KeySettings<Scope>> = {}): Promise<{ app: LiveApp; client: Client; id: string; key: string }> {
  const app = await start(NODE_HTTP, settings);
  const { key, id } = await app.issue(wanted);
  const client = await app.dial({ headers: { 'X-API-Key': key, Origin: 'https://app.example.com' } });
  expect(client.refusal).toBeUndefined();
  return { app, client, id, key };
}

async function stillOpen(app: LiveApp, client: Client): Promise<void> {
  const before = app.messages.length;
  client.ws.send('still here');
  await until(() => app.messages.length > before, 'the message of an open connection');
}

type End = (keyring: Keyring<Scope>, id: string) => Promise<unknown>;
const patch = (changes: KeyPatch<Scope>): End => async (keyring, id) => keyring.update(id, changes);

/** Whatever ends a key, or its right to be here, and what its connections are told. */
const endings = ([
  ['revoke', 'revoked_key', async (keyring, id) => keyring.revoke(id)],
  ['disable', 'disabled_key', async (keyring, id) => keyring.disable(id)],
  ['delete', 'invalid_key', async (keyring, id) => keyring.delete(id)],
  ['rotate without grace', 'expired_key', async (keyring, id) => keyring.rotate(id, { gracePeriod: 0 })],
  ['regenerate', 'revoked_key', async (keyring) => keyring.regenerate('shop-1', 'primary'), { tenantId: 'shop-1', slot: 'primary' }],
  ['revokeAll', 'revoked_key', async (keyring) => keyring.revokeAll({ tenantId: 'shop-1' }), { tenantId: 'shop-1' }],
  ['an end in the past', 'expired_key', patch({ expiresAt: 1 })],
  ['a beginning in the future', 'scheduled_key', patch({ notBefore: Date.UTC(2031, 0, 1) })],
  ['update of realtime', 'realtime_not_allowed', patch({ access: { realtime: false } })],
  ['update of ips', 'ip_not_allowed', patch({ access: { ips: { deny: ['127.0.0.1'] } } })],
  ['update of origins', 'origin_not_allowed', patch({ access: { origins: ['https://other.example.com'] } })],
  ['update of scopes', 'insufficient_scope', patch({ scopes: ['read'] }), { scopes: ['write'] }],
] satisfies readonly (readonly [what: string, code: string, end: End, settings?: Partial<KeySettings<Scope>>])[]).map(([what, code, end, settings = {}]) => [what, code, end, settings] as const);

describe('an open connection', () => {
  afterEach(() => { jest.useRealTimers(); });

  it.each(endings)('is closed with 1008 by %s', async (_what, code, end, settings) => {
    const { app, client, id } = await connected({}, settings);
    await end(app.keyring, id);
    await expect(client.closed).resolves.toEqual({ code: 1008, reason: code });
    await until(() => app.open.size === 0, 'the end of the server\'s socket');
  });

  it.each(endings)('is destroyed within the same turn by %s where nobody has a last word', async (_what, _code, end, settings) => {
    const { app, client, id } = await connected({ lastWord: false }, settings);
    const [socket] = app.open;
    await end(app.keyring, id);
    expect(socket?.destroyed).toBe(true);
    expect((await client.closed).code).toBe(1006);
  });

  it('stays open through changes that leave it its rights, and with all other keys', async () => {
    const { app, client, id } = await connected({}, { scopes: ['write'] });
    const other = await app.issue();
    await app.keyring.revoke(other.id);
    await app.keyring.rotate(id, { gracePeriod: DAY });
    for (const changes of [{ name: 'other' }, { metadata: { a: 1 } }, { scopes: ['write', 'read'] }, { access: { endpoints: 'none', ips: { allow: ['127.0.0.0/8'] }, origins: ['app.example.com'] } }] satisfies KeyPatch<Scope>[]) {
      await app.keyring.update(id, changes);
    }
    await stillOpen(app, client);
  });

  it('has all connections of its key ended, and only those', async () => {
    const { app, client, id, key } = await connected();
    const other = await app.issue();
    const [again, foreign] = [await app.dial({ headers: { 'X-API-Key': key } }), await app.dial({ headers: { 'X-API-Key': other.key } })];
    await app.keyring.revoke(id);
    expect([(await client.closed).code, (await again.closed).code]).toEqual([1008, 1008]);
    await stillOpen(app, foreign);
  });

  it('has nothing heard of what comes in after the end', async () => {
    const { app, client, id } = await connected();
    await stillOpen(app, client);
    client.ws.on('close', () => undefined);
    const ended = app.keyring.revoke(id);
    for (let message = 0; message < 100; message++) client.ws.send('too late');
    await ended;
    await client.closed;
    expect(app.messages).toEqual(['still here']);
  });

  it('ends also when its last word throws, rejects or is never said', async () => {
    for (const say of [() => { throw new Error('no'); }, () => Promise.reject(new Error('no')) as never, () => undefined]) {
      const app = await start(NODE_HTTP, { open: (_req, socket, _head, { onEnd }) => { socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'); onEnd(say); } });
      const { key, id } = await app.issue();
      const end = app.raw(`GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\nX-API-Key: ${key}\r\n\r\n`);
      await until(() => app.open.size === 1, 'the connection');
      await app.keyring.revoke(id);
      expect((await end)[0]?.status).toBe(101);
      await until(() => app.open.size === 0, 'the end');
    }
  });

  it('is let go after a second when its client does not listen to the last word', async () => {
    const { app, client, id } = await connected();
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
    // Reads nothing any more, so it hears of no end.
    client.ws.pause();
    await app.keyring.revoke(id);
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    expect(app.open.size).toBe(1);
    jest.advanceTimersByTime(1_000);
    await until(() => app.open.size === 0, 'the end');
  });

  it('ends with its keyring', async () => {
    const { app, client } = await connected();
    await app.keyring.close();
    expect(await client.closed).toEqual({ code: 1008, reason: 'store_unavailable' });
  });
});

describe('time', () => {
  afterEach(() => { jest.useRealTimers(); });
  const hold = (): unknown => jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
  /** Lets time pass for the keyring's clock and for timers. */
  const pass = (app: LiveApp, ms: number): void => {
    app.clock.advance(ms);
    jest.advanceTimersByTime(ms);
  };

  it('ends a connection at the key\'s own end, and not a millisecond before', async () => {
    hold();
    const { app, client, id } = await connected({}, { limits: [] });
    await app.keyring.update(id, { expiresAt: app.clock.now() + 10_000 });
    pass(app, 9_999);
    await stillOpen(app, client);
    pass(app, 1);
    expect(await client.closed).toEqual({ code: 1008, reason: 'expired_key' });
  });

  it('knows an end that the key had from the beginning, and one that is put off', async () => {
    hold();
    const app = await start(NODE_HTTP);
    const { key, id } = await app.issue({ expiresAt: app.clock.now() + 10_000 });
    const client = await app.dial({ headers: { 'X-API-Key': key } });
    await app.keyring.update(id, { expiresAt: app.clock.now() + 20_000 });
    pass(app, 15_000);
    await stillOpen(app, client);
    pass(app, 5_000);
    expect((await client.closed).reason).toBe('expired_key');
  });

  it('ends a connection when the grace of its rotated key is over', async () => {
    hold();
    const { app, client, id } = await connected();
    await app.keyring.rotate(id, { gracePeriod: 60_000 });
    pass(app, 59_999);
    await stillOpen(app, client);
    pass(app, 1);
    expect((await client.closed).reason).toBe('expired_key');
  });

  it('ends each of several connections at its own time, whichever came first', async () => {
    hold();
    const app = await start(NODE_HTTP);
    const clients: Client[] = [];
    for (const seconds of [30, 10, 20, 40]) {
      const { key } = await app.issue({ expiresAt: app.clock.now() + seconds * 1_000 });
      clients.push(await app.dial({ headers: { 'X-API-Key': key } }));
    }
    for (const [index, rest] of [[1, 3], [2, 2], [0, 1], [3, 0]] as const) {
      pass(app, 10_000);
      expect((await clients[index]?.closed)?.reason).toBe('expired_key');
      await until(() => app.open.size === rest, 'the end of one');
    }
  });

  it('is not overtaken by an end further away than a timer reaches', async () => {
    hold();
    const { app, client } = await connected({}, { expiresAt: Date.UTC(2030, 0, 1) + 60 * DAY });
    jest.advanceTimersByTime(DAY);
    await stillOpen(app, client);
    app.clock.advance(60 * DAY);
    // A clock that jumps, after a sleep say, is noticed within a minute.
    jest.advanceTimersByTime(60_000);
    expect((await client.closed).reason).toBe('expired_key');
  });

  it('takes one timer for all connections, and none when there are none', async () => {
    hold();
    const app = await start(NODE_HTTP);
    await app.keyring.flush();
    const idle = jest.getTimerCount();
    const clients: Client[] = [];
    for (let index = 0; index < 20; index++) {
      const { key } = await app.issue({ expiresAt: app.clock.now() + 1_000 * (index + 1) });
      clients.push(await app.dial({ headers: { 'X-API-Key': key } }));
    }
    await app.keyring.flush();
    expect(jest.getTimerCount() - idle).toBe(1);
    for (const client of clients) client.ws.terminate();
    await until(() => app.open.size === 0, 'the ends');
    pass(app, 60_000);
    await app.keyring.flush();
    expect(jest.getTimerCount()).toBe(idle);
  });
});
