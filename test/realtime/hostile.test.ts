import { describe, expect, it, jest } from '@jest/globals';
import { memoryStore, type KeyStore } from 'keystile';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { EXPRESS_5, NODE_HTTP } from '../support/hosts.js';
import { failing, SHORT } from '../support/misbehaviour.js';
import { run } from '../support/package.js';
import { root } from '../support/repository.js';
import { gate, until } from '../support/spies.js';
import { upgradeText, useLiveApps, type LiveApp } from '../support/upgrades.js';

jest.setTimeout(60_000);
const start = useLiveApps();
const plain = 'GET /items HTTP/1.1\r\nHost: a\r\n\r\n';

/** Requests that no honest client sends. Each must be answered or cut off, and none let in. */
function attacks(key: string, other: string): readonly (readonly [name: string, bytes: string])[] {
  const offered = ['', ' ', ',', ',,,', 'chat', 'chat,,chat', 'keystile.', 'keystile.,keystile.', 'keystile', `keystile.${key.slice(0, -1)}`, `keystile.${key}x`, `KEYSTILE.${key}`, `keystile.keystile.${key}`, `keystile."${key}"`, `keystile.${key},keystile.${other}`, `keystile.${key}\r\nSec-WebSocket-Protocol: keystile.${other}`, 'keystile.\u00e9\u00ff', 'keystile.\u007f', '__proto__', 'constructor', `keystile.${'a'.repeat(8_000)}`, Array.from({ length: 900 }, (_, index) => `p${index}`).join(','), Array.from({ length: 500 }, () => 'keystile.x').join(',')];
  const methods = ['HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'QUERY'];
  const targets = ['*', '/', '//', '/?', '/?api_key=%', '/%00', '/%ff?%ff', 'http://evil/', 'ws://evil/', `/?${'a&'.repeat(4_000)}`, `/${'a/'.repeat(4_000)}`];
  const lines = ['X-API-Key:', 'X-API-Key: nonsense', `X-API-Key: ${key}\r\nX-API-Key: ${other}`, `X-API-Key: ${key}, ${other}`, 'Authorization: Bearer', 'Authorization: Basic ====', 'Origin: null', 'Expect: 100-continue', 'Content-Length: 5\r\n\r\nhello', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0', 'Upgrade: h2c', 'Connection: close', 'Cookie: a=b', `X-Long: ${'a'.repeat(10_000)}`];
  return [
    ...offered.map((offer) => [`offers ${offer.slice(0, 40)}`, upgradeText([`Sec-WebSocket-Protocol: ${offer}`])] as const),
    ...methods.map((method) => [`method ${method}`, upgradeText([], { method })] as const),
    ...targets.map((target) => [`target ${target.slice(0, 40)}`, upgradeText([], { target })] as const),
    ...lines.map((line) => [`line ${line.slice(0, 40)}`, upgradeText([line])] as const),
    ...['1.0', '0.9', '2.0', '9.9'].map((version) => [`version ${version}`, upgradeText([], { version })] as const),
    ['no Upgrade header', 'GET /live HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\n\r\n'],
    ['no Connection header', 'GET /live HTTP/1.0\r\nUpgrade: websocket\r\n\r\n'],
    ['an empty Upgrade header', 'GET /live HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\nUpgrade:\r\n\r\n'],
    ['another protocol', 'GET /live HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n'],
    ['no Host', 'GET /live HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'],
    ['bytes behind it', upgradeText() + '\u0081\u0005hello'.repeat(1_000)],
    ['a megabyte behind it', upgradeText() + 'x'.repeat(1_000_000)],
    ['another upgrade behind it', upgradeText() + upgradeText([`X-API-Key: ${key}`])],
    ['a request behind it', upgradeText() + plain],
    ['a broken header', upgradeText(['no colon'])],
  ];
}

async function withstands(app: LiveApp, [name, bytes]: readonly [string, string]): Promise<string[]> {
  const answers = await app.raw(bytes);
  const wrong = answers.filter(({ status }) => status < 400 || status >= 500).map(({ status }) => `${name}: ${status}`);
  // One request, one answer, and none for what comes behind it.
  return [...wrong, ...(answers.length === 1 ? [] : [`${name}: ${answers.length} answers`])];
}

describe.each([EXPRESS_5, NODE_HTTP])('hostile upgrades beside $name', (host) => {
  it('are refused, one answer each, without a fault', async () => {
    const app = await start(host, { keyring: { limits: { failures: [] } } });
    const [{ key }, other] = [await app.issue(), await app.issue()];
    const complaints: string[] = [];
    for (const attack of attacks(key, other.key)) complaints.push(...(await withstands(app, attack)));
    expect(complaints).toEqual([]);
    expect([app.admitted.length, app.open.size, app.faults]).toEqual([0, 0, []]);
    expect((await app.dial({ headers: { 'X-API-Key': key } })).refusal).toBeUndefined();
  });

  it('are not answered while an earlier request on the connection still waits', async () => {
    const waiting: Duplex[] = [];
    const app = await start(host, { auth: { required: false }, handler: (req) => void waiting.push(req.socket) });
    expect(await app.raw(plain + upgradeText())).toEqual([]);
    expect([waiting.length, app.admitted.length, app.faults]).toEqual([1, 0, []]);
  });

  it('with a valid key are handed on as they came, bytes behind them included', async () => {
    const heads: string[] = [];
    const app = await start(host, { open: (_req, socket, head) => { heads.push(String(head)); socket.end('HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n'); } });
    const { key } = await app.issue();
    const [answer] = await app.raw(`${upgradeText([`X-API-Key: ${key}`])}first frame`);
    expect([answer?.status, heads]).toEqual([426, ['first frame']]);
  });
});

describe('an upgrade whose client or store does not play along', () => {
  it.each(['missing_key', 'valid'] as const)('bears a client that resets the connection during the decision (%s)', async (kind) => {
    const [asked, go] = [gate(), gate()];
    let server: Duplex | undefined;
    const app = await start(NODE_HTTP, { upgrade: { credentials: async (req) => { server = req.socket; asked.open(); await go.promise; return req.headers['x-api-key'] as string | undefined; } } });
    const { key } = await app.issue();
    const client = connect(app.port, '127.0.0.1', () => client.write(upgradeText(kind === 'valid' ? [`X-API-Key: ${key}`] : [])));
    await asked.promise;
    expect(server?.listenerCount('error')).toBe(1);
    client.resetAndDestroy();
    await until(() => server?.destroyed === true, 'the reset');
    go.open();
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    expect([app.admitted.length, app.faults]).toEqual([0, []]);
  });

  it('leaves the handler a socket without a listener of its own for errors', async () => {
    const counts: number[] = [];
    const app = await start(NODE_HTTP, { open: (_req, socket) => { counts.push(socket.listenerCount('error')); socket.destroy(); } });
    const { key } = await app.issue();
    await app.raw(upgradeText([`X-API-Key: ${key}`]));
    expect(counts).toEqual([0]);
  });

  it.each(failing)('is refused when the store %s', async (_how, fail) => {
    const memory = memoryStore();
    let broken = false;
    const store: KeyStore = { ...memory, find: (lookup) => (broken ? fail() : memory.find(lookup)) };
    const app = await start(NODE_HTTP, { keyring: { store, deadlines: SHORT } });
    const { key } = await app.issue();
    broken = true;
    expect((await app.raw(upgradeText([`X-API-Key: ${key}`]))).map(({ status }) => status)).toEqual([503]);
    expect([app.admitted.length, app.faults.length > 0]).toEqual([0, true]);
  });

  // In a process of its own: a test runner takes unhandled rejections for its own.
  it.each(["() => { throw new Error('handler'); }", "() => Promise.reject(new Error('handler'))"])('frees everything when the handler is %s, which is told as an unhandled rejection', async (open) => {
    const program = `
      import { createServer } from 'node:http';
      import { connect } from 'node:net';
      import { authenticateUpgrade, createKeyring } from ${JSON.stringify(`${root}src/index.ts`)};
      const keyring = createKeyring({ prefix: 'awx' });
      const { key } = await keyring.create({ name: 'test' });
      process.on('unhandledRejection', (error) => console.log(error.message));
      const server = createServer().on('upgrade', authenticateUpgrade(keyring, {}, ${open})).listen(0, () => {
        const client = connect(server.address().port, () => client.write(${JSON.stringify(upgradeText(['X-API-Key: KEY']))}.replace('KEY', key)));
        client.on('close', () => { console.log('closed'); server.close(); });
      });`;
    expect((await run(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', program], root)).split('\n').sort()).toEqual(['', 'closed', 'handler']);
  });

  it('lets go of a refused client that neither reads nor leaves', async () => {
    let server: Duplex | undefined;
    const app = await start(NODE_HTTP, { upgrade: { required: (req) => { server = req.socket; return true; } } });
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
    const client = connect({ port: app.port, host: '127.0.0.1', allowHalfOpen: true }, () => client.write(upgradeText()));
    client.on('error', () => undefined);
    await until(() => server !== undefined, 'the upgrade');
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    expect(server?.destroyed).toBe(false);
    jest.advanceTimersByTime(1_000);
    jest.useRealTimers();
    expect(server?.destroyed).toBe(true);
    client.destroy();
  });
});
