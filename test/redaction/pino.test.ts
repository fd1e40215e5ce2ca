import { describe, expect, it } from '@jest/globals';
import { createKeyring, header, logRedaction, query, type HostRequest, type LogRedaction } from 'keystile';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pino, type DestinationStream } from 'pino';
import { pinoHttp, type Options } from 'pino-http';
import { json } from '../support/app.js';
import { hosts, type Step, type TestHost } from '../support/hosts.js';
import { requestText } from '../support/raw-http.js';
import { useServers, type TestServer } from '../support/servers.js';


/** A place where pino writes its lines. */
function sink(): { readonly stream: DestinationStream; text(): string; lines(): Record<string, unknown>[] } {
  const written: string[] = [];
  return {
    stream: { write: (line) => written.push(line) },
    text: () => written.join(''),
    lines: () => written.map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}

const listen = useServers();
const CREDENTIALS = [header('x-app-api-key'), query('k')];
const JWT = 'eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJlLXNpZ25hdHVyZQ';

interface Logged extends TestServer {
  readonly key: string;
  readonly id: string;
  readonly out: ReturnType<typeof sink>;
}

/** A server that logs before it asks for a key, as it should be; its handler fails, with the key in the message, where the path ends in /fail. */
async function start(host: TestHost, options: (redaction: LogRedaction) => Options): Promise<Logged> {
  const keyring = createKeyring({ prefix: 'awx' });
  const { key, apiKey } = await keyring.create({ name: 'test' });
  const out = sink();
  const logger = pinoHttp(options(logRedaction(keyring, { credentials: CREDENTIALS })), out.stream);
  const answer: Step = (req: HostRequest, res: ServerResponse) => {
    if (req.url?.includes('/fail') === true) {
      res.statusCode = 500;
      res.err = Object.assign(new Error(`upstream refused ${key}`, { cause: new Error(`it had ${key}`) }), { config: { headers: { 'x-app-api-key': key, Authorization: `Bearer ${key}` } } });
    }
    (req as IncomingMessage).log.info({ apiKey: req.apiKey, callerId: req.apiKey?.id }, `handling ${req.url ?? ''}`);
    json(res, {});
  };
  const server = await listen(host.listener([logger, host.apiKeyAuth(keyring, { required: false }), answer]));
  return { ...server, key, id: apiKey.id, out };
}

const encoded = (key: string): string => Array.from(key, (letter) => `%${letter.charCodeAt(0).toString(16)}`).join('');
const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** Requests that carry a key in one place each. */
const REQUESTS: readonly (readonly [where: string, make: (key: string) => { lines?: readonly string[]; target?: string }])[] = [
  ['X-API-Key', (key) => ({ lines: [`X-API-Key: ${key}`] })],
  ['X-API-Key twice', (key) => ({ lines: [`X-API-Key: ${key}`, `X-API-Key: ${key}`] })],
  ['a header of the host\'s own', (key) => ({ lines: [`X-App-API-Key: ${key}`] })],
  ['Bearer', (key) => ({ lines: [`Authorization: Bearer ${key}`] })],
  ['Basic', (key) => ({ lines: [`Authorization: Basic ${base64(`${key}:`)}`] })],
  ['Proxy-Authorization', (key) => ({ lines: [`Proxy-Authorization: Basic ${base64(`u:${key}`)}`] })],
  ['the query', (key) => ({ target: `/items?page=1&api_key=${key}` })],
  ['a parameter of the host\'s own', (key) => ({ target: `/items?k=${key}&page=1` })],
  ['the query, encoded', (key) => ({ target: `/items?page=1&%61pi_key=${encoded(key)}` })],
  ['a list in the query', (key) => ({ target: `/items?a[b][]=${key}&api_key[]=${key}` })],
  ['the path', (key) => ({ target: `/items/${key}/orders` })],
  ['the path, encoded', (key) => ({ target: `/items/${encoded(key)}` })],
  ['a subprotocol', (key) => ({ lines: [`Sec-WebSocket-Protocol: chat.v1, keystile.${key}`] })],
  ['Referer', (key) => ({ lines: [`Referer: https://app.example.com/?to=${encodeURIComponent(`/a?key=${key}`)}`] })],
  ['a cookie', (key) => ({ lines: [`Cookie: a=b; session=${key}`] })],
  ['an error', () => ({ target: '/items/fail' })],
];

/** What must not be in a log: the key, the key in base64, and the key in escapes. */
const tracesOf = (key: string): string[] => [key, key.slice(9, 40), base64(`${key}:`).slice(0, -4), base64(`u:${key}`).slice(0, -4), encoded(key).slice(30, 90)];

describe.each(hosts)('pino-http on $name', (host) => {
  it.each(REQUESTS)('logs no key from %s', async (_where, make) => {
    const server = await start(host, ({ serializers, paths, redactKeys }) => ({
      serializers, redact: paths, hooks: { streamWrite: redactKeys }, customSuccessMessage: (req) => `done: ${req.url ?? ''}`,
    }));
    await server.raw(requestText([...(make(server.key).lines ?? [])], { target: make(server.key).target ?? '/items' }));
    const text = server.out.text();
    expect(server.out.lines().length).toBeGreaterThanOrEqual(2);
    expect(tracesOf(server.key).filter((trace) => text.includes(trace))).toEqual([]);
  });

  it.each(REQUESTS)('logs no key from %s with the serializers alone, but for the texts of messages', async (_where, make) => {
    const server = await start(host, ({ serializers }) => ({ serializers, customSuccessMessage: () => 'done' }));
    await server.raw(requestText([...(make(server.key).lines ?? [])], { target: make(server.key).target ?? '/items' }));
    const text = JSON.stringify(server.out.lines().map(({ msg: _msg, ...fields }) => fields));
    expect(tracesOf(server.key).filter((trace) => text.includes(trace))).toEqual([]);
  });

  it.each(REQUESTS)('logs no key from %s with `redact` alone', async (_where, make) => {
    const server = await start(host, ({ redact }) => ({ redact, customSuccessMessage: (req) => `done: ${req.url ?? ''}` }));
    await server.raw(requestText([...(make(server.key).lines ?? [])], { target: make(server.key).target ?? '/items' }));
    const text = server.out.text();
    expect(server.out.lines().length).toBeGreaterThanOrEqual(2);
    expect(tracesOf(server.key).filter((trace) => text.includes(trace))).toEqual([]);
  });

  it('keeps what a request log is for with `redact` alone', async () => {
    const server = await start(host, ({ redact }) => ({ redact: { ...redact, paths: [...redact.paths, 'req.headers["x-mine"]', 'res.statusCode'] } }));
    await server.raw(requestText([`X-API-Key: ${server.key}`, `Authorization: Bearer ${JWT}`, 'X-Mine: mine', 'X-Other: kept'], { target: '/items?page=2&api_key=abc' }));
    const masked = `awx_...${server.key.slice(-4)}`;
    const [handling, done] = server.out.lines();
    expect(handling).toMatchObject({ msg: 'handling /items?page=2&api_key=[redacted]', callerId: server.id });
    expect(done).toMatchObject({
      msg: 'request completed',
      req: { id: 1, method: 'GET', url: '/items?page=2&api_key=[redacted]', headers: { 'x-api-key': masked, authorization: 'Bearer [redacted]', 'x-mine': '[redacted]', 'x-other': 'kept', host: 'api.example.com' }, remotePort: expect.any(Number) as unknown },
      res: { statusCode: '[redacted]', headers: { 'content-type': 'application/json' } },
    });
  });

  it('keeps what a request log is for', async () => {
    const server = await start(host, ({ serializers, redactKeys }) => ({ serializers, hooks: { streamWrite: redactKeys }, customProps: (req) => ({ apiKey: (req as HostRequest).apiKey }) }));
    await server.raw(requestText([`X-API-Key: ${server.key}`, `Authorization: Bearer ${JWT}`, 'X-Other: kept', `Cookie: a=${JWT}`], { target: `/items?page=2&api_key=abc` }));
    const [handling, done] = server.out.lines();
    const masked = `awx_...${server.key.slice(-4)}`;
    expect(handling).toMatchObject({ msg: 'handling /items?page=2&api_key=[redacted]', apiKey: { id: server.id }, callerId: server.id });
    expect(handling?.['apiKey']).toEqual({ id: server.id });
    expect(done).toMatchObject({
      msg: 'request completed',
      apiKey: { id: server.id },
      req: { id: 1, method: 'GET', url: '/items?page=2&api_key=[redacted]', headers: { 'x-api-key': masked, authorization: 'Bearer [redacted]', cookie: '[redacted]', 'x-other': 'kept', host: 'api.example.com' }, remoteAddress: expect.stringContaining('127.0.0.1') as unknown, remotePort: expect.any(Number) as unknown },
      res: { statusCode: 200, headers: { 'content-type': 'application/json' } },
    });
  });

  it('censors headers and parameters by paths, under pino-http\'s own serializers', async () => {
    const server = await start(host, ({ paths }) => ({ redact: paths }));
    for (const line of [`X-API-Key: ${server.key}`, `X-App-Api-Key: ${server.key}`, `Authorization: Bearer ${server.key}`, `Cookie: k=${server.key}`]) await server.raw(requestText([line]));
    expect(server.out.text()).not.toContain(server.key);
    expect(server.out.text().match(/\[Redacted\]/g)?.length).toBeGreaterThanOrEqual(8);
    // They do not reach into the address, which is what the serializers are for.
    await server.raw(requestText([], { target: `/items?k=${server.key}` }));
    const [last] = server.out.lines().slice(-1) as { req: { url: string; query?: unknown } }[];
    expect(last?.req.url).toContain(server.key);
    expect(JSON.stringify(last?.req.query ?? '')).not.toContain(server.key);
  });

  it('would log the key without any of this', async () => {
    const server = await start(host, () => ({}));
    await server.raw(requestText([`X-API-Key: ${server.key}`]));
    expect(server.out.text()).toContain(server.key);
  });
});

describe('pino alone', () => {
  const keyring = createKeyring({ prefix: 'awx' });
  const { serializers, redactKeys } = logRedaction(keyring);

  it('takes the same serializers for raw requests, errors and keys', async () => {
    const { key, apiKey } = await keyring.create({ name: 'test' });
    const out = sink();
    const log = pino({ serializers }, out.stream);
    const req = { method: 'GET', url: `/a?api_key=${key}`, headers: { 'x-api-key': [key] }, socket: { remoteAddress: '192.0.2.1' }, apiKey };
    log.info({ req, res: { statusCode: 204, getHeaders: () => ({ 'set-cookie': [`s=${JWT}`], location: `/b?api_key=${key}` }) } });
    log.error({ err: new Error(`no ${key}`, { cause: new AggregateError([new Error(`nor ${key}`)], 'both') }) }, 'refused');
    log.info({ apiKey });
    const masked = `awx_...${key.slice(-4)}`;
    expect(out.text()).not.toContain(key);
    expect(out.lines()).toMatchObject([
      { req: { method: 'GET', url: `/a?api_key=${masked}`, headers: { 'x-api-key': [masked] }, remoteAddress: '192.0.2.1', apiKey: { id: apiKey.id, masked } }, res: { statusCode: 204, headers: { 'set-cookie': ['[redacted]'], location: `/b?api_key=${masked}` } } },
      { err: { type: 'Error', message: `no ${masked}`, stack: expect.stringContaining('pino.test') as unknown, cause: { message: 'both', aggregateErrors: [{ message: `nor ${masked}` }] } } },
      { apiKey: { id: apiKey.id, masked } },
    ]);
    expect(out.lines()[2]?.['apiKey']).toEqual({ id: apiKey.id, masked });
  });

  it('redacts by `redact` errors, requests and messages, and leaves what it was given as it is', async () => {
    const { key } = await keyring.create({ name: 'test' });
    const out = sink();
    const log = pino({ redact: logRedaction(keyring).redact }, out.stream);
    const error = Object.assign(new Error(`no ${key}`, { cause: new Error(`nor ${key}`) }), { config: { headers: { 'x-api-key': key, authorization: 'SSWS 00QC' } } });
    log.error(error);
    log.error({ err: `no ${key}` });
    log.info({ req: { url: `/a?api_key=${key}`, headers: { 'x-api-key': [key] }, query: { api_key: { a: 'opaque' } } }, msg: `also ${key}` });
    log.info('a message of %s and %j', key, { req: { headers: { 'x-api-key': 'opaque' } } });
    expect(out.text()).not.toContain(key);
    expect(out.text()).not.toMatch(/opaque|00QC/);
    expect(out.lines()).toMatchObject([{ err: { type: 'Error', stack: expect.stringContaining('pino.test') as unknown, config: { headers: { authorization: '[redacted]' } } } }, {}, { msg: expect.stringMatching(/^also awx_/) as unknown }, {}]);
    expect(error).toMatchObject({ message: `no ${key}`, config: { headers: { 'x-api-key': key } } });
  });

  it('catches by its stream hook what no serializer sees, and still writes JSON', async () => {
    const created = await keyring.create({ name: 'test' });
    const out = sink();
    const log = pino({ hooks: { streamWrite: redactKeys } }, out.stream);
    // The message of an error that is logged by itself becomes the message of the line.
    log.error(new Error(`no ${created.key}`));
    log.info({ created, deep: { text: `"x-api-key": "${created.key}"` } }, `made ${created.key}\n"quoted"`);
    expect(out.text()).not.toContain(created.key);
    expect(out.lines()).toMatchObject([{ msg: `no ${created.apiKey.masked}` }, { msg: `made ${created.apiKey.masked}\n"quoted"`, created: { key: created.apiKey.masked, apiKey: { id: created.apiKey.id } } }]);
  });
});
