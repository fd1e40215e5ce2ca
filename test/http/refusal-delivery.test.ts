import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { isKeystileError, perMinute, type Middleware, type RefusalInfo } from 'keystile';
import { createServer } from 'node:http';
import { json, useApps } from '../support/app.js';
import { everyRefusal, refusalCodes } from '../support/every-refusal.js';
import { CONNECT, expresses, hosts } from '../support/hosts.js';
import { parseLimits } from '../support/fields.js';

const start = useApps();

describe.each(hosts)('refusals.render on $name', (host) => {
  it('answers with an object of one\'s own, in one\'s own words', async () => {
    const seen: RefusalInfo[] = [];
    const app = await start(host, {
      auth: {
        refusals: {
          messages: { missing_key: 'Who are you?' },
          render(refusal, req) {
            seen.push(refusal);
            return { code: refusal.code, type: refusal.status, message: refusal.detail, path: req.url };
          },
        },
      },
    });
    const response = await app.get('/items').expect(401).expect('Content-Type', /^application\/json/);
    expect(response.body).toEqual({ code: 'missing_key', type: 401, message: 'Who are you?', path: '/items' });
    expect(response.headers).toMatchObject({ 'cache-control': 'no-store', 'www-authenticate': expect.any(String) });
    expect(seen).toEqual([{ status: 401, code: 'missing_key', title: 'Missing API key', detail: 'Who are you?' }]);
  });

  it('answers with plain text, not with anything a browser would run', async () => {
    const app = await start(host, { auth: { refusals: { render: () => '<b>né</b>' } } });
    await app.get('/items').expect(401).expect('Content-Type', 'text/plain; charset=utf-8').expect('<b>né</b>');
  });

  it('sees limits that said no', async () => {
    const app = await start(host, { auth: { refusals: { render: ({ retryAfterSeconds, violatedPolicies }) => ({ retryAfterSeconds, violatedPolicies }) } } });
    const { key } = await app.issue({ limits: [perMinute(1)] });
    await app.get('/items', { 'X-API-Key': key }).expect(200);
    await app.get('/items', { 'X-API-Key': key }).expect(429).expect({ retryAfterSeconds: 60, violatedPolicies: ['minute'] });
  });

  it('falls back to the problem body when it fails or answers nonsense', async () => {
    const loop: Record<string, unknown> = {};
    loop['self'] = loop;
    const nonsense = [() => { throw new Error('inside'); }, () => undefined, () => null, () => 5, () => loop, () => ({ toJSON: () => undefined }), () => () => 'late', async () => Promise.reject(new Error('inside')), async () => Promise.resolve({ a: 1 })];
    for (const render of nonsense) {
      const app = await start(host, { auth: { refusals: { render } } });
      const response = await app.get('/items').expect(401).expect('Content-Type', 'application/problem+json');
      expect(response.body.code).toBe('missing_key');
      expect(response.text).not.toContain('inside');
      expect(app.faults).not.toEqual([]);
    }
  });
});

describe.each(hosts)('refusals.messages on $name', (host) => {
  it.each(['invalid_key', 'rate_limited', 'store_unavailable'] as const)('change the text of %s and nothing else', async (code) => {
    const way = everyRefusal[code];
    const app = await start(host, { ...way.app, auth: { ...way.app?.auth, refusals: { messages: { [code]: 'Schlüssel "ungültig"' } } } });
    const response = await app.get('/items', await way.headers(app)).expect(way.status).expect('Content-Type', 'application/problem+json');
    expect(response.body).toMatchObject({ code, status: way.status, detail: 'Schlüssel "ungültig"' });
  });
});

describe.each(hosts)("refusals.deliver: 'next' on $name", (host) => {
  // finalhandler prints what it answers unless it runs in a test environment, which Connect reads from NODE_ENV.
  const printed = jest.spyOn(console, 'error');
  beforeAll(() => {
    printed.mockImplementation(() => undefined);
  });
  afterAll(() => {
    printed.mockRestore();
  });

  it.each(refusalCodes)('%s reaches the host with its status and headers', async (code) => {
    const way = everyRefusal[code];
    const app = await start(host, { ...way.app, auth: { ...way.app?.auth, refusals: { deliver: 'next' } } });
    const headers = await way.headers(app);
    const response = await app.get('/items', headers);
    expect(response.status).toBe(way.status);
    expect('www-authenticate' in response.headers).toBe(way.status === 401);
    expect('retry-after' in response.headers).toBe(way.status === 429);
    expect(response.headers['cache-control']).toBe('no-store');
    const key = headers['X-API-Key'];
    if (key !== undefined && key.length > 8) expect(JSON.stringify([response.headers, response.text])).not.toContain(key);
  });
});

describe('an error handler of one\'s own', () => {
  const answered = (error: unknown, res: Parameters<Middleware>[1]): void => {
    if (!isKeystileError(error) || !('headers' in error)) throw new Error('not ours');
    const { code, status, headers, message, refusal } = error as typeof error & { refusal: RefusalInfo };
    res.statusCode = status;
    for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
    json(res, { code, message, refusal });
  };

  it.each(expresses)('on %s sees code, status, headers and the refusal', async (_name, create) => {
    const app = await start({
      name: 'an app with an error handler',
      apiKeyAuth: hosts[0]!.apiKeyAuth,
      listener(steps) {
        const server = create();
        for (const step of steps) server.use(step as never);
        server.use(((error: unknown, _req: unknown, res: never, _next: unknown) => { answered(error, res); }) as never);
        return server as never;
      },
    }, { auth: { refusals: { deliver: 'next' } } });
    const { key } = await app.issue({ limits: [perMinute(1)] });
    await app.get('/items', { 'X-API-Key': key }).expect(200);
    const response = await app.get('/items', { 'X-API-Key': key }).expect(429).expect('Retry-After', '60');
    expect(response.body).toMatchObject({ code: 'rate_limited', refusal: { status: 429, violatedPolicies: ['minute'] } });
    expect(parseLimits(response.headers['ratelimit'])).toEqual({ minute: { r: 0, t: 60 } });
  });

  it('on Connect and node:http gets the error as the argument of next', async () => {
    const keyring = (await start(CONNECT)).keyring;
    const auth = CONNECT.apiKeyAuth(keyring, { refusals: { deliver: 'next' } });
    const server = createServer((req, res) => { auth(req, res, (error) => { answered(error, res); }); });
    const app = await start({ name: 'by hand', apiKeyAuth: CONNECT.apiKeyAuth, listener: () => (req, res) => server.emit('request', req, res) });
    await app.get('/items').expect(401).expect(({ body }) => {
      expect(body.code).toBe('missing_key');
    });
  });
});
