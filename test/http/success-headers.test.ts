import { describe, expect, it } from '@jest/globals';
import { basic, bearer, header, query, type Middleware } from 'keystile';
import { json, useApps } from '../support/app.js';
import { hosts } from '../support/hosts.js';

const start = useApps();

/** What a cors() mounted first leaves behind. */
const varyingOn = (value: string | string[]): Middleware => (_req, res, next) => {
  res.setHeader('Vary', value);
  next();
};
const answering = (headers: Record<string, string>): Middleware => (_req, res) => {
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
  json(res, {});
};
const list = (value: string | undefined): string[] => (value ?? '').split(', ');

describe.each(hosts)('an accepted request on $name', (host) => {
  it('is private, and varies on every header that may carry a key', async () => {
    const app = await start(host);
    const { key } = await app.issue();
    const { headers } = await app.get('/items', { 'X-API-Key': key }).expect(200);
    expect(headers['cache-control']).toBe('private');
    expect(list(headers['vary'])).toEqual(['X-API-Key', 'Authorization']);
    expect(headers['www-authenticate'] ?? headers['ratelimit'] ?? headers['ratelimit-policy']).toBeUndefined();
  });

  it('names each header once, and none for sources that read none', async () => {
    const app = await start(host, { auth: { credentials: [basic(), bearer(), header('X-Shop'), query()] } });
    const { key } = await app.issue();
    const { headers } = await app.get('/items', { 'X-Shop': key }).expect(200);
    expect(list(headers['vary'])).toEqual(['Authorization', 'X-Shop']);
    const byQuery = await start(host, { auth: { credentials: query() } });
    const other = await byQuery.issue();
    expect((await byQuery.get(`/items?api_key=${other.key}`).expect(200)).headers['vary']).toBeUndefined();
  });

  it.each([
    ['one', 'Origin', ['Origin', 'X-API-Key', 'Authorization']],
    ['a list', 'Origin,Accept-Encoding', ['Origin', 'Accept-Encoding', 'X-API-Key', 'Authorization']],
    ['lines', ['Origin', 'Accept'], ['Origin', 'Accept', 'X-API-Key', 'Authorization']],
    ['the same in another case', 'authorization, x-api-key', ['authorization', 'x-api-key']],
    ['a star', '*', ['*']],
    ['a star among others', 'Origin, *', ['*']],
  ] as const)('keeps an earlier Vary: %s', async (_what, before, expected) => {
    const app = await start(host, { before: [varyingOn(before as string)] });
    const { key } = await app.issue();
    const { headers } = await app.get('/items', { 'X-API-Key': key }).expect(200);
    expect(list(headers['vary'])).toEqual(expected);
  });

  it('leaves the last word to the handler', async () => {
    const app = await start(host, { handler: answering({ Vary: 'Accept-Language', 'Cache-Control': 'public, max-age=60' }) });
    const { key } = await app.issue();
    const { headers } = await app.get('/items', { 'X-API-Key': key }).expect(200);
    expect([headers['vary'], headers['cache-control']]).toEqual(['Accept-Language', 'public, max-age=60']);
  });

  it('keeps a Cache-Control that stood there before', async () => {
    const app = await start(host, { before: [(_req, res, next) => { res.setHeader('Cache-Control', 'no-store'); next(); }] });
    const { key } = await app.issue();
    await app.get('/items', { 'X-API-Key': key }).expect('Cache-Control', 'no-store');
  });

  it('varies but is not private without a key', async () => {
    const app = await start(host, { auth: { required: false } });
    const { headers } = await app.get('/items').expect(200);
    expect(headers['cache-control']).toBeUndefined();
    expect(list(headers['vary'])).toEqual(['X-API-Key', 'Authorization']);
  });

  it('gets neither where that is switched off', async () => {
    const app = await start(host, { auth: { headers: { cache: false } } });
    const { key } = await app.issue();
    const { headers } = await app.get('/items', { 'X-API-Key': key }).expect(200);
    expect(headers['cache-control'] ?? headers['vary']).toBeUndefined();
  });

  it('is left alone when the headers have been sent before', async () => {
    const app = await start(host, { before: [(_req, res, next) => { res.flushHeaders(); next(); }], handler: (_req, res) => res.end('late') });
    const { key } = await app.issue();
    await app.get('/items', { 'X-API-Key': key }).expect(200);
    expect(app.reached()).toBe(1);
  });
});
