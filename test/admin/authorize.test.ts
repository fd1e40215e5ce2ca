import { describe, expect, it } from '@jest/globals';
import { createKeyring } from 'keystile';
import { adminRouter, type AdminRouterOptions } from 'keystile/admin';
import { hosts } from '../support/hosts.js';
import { answering, failing, INSIDE, SHORT } from '../support/misbehaviour.js';
import { PEOPLE, useAdmin } from './support.js';

const start = useAdmin();
const keyring = createKeyring({ prefix: 'awx', scopes: { 'keys:manage': [] } });
const authorize = (): undefined => undefined;

describe('the options of adminRouter', () => {
  it.each<[unknown, string, string]>([
    [{}, 'invalid_option', 'authorize'],
    [{ authorize: true }, 'invalid_option', 'authorize'],
    [undefined, 'invalid_option', 'adminRouter'],
    [{ authorise: authorize }, 'unknown_option', 'adminRouter.authorise'],
    [{ authorize, path: '/admin/' }, 'invalid_option', 'path'],
    [{ authorize, path: 'admin' }, 'invalid_option', 'path'],
    [{ authorize, trustedOrigins: ['https://a.example/'] }, 'invalid_option', 'trustedOrigins[0]'],
    [{ authorize, trustedOrigins: '*' }, 'invalid_option', 'trustedOrigins'],
    [{ authorize, allowKeys: { scope: 'keys:manege' } }, 'unknown_scope', 'allowKeys.scope[0]'],
    [{ authorize, allowKeys: true }, 'invalid_option', 'allowKeys'],
    [{ authorize, allowKeys: { scope: 'keys:manage', may: ['fly'] } }, 'invalid_option', 'allowKeys.may'],
    [{ authorize, idempotency: { max: 0 } }, 'invalid_option', 'idempotency.max'],
    [{ authorize, idempotency: { ttl: 1 } }, 'unknown_option', 'idempotency.ttl'],
    [{ authorize, auth: { required: false } }, 'unknown_option', 'auth.required'],
    [{ authorize, auth: { credential: [] } }, 'unknown_option', 'apiKeyAuth.credential'],
  ])('%j is refused', (options, code, option) => {
    expect(() => adminRouter(keyring, options as AdminRouterOptions<'keys:manage'>)).toThrow(expect.objectContaining({ code, option }));
  });

  it('come with a keyring', () => {
    expect(() => adminRouter({} as never, { authorize })).toThrow(expect.objectContaining({ code: 'invalid_option', option: 'keyring' }));
  });
});

const NONSENSE = [
  true, 'ann', 1, [], {}, { actor: 'ann' }, { actor: 'ann', may: ['admin'] }, { actor: 'ann', may: ['admin'], tenantId: undefined }, { actor: 'ann', may: ['admin'], tenantId: '' },
  { actor: 'ann', may: ['admin'], tenantId: null }, { actor: 'ann', may: ['admin'], tenantId: ['acme'] }, { actor: 'ann', may: ['admin'], tenants: 'every' }, { actor: 'ann', may: ['admin'], tenants: 'all', tenantId: 'acme' },
  { actor: '', may: ['admin'], tenants: 'all' }, { actor: 'a\nb', may: ['admin'], tenants: 'all' }, { may: ['admin'], tenants: 'all' }, { actor: 'ann', may: 'admin', tenants: 'all' },
  { actor: 'ann', may: ['admin', 'fly'], tenants: 'all' }, { actor: 'ann', may: ['__proto__'], tenants: 'all' }, { actor: 'ann', may: ['admin'], tenant: 'acme', tenants: 'all' },
];

describe.each(hosts)('authorize on $name', (host) => {
  it.each([...failing, ...answering(NONSENSE)])('that %s opens nothing', async (_how, answer) => {
    const app = await start(host, { options: { authorize: answer }, keyring: { deadlines: SHORT } });
    for (const [method, path] of [['get', '/keys'], ['post', '/keys']] as const) {
      const { status, body, text } = await app.as('root', method, path, { name: 'x' });
      expect([status, body.code]).toEqual([503, 'store_unavailable']);
      expect(text).not.toContain(INSIDE);
    }
    expect(app.faults).toHaveLength(2);
    expect((await app.keyring.list()).keys).toEqual([]);
  });

  it.each(answering([undefined, null]))('that %s asks people to sign in', async (_how, answer) => {
    const app = await start(host, { options: { authorize: answer } });
    await app.as('root', 'get', '/keys').expect(401).expect('WWW-Authenticate', /Bearer/).expect(({ body }) => { expect(body.code).toBe('not_signed_in'); });
  });

  it.each(answering([false]))('that %s refuses', async (_how, answer) => {
    const app = await start(host, { options: { authorize: answer } });
    await app.as('root', 'get', '/keys').expect(403).expect(({ body }) => { expect(body.code).toBe('forbidden'); });
  });

  it('is asked with the request itself, not at all for /me and the document, and before a body is read', async () => {
    const asked: string[] = [];
    const app = await start(host, { options: { authorize: (req) => { asked.push(String(req.headers['x-user'])); return PEOPLE['viewer']; } } });
    await app.as('', 'get', '/openapi.json').expect(200);
    await app.as('', 'get', '/me').expect(401);
    await app.as('tim', 'post', '/keys').set('Content-Type', 'application/json').send('{').expect(403);
    expect(asked).toEqual(['tim']);
  });

  it('grants single actions and roles, and no more', async () => {
    const app = await start(host, { options: { authorize: (req) => ({ actor: 'x', tenants: 'all', may: String(req.headers['x-user']).split(',') as never }) } });
    const { apiKey } = await app.keyring.create({ name: 'x', tenantId: 'acme' });
    const routes = [
      ['read', 'get', '/keys'], ['read', 'get', `/keys/${apiKey.id}`], ['explain', 'post', `/keys/${apiKey.id}/explain`], ['disable', 'post', `/keys/${apiKey.id}/disable`], ['enable', 'post', `/keys/${apiKey.id}/enable`],
      ['update', 'patch', `/keys/${apiKey.id}`], ['rotate', 'post', `/keys/${apiKey.id}/rotate`], ['revoke', 'post', `/keys/${apiKey.id}/revoke`], ['delete', 'delete', `/keys/${apiKey.id}`],
      ['undelete', 'post', `/keys/${apiKey.id}/undelete`], ['regenerate', 'post', '/tenants/acme/slots/primary/regenerate'], ['create', 'post', '/keys'],
    ] as const;
    const roles = { viewer: ['read', 'explain'], operator: ['read', 'explain', 'rotate', 'regenerate', 'disable', 'enable', 'revoke'] };
    for (const [action, method, path] of routes) {
      const others = routes.map(([name]) => name).filter((name) => name !== action).join(',');
      await app.as(others, method, path, { name: 'x' }, { 'If-Match': '*' }).expect(403);
      for (const [role, actions] of Object.entries(roles)) if (!actions.includes(action)) await app.as(role, method, path, {}, { 'If-Match': '*' }).expect(403);
      const body = ['create', 'update'].includes(action) ? { name: 'x' } : {};
      expect([200, 201, 204]).toContain((await app.as(action, method, path, body, { 'If-Match': '*' })).status);
    }
  });

  it('names who has done what, and from where', async () => {
    const app = await start(host);
    const events: unknown[] = [];
    for (const name of ['created', 'updated', 'rotated', 'revoked', 'deleted', 'undeleted'] as const) app.keyring.on(name, (event) => events.push([name, (event as { by?: string }).by, (event as { ip?: string }).ip]));
    const { apiKey } = (await app.as('ann', 'post', '/keys', { name: 'x' })).body;
    await app.as('root', 'patch', `/keys/${apiKey.id}`, { name: 'y' }, { 'If-Match': '*' });
    await app.as('ann', 'post', `/keys/${apiKey.id}/rotate`, {}, { 'If-Match': '*' });
    await app.as('ann', 'post', `/keys/${apiKey.id}/revoke`, {});
    await app.as('ann', 'delete', `/keys/${apiKey.id}`);
    await app.as('ann', 'post', `/keys/${apiKey.id}/undelete`, {});
    const address = expect.stringMatching(/127\.0\.0\.1$/);
    expect(events).toEqual([['created', 'ann@example.com', address], ['updated', 'root@example.com', address], ['rotated', 'ann@example.com', address], ['revoked', 'ann@example.com', address], ['deleted', 'ann@example.com', address], ['undeleted', 'ann@example.com', address]]);
  });

  it('a broken store is a 503 without its words', async () => {
    const fail = (): never => { throw new Error(INSIDE); };
    const app = await start(host, { keyring: { store: { insert: fail, find: fail, update: fail, replace: fail, delete: fail, list: fail, touch: fail } } });
    for (const [method, path] of [['get', '/keys'], ['get', '/keys/x'], ['post', '/keys'], ['delete', '/keys/x']] as const) {
      const { status, text } = await app.as('root', method, path, { name: 'x' });
      expect([status, text.includes(INSIDE)]).toEqual([503, false]);
    }
  });
});
