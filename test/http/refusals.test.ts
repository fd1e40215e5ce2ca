import { describe, expect, it } from '@jest/globals';
import { basic, bearer, header, query } from 'keystile';
import type { Response } from 'supertest';
import { useApps } from '../support/app.js';
import { everyRefusal, refusalCodes } from '../support/every-refusal.js';
import { parseChallenges } from '../support/fields.js';
import { hosts, type TestHost } from '../support/hosts.js';

const start = useApps();

async function refuse(host: TestHost, code: keyof typeof everyRefusal, asBearer = false): Promise<Response> {
  const way = everyRefusal[code];
  const app = await start(host, way.app);
  const { 'X-API-Key': key, ...headers } = await way.headers(app);
  const before = app.reached();
  const response = await app.get('/items', asBearer && key !== undefined ? { ...headers, Authorization: `Bearer ${key}` } : key === undefined ? headers : { ...headers, 'X-API-Key': key });
  expect(app.reached()).toBe(before);
  if (key !== undefined && key.length > 8) expect(JSON.stringify([response.headers, response.text])).not.toContain(key);
  return response;
}

describe.each(hosts)('every refusal on $name', (host) => {
  it.each(refusalCodes)('%s is a problem with its status, never stored', async (code) => {
    const { status } = everyRefusal[code];
    const response = await refuse(host, code);
    expect(response.status).toBe(status);
    expect(response.headers['content-type']).toBe('application/problem+json');
    expect(response.headers['cache-control']).toBe('no-store');
    expect(response.headers['content-length']).toBe(String(Buffer.byteLength(response.text)));
    const body = JSON.parse(response.text) as Record<string, unknown>;
    expect(body).toMatchObject({ status, code, title: expect.any(String), detail: expect.any(String) });
    const type = new URL(body['type'] as string);
    if (status === 429) expect(type.href).toBe('https://iana.org/assignments/http-problem-types#quota-exceeded');
    else expect(type.hash).toBe(`#${code}`);
    expect(Array.isArray(body['violated-policies'])).toBe(status === 429);
    expect('retry-after' in response.headers).toBe(status === 429);
    expect('www-authenticate' in response.headers).toBe(status === 401);
  });

  it.each(refusalCodes.filter((code) => everyRefusal[code].status === 401))('%s challenges once per source', async (code) => {
    const challenges = parseChallenges((await refuse(host, code)).headers['www-authenticate']);
    expect(challenges).toEqual([{ scheme: 'ApiKey', params: { header: 'X-API-Key' } }, { scheme: 'Bearer', params: {} }]);
  });

  it.each(['invalid_key', 'expired_key', 'scheduled_key', 'disabled_key', 'revoked_key'] as const)('%s tells a Bearer client its RFC 6750 error', async (code) => {
    const challenges = parseChallenges((await refuse(host, code, true)).headers['www-authenticate']);
    expect(challenges.find(({ scheme }) => scheme === 'Bearer')?.params).toEqual({ error: 'invalid_token' });
  });

  it('insufficient_scope names the missing scope, to a Bearer client in the challenge as well', async () => {
    const response = await refuse(host, 'insufficient_scope', true);
    expect(response.status).toBe(403);
    expect(parseChallenges(response.headers['www-authenticate'])).toEqual([{ scheme: 'Bearer', params: { error: 'insufficient_scope', scope: 'write' } }]);
    expect((await refuse(host, 'insufficient_scope')).body['missing-scopes']).toEqual(['write']);
  });

  it('other 403 carry no challenge, for Bearer clients neither', async () => {
    for (const code of ['wrong_environment', 'ip_not_allowed', 'endpoint_not_allowed'] as const) expect((await refuse(host, code, true)).headers['www-authenticate']).toBeUndefined();
  });

  it('Retry-After is in whole seconds, at least 1', async () => {
    expect((await refuse(host, 'rate_limited')).headers['retry-after']).toBe('60');
    expect((await refuse(host, 'concurrency_exceeded')).headers['retry-after']).toBe('1');
  });

  it('unknown key, wrong secret and wrong tenant say the same to people', async () => {
    const texts = [await refuse(host, 'invalid_key'), await refuse(host, 'wrong_tenant')].map(({ body }) => body.detail);
    const app = await start(host);
    const [one, two] = [await app.issue(), await app.issue()];
    expect(texts).toEqual(['Invalid API key', 'Invalid API key']);
    // The id of one with the secret of the other fails the checksum already.
    const mixed = one.key.slice(0, 20) + two.key.slice(20);
    await app.get('/items', { 'X-API-Key': mixed }).expect(401);
  });

  it('HEAD gets the headers without the body', async () => {
    const app = await start(host);
    const [answer] = await app.raw('HEAD /items HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect(answer?.status).toBe(401);
    expect(answer?.headers.get('www-authenticate')).toHaveLength(1);
    expect(answer?.body).toBe('');
  });
});

describe.each(hosts)('challenges on $name', (host) => {
  it.each([
    ['Basic only where it is configured', [basic(), bearer()], [{ scheme: 'Basic', params: { realm: 'API', charset: 'UTF-8' } }, { scheme: 'Bearer', params: {} }]],
    ['the header by its name', [header('X-Shop-Key')], [{ scheme: 'ApiKey', params: { header: 'X-Shop-Key' } }]],
    ['two headers apart', [header('A'), header('B')], [{ scheme: 'ApiKey', params: { header: 'A' } }, { scheme: 'ApiKey', params: { header: 'B' } }]],
    ['something even where no scheme fits, as RFC 9110 §15.5.2 wants', [query('key')], [{ scheme: 'ApiKey', params: {} }]],
  ])('name %s', async (_what, credentials, expected) => {
    const app = await start(host, { auth: { credentials } });
    const response = await app.get('/items').expect(401);
    expect(parseChallenges(response.headers['www-authenticate'])).toEqual(expected);
  });

  it('overwrite what stood in Cache-Control before', async () => {
    const app = await start(host, { before: [(_req, res, next) => { res.setHeader('Cache-Control', 'public, max-age=60'); next(); }] });
    await app.get('/items').expect('Cache-Control', 'no-store');
  });
});
