import { expect, it } from '@jest/globals';
import { hmacSha256 } from 'keystile';
import { EXPRESS_5 } from '../support/hosts.js';
import { useAdmin } from './support.js';

const start = useAdmin();
const PEPPER = 'a-pepper-that-must-never-be-told';

it('tells a form what it needs, to each caller what it may, and no secret', async () => {
  const app = await start(EXPRESS_5, { keyring: { hashing: hmacSha256({ peppers: { p1: Buffer.from(PEPPER) }, current: 'p1' }), lifecycle: { rotateAfter: 1_000, maxLifetime: 5_000 } } });
  const { body, text } = await app.as('ann', 'get', '/settings').expect(200);
  expect(body).toMatchObject({
    actor: 'ann@example.com', tenantId: 'acme', environments: ['live', 'test'], format: { masked: 'awx_...', needsTenant: false }, activity: false, usage: false, defaultLimits: [],
    scopes: [{ name: 'read', implies: [] }, { name: 'write', implies: ['read'] }, { name: 'keys:manage', implies: [] }],
    plans: [{ name: 'starter', limits: [{ kind: 'window', limit: 60, windowMs: 60_000, per: 'key' }] }, { name: 'growth' }],
    lifecycle: { rotateAfterMs: 1_000, maxLifetimeMs: 5_000, gracePeriodMs: 86_400_000, unusedAfterMs: 90 * 86_400_000, expiringWithinMs: 7 * 86_400_000 },
  });
  expect(body.may).toContain('create');
  expect(text).not.toContain(PEPPER);
  expect((await app.as('viewer', 'get', '/settings')).body.may).toEqual(['read', 'explain']);
  expect((await app.as('root', 'get', '/settings')).body).not.toHaveProperty('tenantId');
});

const NEW_KEYS: readonly (readonly [what: string, body: object])[] = [
  ['a scope that is not declared', { name: 'x', scopes: ['reed'] }],
  ['a plan that is not declared', { name: 'x', plan: 'stater' }],
  ['an address that is none', { name: 'x', access: { ips: { allow: ['10/8'] } } }],
  ['an endpoint that is none', { name: 'x', access: { endpoints: { allow: ['orders'] } } }],
  ['an end that is over', { name: 'x', expiresAt: '2001-01-01T00:00:00Z' }],
  ['an end before the beginning', { name: 'x', notBefore: '2098-01-01T00:00:00Z', expiresAt: '2097-01-01T00:00:00Z' }],
  ['no name', { name: '' }],
  ['somebody else’s tenant', { name: 'x', tenantId: 'other' }],
  ['a field that is none', { name: 'x', colour: 'blue' }],
  ['nothing wrong', { name: 'x', scopes: ['write'], plan: 'growth', access: { ips: { allow: ['10.0.0.0/8'] } } }],
];

it.each(NEW_KEYS)('a check says of %s what making the key says, and makes none', async (_what, body) => {
  const app = await start(EXPRESS_5);
  const checked = await app.as('ann', 'post', '/keys/check', body);
  expect((await app.keyring.list()).keys).toEqual([]);
  const made = await app.as('ann', 'post', '/keys', body);
  expect(checked.body.errors).toEqual(made.body.errors);
  expect(checked.status).toBe(made.status === 201 ? 204 : made.status);
});

it.each([
  ['a scope that is not declared', { scopes: ['reed'] }],
  ['a name that is empty', { name: '' }],
  ['an end before the beginning', { notBefore: '2098-01-01T00:00:00Z', expiresAt: '2097-01-01T00:00:00Z' }],
  ['nothing wrong', { name: 'y', scopes: [], expiresAt: null }],
])('a check says of %s what changing the key says, and changes nothing', async (_what, body) => {
  const app = await start(EXPRESS_5);
  const { apiKey } = await app.keyring.create({ name: 'x', tenantId: 'acme' });
  const checked = await app.as('ann', 'post', `/keys/${apiKey.id}/check`, body);
  expect(await app.keyring.get(apiKey.id)).toEqual(apiKey);
  const changed = await app.as('ann', 'patch', `/keys/${apiKey.id}`, body, { 'If-Match': '*' });
  expect(checked.body.errors).toEqual(changed.body.errors);
  expect(checked.status).toBe(changed.status === 200 ? 204 : changed.status);
});
