import { describe, expect, it } from '@jest/globals';
import { authenticateUpgrade, basic, createKeyring, header, principalOf, query, subprotocol, type UpgradeOptions } from 'keystile';
import { EXPRESS_5, NODE_HTTP } from '../support/hosts.js';
import { until } from '../support/spies.js';
import { useLiveApps, type Dial } from '../support/upgrades.js';

const start = useLiveApps();

describe.each([EXPRESS_5, NODE_HTTP])('an upgrade beside $name', (host) => {
  it('opens with a valid key, and the handler sees who is calling', async () => {
    const callers: unknown[] = [];
    const app = await start(host);
    const { key, id } = await app.issue({ scopes: ['write'] });
    const { ws } = await app.dial({ headers: { 'X-API-Key': key } });
    callers.push(principalOf(app.admitted[0]!).id, app.admitted[0]?.apiKey?.scopes);
    expect(callers).toEqual([id, ['write', 'read']]);
    ws.send('hello');
    await until(() => app.messages.length === 1, 'the message');
    expect(app.messages).toEqual(['hello']);
  });

  it('leaves requests to the middleware', async () => {
    const app = await start(host);
    const { key } = await app.issue();
    await app.dial({ headers: { 'X-API-Key': key } });
    await app.get('/items', { 'X-API-Key': key }).expect(200);
    await app.get('/items').expect(401);
  });

  it.each<[where: string, credentials: UpgradeOptions['credentials'], how: (key: string) => Dial]>([
    ['X-API-Key', undefined, (key) => ({ headers: { 'X-API-Key': key } })],
    ['Bearer', undefined, (key) => ({ headers: { Authorization: `Bearer ${key}` } })],
    ['Basic', basic(), (key) => ({ headers: { Authorization: `Basic ${Buffer.from(`${key}:`).toString('base64')}` } })],
    ['a header of another name', header('x-acme-key'), (key) => ({ headers: { 'X-Acme-Key': key } })],
    ['the query', query('key'), (key) => ({ path: `/live?a=1&key=${key}` })],
    ['a function', (req) => req.headers.cookie?.slice(4), (key) => ({ headers: { Cookie: `key=${key}` } })],
    ['a protocol', undefined, (key) => ({ protocols: ['chat.v1', `keystile.${key}`] })],
    ['a protocol offered first', undefined, (key) => ({ protocols: [`keystile.${key}`, 'chat.v1'] })],
    ['a protocol of another name', subprotocol('acme-key.'), (key) => ({ protocols: [`acme-key.${key}`, 'chat.v1'] })],
    ['a protocol and a header, the same in both', undefined, (key) => ({ headers: { 'X-API-Key': key }, protocols: ['chat.v1', `keystile.${key}`] })],
  ])('takes its key from %s', async (_where, credentials, how) => {
    const app = await start(host, { upgrade: credentials === undefined ? {} : { credentials } });
    const { key, id } = await app.issue();
    const { ws, refusal } = await app.dial(how(key));
    expect([refusal, app.admitted[0]?.apiKey?.id]).toEqual([undefined, id]);
    if (how(key).protocols !== undefined) expect(ws.protocol).toBe('chat.v1');
  });

  it('takes a key out of the offered protocols, in all three places where Node keeps them', async () => {
    const app = await start(host);
    const { key } = await app.issue();
    await app.dial({ protocols: ['chat.v1', `keystile.${key}`, 'chat.v2'] });
    const [req] = app.admitted;
    expect(req?.headers['sec-websocket-protocol']).toBe('chat.v1, chat.v2');
    expect(req?.headersDistinct['sec-websocket-protocol']).toEqual(['chat.v1, chat.v2']);
    expect(JSON.stringify([req?.headers, req?.headersDistinct, req?.rawHeaders])).not.toContain(key);
    expect(req?.rawHeaders.filter((part) => part.includes('chat'))).toEqual(['chat.v1, chat.v2']);
  });

  it('does not choose a protocol for a client that offers none but its key: the client gives up', async () => {
    const app = await start(host);
    const { key } = await app.issue();
    await expect(app.dial({ protocols: [`keystile.${key}`] })).rejects.toThrow('Server sent no subprotocol');
    expect(JSON.stringify([app.admitted[0]?.headers, app.admitted[0]?.rawHeaders])).not.toContain(key);
    await until(() => app.open.size === 0, 'the end of the connection');
  });

  it('strips the credential where that is asked for', async () => {
    const app = await start(host, { upgrade: { stripCredential: true, credentials: [header('X-API-Key'), query('key')] } });
    const { key } = await app.issue();
    await app.dial({ headers: { 'X-API-Key': key }, path: `/live?key=${key}&a=1` });
    const [req] = app.admitted;
    expect([req?.url, JSON.stringify([req?.headers, req?.headersDistinct, req?.rawHeaders]).includes(key)]).toEqual(['/live?a=1', false]);
  });

  it('goes on anonymously where keys are optional, and says so', async () => {
    const principals: unknown[] = [];
    const app = await start(host, { upgrade: { required: false }, open: (_req, socket, _head, { principal }) => { principals.push(principal); socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'); } });
    expect((await app.dial()).refusal?.status).toBe(400);
    expect((await app.dial({ headers: { 'X-API-Key': 'awx_live_nonsense' } })).refusal?.status).toBe(401);
    expect(principals).toEqual([undefined]);
  });

  it('is judged by realtime, not by endpoint rules', async () => {
    const app = await start(host);
    const { key } = await app.issue({ access: { endpoints: 'none', realtime: true } });
    expect((await app.dial({ headers: { 'X-API-Key': key } })).refusal).toBeUndefined();
  });

  it('asks its options as a request does', async () => {
    const app = await start(host, { upgrade: { scopes: ['read'], tenant: (req) => req.headers.host === undefined ? undefined : 'shop-1', cost: () => Promise.resolve(3), clientIp: (req) => req.headers['x-real-ip'] as string | undefined } });
    const { key } = await app.issue({ scopes: ['write'], tenantId: 'shop-1', access: { ips: { allow: ['203.0.113.7'] } } });
    expect((await app.dial({ headers: { 'X-API-Key': key } })).refusal?.status).toBe(403);
    expect((await app.dial({ headers: { 'X-API-Key': key, 'X-Real-IP': '203.0.113.7' } })).refusal).toBeUndefined();
  });
});

describe('authenticateUpgrade', () => {
  const keyring = createKeyring({ prefix: 'awx', scopes: { read: [] } });
  const handler = (): void => undefined;

  it.each<[option: string, options: object, message: RegExp]>([
    ['an unknown option', { scope: ['read'] }, /did you mean 'scopes'/],
    ['deliver, for there is no next', { refusals: { deliver: 'next' } }, /refusals\.deliver/],
    ['headers, for ws writes the response', { headers: {} }, /authenticateUpgrade\.headers/],
    ['an undeclared scope', { scopes: ['reed'] }, /did you mean 'read'/],
    ['an unknown environment', { environment: 'prod' }, /environment/],
    ['no source', { credentials: [] }, /at least one/],
  ])('throws for %s', (_option, options, message) => {
    expect(() => authenticateUpgrade(keyring, options, handler)).toThrow(message);
  });

  it('throws for a keyring that is none, a missing handler and an unfit prefix', () => {
    expect(() => authenticateUpgrade({} as typeof keyring, {}, handler)).toThrow(/createKeyring/);
    expect(() => authenticateUpgrade(keyring, {}, undefined as unknown as typeof handler)).toThrow(/handler/);
    for (const prefix of ['', 'a b', 'a,', 'ä', 'x'.repeat(65)]) expect(() => subprotocol(prefix)).toThrow(/prefix/);
  });
});
