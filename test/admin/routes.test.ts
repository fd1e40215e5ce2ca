import { describe, expect, it } from '@jest/globals';
import { Validator } from '@seriousme/openapi-schema-validator';
import { memoryActivity } from '../../src/memory/activity.js';
import { memoryUsage } from '../../src/memory/usage.js';
import { hosts } from '../support/hosts.js';
import { conformance, type OpenApi } from './document.js';
import { each, useAdmin } from './support.js';

const start = useAdmin();
const ANY = { 'If-Match': '*' };

describe.each(hosts)('the management API on $name', (host) => {
  it('answers every route as its document promises, in good days and bad ones', async () => {
    const app = await start(host, { keyring: { activity: memoryActivity(), usage: memoryUsage() } });
    const { body: document } = (await app.as('', 'get', '/openapi.json').expect(200)) as { body: OpenApi };
    const promised = conformance(document);
    const call = async (...[person, method, path, body, headers]: Parameters<typeof app.as>) => {
      const answer = await app.as(person, method, path, body, headers);
      expect(promised.complaints(method, path, answer)).toEqual([]);
      expect(answer.headers['cache-control']).toBe('no-store');
      return answer;
    };

    const { body: made, headers, status } = await call('ann', 'post', '/keys', {
      name: 'Warehouse sync', scopes: ['read'], plan: 'starter', owner: { type: 'user', id: 'u1' }, tags: ['blue'], metadata: { a: [1] },
      access: { ips: { allow: ['127.0.0.0/8', '::1'] }, endpoints: { deny: ['/x'] } }, expiresAt: '2099-01-01T01:00:00+01:00',
    });
    expect([status, headers.location, headers.etag]).toEqual([201, `/admin/keys/${made.apiKey.id}`, '"1"']);
    expect(made.apiKey).toMatchObject({ status: 'active', tenantId: 'acme', tags: ['blue'], metadata: { a: [1] }, plan: 'starter', scopes: ['read'], access: { endpoints: { deny: ['/x'] } }, expiresAt: '2099-01-01T00:00:00.000Z', masked: `awx_...${String(made.key).slice(-4)}` });
    const id: string = made.apiKey.id;
    const at = `/keys/${id}`;

    expect((await call('ann', 'get', at)).body).toEqual(made.apiKey);
    expect((await call('ann', 'get', '/settings')).body).toMatchObject({ actor: 'ann@example.com', tenantId: 'acme' });
    expect((await call('ann', 'post', '/keys/check', { name: 'x', plan: 'starter' })).status).toBe(204);
    expect((await call('ann', 'post', `${at}/check`, { expiresAt: null, access: { ips: { allow: ['10.0.0.0/8'] } } })).status).toBe(204);
    expect((await call('ann', 'get', '/keys?tag=blue&limit=1&status=active&ownerType=user&ownerId=u1&environment=live&search=WARE&sort=name')).body).toEqual({ keys: [made.apiKey] });
    expect((await call('', 'get', '/me', undefined, { 'X-API-Key': made.key })).body).toMatchObject({ id, scopes: ['read'], metadata: { a: [1] } });
    const explained = await call('ann', 'post', `${at}/explain`, { method: 'GET', path: '/x', ip: '10.0.0.1', origin: 'https://a.example', scopes: ['write'] });
    expect(each(explained.body.checks, 'code').filter((code) => code !== undefined)).toEqual(['ip_not_allowed', 'endpoint_not_allowed', 'insufficient_scope']);
    const patched = await call('ann', 'patch', at, { name: 'New name', owner: null, limits: [{ kind: 'window', windowMs: 60_000, limit: 3 }, { kind: 'concurrency', limit: 2, per: 'tenant' }] }, { 'If-Match': '"1"' });
    expect(patched.headers.etag).toBe('"2"');
    expect(patched.body).not.toHaveProperty('owner');
    expect(each(patched.body.limits, 'name')).toEqual(['minute', 'tenant-concurrency']);
    expect((await call('ann', 'post', `${at}/disable`, {})).body.status).toBe('disabled');
    expect((await call('ann', 'post', `${at}/enable`, {})).body.status).toBe('active');
    const rotated = await call('ann', 'post', `${at}/rotate`, { gracePeriodSeconds: 60, expiresAt: null }, { 'If-Match': '"4"' });
    expect(rotated.body.previous).toMatchObject({ id, replacedBy: rotated.body.apiKey.id, graceExpiresAt: new Date(app.clock.now() + 60_000).toISOString() });
    expect(rotated.body.apiKey).not.toHaveProperty('expiresAt');
    const revoked = (await call('ann', 'post', `${at}/revoke`, { reason: 'leaked' })).body;
    expect(revoked).toMatchObject({ status: 'revoked', revokedReason: 'leaked', revokedBy: 'ann@example.com' });
    expect((await call('ann', 'post', `${at}/revoke`, { reason: 'again' })).body).toEqual(revoked);
    expect([(await call('ann', 'delete', at)).status, (await call('ann', 'delete', at)).status, (await call('ann', 'get', at)).status]).toEqual([204, 204, 404]);
    expect((await call('ann', 'get', '/keys?deleted=true')).body.keys).toHaveLength(1);
    expect((await call('ann', 'post', `${at}/undelete`, {})).body).toMatchObject({ id, status: 'revoked' });
    expect((await call('ann', 'post', `${at}/undelete`, {})).status).toBe(200);
    const first = (await call('ann', 'post', '/tenants/acme/slots/primary/regenerate', { scopes: ['read'] })).body;
    const second = (await call('ann', 'post', '/tenants/acme/slots/primary/regenerate', {})).body;
    expect(second).toMatchObject({ previous: { id: first.apiKey.id, status: 'revoked' }, apiKey: { scopes: ['read'], slot: 'primary' } });

    for (const [method, path] of [['get', '/keys'], ['post', '/keys'], ['get', '/settings'], ['post', '/keys/check'], ['get', at], ['patch', at], ['delete', at], ...['check', 'rotate', 'disable', 'enable', 'revoke', 'undelete', 'explain'].map((name) => ['post', `${at}/${name}`]), ['post', '/tenants/acme/slots/primary/regenerate'], ['get', '/me']] as ['get' | 'post' | 'patch' | 'delete', string][]) {
      const [nobody, other, key] = [await call('', method, path, {}, ANY), await call('bob', method, path, {}, ANY), await call('ann', method, path, {}, { ...ANY, 'X-API-Key': rotated.body.key })];
      if (path === '/me') continue;
      expect([nobody.status, key.status, key.body.code]).toEqual([401, 403, 'api_key_not_accepted']);
      if (path.startsWith(at) || path.startsWith('/tenants')) expect(other.status).toBe(404);
      if (method === 'get') continue;
      expect([(await call('ann', method, path, {}, { Origin: 'https://evil.example' })).body.code, (await call('viewer', method, path, {}, ANY)).status]).toEqual(['cross_site_request', path.endsWith('explain') ? 200 : 403]);
      if (method === 'delete') continue;
      expect([(await call('ann', method, path, undefined, ANY)).status, (await call('ann', method, path, { nonsense: 1 }, ANY)).status]).toEqual([415, 422]);
    }
    expect([(await call('ann', 'patch', at, {})).status, (await call('ann', 'patch', at, { name: 'x' }, { 'If-Match': '"1"' })).status]).toEqual([428, 412]);
    expect([(await call('ann', 'post', `${at}/rotate`, {}, ANY)).body.code, (await call('ann', 'post', '/keys', { name: 'x', slot: 'primary' })).body.code]).toEqual(['already_rotated', 'slot_taken']);

    for (const path of ['/usage', '/usage/top', '/activity', '/activity/export?format=csv']) {
      expect([(await call('ann', 'get', path)).status, (await call('', 'get', path)).status, (await call('ann', 'get', path, undefined, { 'X-API-Key': rotated.body.key })).status]).toEqual([200, 401, 403]);
    }

    const succeeding = Object.values(document.paths).flatMap((operations) => Object.values(operations)).map(({ operationId, responses }) => `${operationId} ${Object.keys(responses).find((code) => code.startsWith('2'))}`);
    expect(succeeding.filter((one) => !promised.seen.has(one))).toEqual([]);
    expect(app.faults).toEqual([]);
  });

  it('knows its address, its methods and nothing else', async () => {
    const app = await start(host);
    for (const path of ['/nothing', '/keys/a/b', '/keys/%', '/KEYS', '/tenants/acme/slots/third/regenerate']) {
      const answer = await app.as('root', 'post', path, {});
      expect([path, answer.status, answer.body.code]).toEqual([path, 404, 'not_found']);
    }
    await app.as('root', 'put', '/keys', {}).expect(405).expect('Allow', 'GET, HEAD, POST');
    await app.as('root', 'delete', '/me').expect(405).expect('Allow', 'GET, HEAD');
    await app.agent.head('/admin/keys').set('x-user', 'root').expect(200).expect('Content-Type', 'application/json');
    await app.agent.get('/elsewhere').expect(404);
    const made = await app.as('root', 'post', '/keys?x=1', { name: 'x' });
    expect(made.headers.location).toBe(`/admin/keys/${made.body.apiKey.id}`);
  });
});

it('the document is valid OpenAPI 3.1, by a validator of somebody else', async () => {
  const [host] = hosts;
  const app = await start(host!);
  const { body } = await app.as('', 'get', '/openapi.json').expect('Content-Type', 'application/json');
  const result = await new Validator().validate(body as string);
  expect(result).toEqual({ valid: true });
  expect(body.openapi).toMatch(/^3\.1\./);
  expect(body.servers).toEqual([{ url: '/admin' }]);
  const operations = Object.values(body.paths as Record<string, object>).flatMap((path) => Object.values(path)) as { operationId: string }[];
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(20);
  expect(JSON.stringify(body)).not.toContain('"hash"');
});
