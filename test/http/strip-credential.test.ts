import { describe, expect, it } from '@jest/globals';
import { basic, bearer, header, query, type HostRequest, type Middleware } from 'keystile';
import { json, useApps } from '../support/app.js';
import { hosts, type TestHost } from '../support/hosts.js';
import { requestText } from '../support/raw-http.js';

const start = useApps();

/** Everywhere a handler or a logger may look for what came in. */
const show: Middleware = (req: HostRequest, res) => {
  const { headers, headersDistinct, rawHeaders, url, originalUrl } = req;
  json(res, { headers, headersDistinct, rawHeaders, url, originalUrl, query: (req as { query?: unknown }).query });
};
// Reading first makes Node and Express build, and keep, what they build lazily.
const readEarly: Middleware = (req: HostRequest, _res, next) => {
  void [req.headers, req.headersDistinct, req.rawHeaders, (req as { query?: unknown }).query];
  next();
};

const startStripping = async (host: TestHost, before: readonly Middleware[] = []): ReturnType<typeof start> =>
  start(host, { before, handler: show, auth: { stripCredential: true, credentials: [header(), bearer(), basic(), query()] } });

describe.each(hosts)('stripCredential on $name', (host) => {
  it.each([
    ['X-API-Key', (key: string) => ({ lines: [`X-API-Key: ${key}`] })],
    ['X-API-Key twice', (key: string) => ({ lines: [`X-API-Key: ${key}`, `x-api-KEY: ${key}`] })],
    ['Bearer twice', (key: string) => ({ lines: [`Authorization: Bearer ${key}`, `authorization: Bearer ${key}`] })],
    ['Basic', (key: string) => ({ lines: [`Authorization: Basic ${Buffer.from(`u:${key}`).toString('base64')}`] })],
    ['the query', (key: string) => ({ lines: [], target: `/items?a=1&api_key=${key}&b=2` })],
    ['the query, spelt otherwise', (key: string) => ({ lines: [], target: `/items?a=1&%61pi_key=${key}&b=2&api_key=${key}` })],
    ['everywhere at once', (key: string) => ({ lines: [`X-API-Key: ${key}`, `Authorization: Bearer ${key}`], target: `/items?a=1&b=2&api_key=${key}` })],
  ])('takes the key out of %s and leaves the rest', async (_where, build) => {
    for (const before of [[], [readEarly]]) {
      const app = await startStripping(host, before);
      const { key } = await app.issue();
      const { lines, target } = { target: '/items?a=1&b=2', ...build(key) };
      const [answer] = await app.raw(requestText([...lines, 'X-Other: kept'], { target }));
      expect(answer?.status).toBe(200);
      expect(answer?.body).not.toContain(key);
      expect(answer?.body).not.toContain(Buffer.from(`u:${key}`).toString('base64'));
      const seen = JSON.parse(answer?.body ?? '') as { headers: Record<string, string>; headersDistinct: Record<string, string[]>; rawHeaders: string[]; url: string; query?: unknown };
      expect(seen.url).toBe('/items?a=1&b=2');
      expect(seen.headers['x-other']).toBe('kept');
      expect(seen.headersDistinct['x-other']).toEqual(['kept']);
      expect(seen.rawHeaders).toEqual(expect.arrayContaining(['Host', 'api.example.com', 'X-Other', 'kept']));
      if (seen.query !== undefined) expect(seen.query).toEqual({ a: '1', b: '2' });
    }
  });

  it('leaves somebody else\'s Authorization alone', async () => {
    const app = await startStripping(host);
    const { key } = await app.issue();
    const [answer] = await app.raw(requestText([`X-API-Key: ${key}`, 'Authorization: Bearer eyJhbGciOi.J9']));
    expect(answer?.status).toBe(200);
    expect(answer?.body).not.toContain(key);
    expect(answer?.body).toContain('Bearer eyJhbGciOi.J9');
  });

  it('leaves the query alone under a mount, but for the key', async () => {
    const app = await start(host, { auth: { credentials: query(), stripCredential: true, required: false }, routes: (auth) => [['/v1', auth], show] });
    const { key } = await app.issue();
    await app.get(`/v1/items?api_key=${key}&z=%20`).expect(200).expect(({ body, text }) => {
      expect(text).not.toContain(key);
      expect(body.url).toBe('/v1/items?z=%20');
    });
  });

  it('is off by default', async () => {
    const app = await start(host, { handler: show });
    const { key } = await app.issue();
    await app.get('/items', { 'X-API-Key': key }).expect(200).expect(({ body }) => {
      expect(body.headers['x-api-key']).toBe(key);
    });
  });
});
