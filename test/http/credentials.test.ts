import { describe, expect, it } from '@jest/globals';
import { basic, bearer, header, query } from 'keystile';
import { useApps } from '../support/app.js';
import { hosts } from '../support/hosts.js';
import { requestText } from '../support/raw-http.js';

const start = useApps();
const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe.each(hosts)('credentials on $name', (host) => {
  it('come by default from X-API-Key or as a Bearer token, in any case', async () => {
    const app = await start(host);
    const { key, id } = await app.issue();
    for (const headers of [{ 'X-API-Key': key }, { 'x-api-key': key }, { Authorization: `Bearer ${key}` }, { authorization: `bearer ${key}` }, { Authorization: `BEARER   ${key}` }, { Authorization: `Bearer\t${key}` }]) {
      await app.get('/items', headers as Record<string, string>).expect(200).expect(({ body }) => {
        expect(body.caller).toBe(id);
      });
    }
  });

  it.each([
    ['X-API-Key and Bearer', (key: string) => [`X-API-Key: ${key}`, `Authorization: Bearer ${key}`]],
    ['two lines of X-API-Key', (key: string) => [`X-API-Key: ${key}`, `x-api-key: ${key}`]],
    ['two lines of Authorization', (key: string) => [`Authorization: Bearer ${key}`, `AUTHORIZATION: bearer ${key}`]],
  ])('may say the same key twice: %s', async (_what, lines) => {
    const app = await start(host);
    const { key, id } = await app.issue();
    const [answer] = await app.raw(requestText(lines(key)));
    expect(answer?.status).toBe(200);
    expect(answer?.body).toContain(id);
  });

  it('take a Bearer value without the prefix, and other schemes, for somebody else\'s', async () => {
    const app = await start(host);
    const { key } = await app.issue();
    for (const theirs of ['Bearer eyJhbGciOi.J9', 'Bearer', 'Bearer ', `Basic ${base64(`${key}:`)}`, `Token ${key}`, key, `ApiKey ${key}`]) {
      await app.get('/items', { Authorization: theirs }).expect(401).expect(({ body }) => {
        expect(body.code).toBe('missing_key');
      });
      await app.get('/items', { Authorization: theirs, 'X-API-Key': key }).expect(200);
    }
  });

  it('do not come from the query, a cookie or a body unless asked for', async () => {
    const app = await start(host);
    const { key } = await app.issue();
    await app.get(`/items?api_key=${key}&x-api-key=${key}`).set('Cookie', `api_key=${key}`).expect(401);
    await app.agent.post('/items').send({ api_key: key }).expect(401);
    expect(app.reached()).toBe(0);
  });

  it('come from a query parameter where that is switched on', async () => {
    const app = await start(host, { auth: { credentials: [header(), query('k')] } });
    const { key, id } = await app.issue();
    const other = await app.issue();
    await app.get(`/items?a=1&k=${key}`).expect(200).expect(({ body }) => {
      expect(body.caller).toBe(id);
    });
    await app.get(`/items?k=${key}&%6b=${key}`).expect(200);
    await app.get(`/items?k=${key}&k=${other.key}`).expect(400);
    await app.get(`/items?k=${key}`, { 'X-API-Key': other.key }).expect(400);
    await app.get('/items?k=').expect(401).expect(({ body }) => {
      expect(body.code).toBe('malformed_key');
    });
    // PHP-like spellings are parameters of another name.
    for (const spelling of ['k[]', 'k[0]', 'K', 'k.']) await app.get(`/items?${spelling}=${key}`).expect(401);
  });

  it('come from Basic where that is switched on, as user name or password', async () => {
    const app = await start(host, { auth: { credentials: [basic(), bearer()] } });
    const { key } = await app.issue();
    const other = await app.issue();
    for (const pair of [`${key}:`, `:${key}`, `api:${key}`, key, `${key}:${key}`]) await app.get('/items', { Authorization: `Basic ${base64(pair)}` }).expect(200);
    await app.get('/items', { Authorization: `Basic ${base64(`${key}:${other.key}`)}` }).expect(400);
    for (const pair of ['anna:secret', ':', '']) await app.get('/items', { Authorization: `Basic ${base64(pair)}` }).expect(401);
    await app.get('/items', { Authorization: 'Basic %%%' }).expect(401);
    await app.get('/items', { Authorization: `Bearer ${key}` }).expect(200);
  });

  it('come from functions, at once or later, beside other sources', async () => {
    const app = await start(host, {
      auth: { credentials: [(req) => req.headers['x-now'] as string | undefined, async (req) => Promise.resolve((req.headers['x-later'] as string | undefined) ?? null), header('X-Own')] },
    });
    const { key, id } = await app.issue();
    const other = await app.issue();
    for (const name of ['x-now', 'x-later', 'x-own']) {
      await app.get('/items', { [name]: key }).expect(200).expect(({ body }) => {
        expect(body.caller).toBe(id);
      });
    }
    await app.get('/items', { 'x-later': key, 'x-own': key }).expect(200);
    await app.get('/items', { 'x-now': key, 'x-own': other.key }).expect(400);
    await app.get('/items', { 'x-later': key, 'x-own': other.key }).expect(400);
    await app.get('/items', { 'x-api-key': key }).expect(401);
  });

  it('that are presented and wrong are refused also where keys are optional', async () => {
    const app = await start(host, { auth: { required: false } });
    const { key } = await app.issue();
    await app.get('/items').expect(200).expect(({ body }) => {
      expect(body.caller).toBeNull();
    });
    await app.get('/items', { Authorization: 'Bearer eyJhbGciOi.J9' }).expect(200);
    for (const wrong of [`${key}x`, key.slice(0, -1), key.toUpperCase(), 'undefined', '']) {
      const [answer] = await app.raw(requestText([`X-API-Key: ${wrong}`]));
      expect([wrong, answer?.status]).toEqual([wrong, 401]);
    }
    await app.get('/items', { Authorization: 'Bearer awx_live_nonsense' }).expect(401);
    expect(app.reached()).toBe(2);
  });
});
