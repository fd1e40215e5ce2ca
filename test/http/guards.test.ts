import { describe, expect, it } from '@jest/globals';
import { perMinute, principalOf, type Middleware } from 'keystile';
import { json, useApps } from '../support/app.js';
import { parseChallenges, parseLimits } from '../support/fields.js';
import { hosts } from '../support/hosts.js';

const start = useApps();

describe.each(hosts)('requireScopes on $name', (host) => {
  it('lets a key pass that has them all, implied ones included', async () => {
    const app = await start(host, { routes: (auth, { handler }) => [['/read', auth.requireScopes('read')], ['/both', auth.requireScopes('read', 'write')], handler] });
    const [reader, writer] = [await app.issue({ scopes: ['read'] }), await app.issue({ scopes: ['write'] })];
    await app.get('/read', { 'X-API-Key': reader.key }).expect(200);
    await app.get('/both', { 'X-API-Key': writer.key }).expect(200);
    const { body } = await app.get('/both', { 'X-API-Key': reader.key }).expect(403);
    expect([body.code, body['missing-scopes']]).toEqual(['insufficient_scope', ['write']]);
  });

  it('refuses after the limits: the request has been spent and its limits show', async () => {
    const app = await start(host, { routes: (auth, { handler }) => [auth.requireScopes('write'), handler] });
    const { key } = await app.issue({ limits: [perMinute(2)] });
    const { headers } = await app.get('/items', { 'X-API-Key': key }).expect(403);
    expect([headers['cache-control'], parseLimits(headers['ratelimit'])]).toEqual(['no-store', { minute: { r: 1, t: 60 } }]);
  });

  it.each([[false], [true]])('tells a Bearer client its error as RFC 6750 says (stripCredential: %s)', async (stripCredential) => {
    const app = await start(host, { auth: { stripCredential }, routes: (auth, { handler }) => [auth.requireScopes('write', 'read'), handler] });
    const { key } = await app.issue();
    const response = await app.get('/items', { Authorization: `Bearer ${key}` }).expect(403);
    expect(parseChallenges(response.headers['www-authenticate'])).toEqual([{ scheme: 'Bearer', params: { error: 'insufficient_scope', scope: 'write read' } }]);
    expect((await app.get('/items', { 'X-API-Key': key }).expect(403)).headers['www-authenticate']).toBeUndefined();
  });

  it('refuses who has no key at all, where keys are optional or the middleware is missing', async () => {
    const optional = await start(host, { auth: { required: false }, routes: (auth, { handler }) => [auth.requireScopes('read'), handler] });
    await optional.get('/items').expect(401).expect(({ body }) => {
      expect(body.code).toBe('missing_key');
    });
    const { keyring, issue } = await start(host);
    const bare = await start({ ...host, apiKeyAuth: ((_keyring: unknown, options: object) => Object.assign(pass, { guard: host.apiKeyAuth(keyring, options).requireScopes('read') })) as unknown as typeof host.apiKeyAuth }, {
      routes: (auth, { handler }) => [(auth as unknown as { guard: Middleware }).guard, handler],
    });
    await bare.get('/items', { 'X-API-Key': (await issue({ scopes: ['read'] })).key }).expect(401);
    expect([optional.reached(), bare.reached()]).toEqual([0, 0]);
  });
});

const pass: Middleware = (_req, _res, next) => {
  next();
};

describe.each(hosts)('requireRealtime on $name', (host) => {
  it('refuses keys that may not open event streams, and no others', async () => {
    const app = await start(host, { routes: (auth, { handler }) => [['/events', auth.requireRealtime()], handler] });
    const [quiet, free] = [await app.issue({ access: { realtime: false } }), await app.issue({ access: { realtime: true } })];
    await app.get('/events', { 'X-API-Key': quiet.key }).expect(403).expect(({ body }) => {
      expect(body.code).toBe('realtime_not_allowed');
    });
    await app.get('/events', { 'X-API-Key': free.key }).expect(200);
    await app.get('/other', { 'X-API-Key': quiet.key }).expect(200);
  });
});

describe.each(hosts)('forbidApiKeys on $name', (host) => {
  const person: Middleware = (_req, res) => { json(res, { who: 'a person' }); };

  it('refuses whoever comes with a key, valid or not, with the middleware or without', async () => {
    const app = await start(host, { auth: { required: false }, routes: (auth) => [auth.forbidApiKeys(), person] });
    const { key } = await app.issue();
    await app.get('/account').expect(200);
    await app.get('/account', { Authorization: 'Bearer eyJhbGciOi.J9' }).expect(200);
    await app.get('/account', { 'X-API-Key': key }).expect(403).expect(({ body }) => {
      expect(body.code).toBe('api_key_not_accepted');
    });
    const guard = host.apiKeyAuth(app.keyring).forbidApiKeys();
    const alone = await start({ ...host, apiKeyAuth: (() => guard) as unknown as typeof host.apiKeyAuth }, { handler: person });
    await alone.get('/account').expect(200);
    for (const headers of [{ 'X-API-Key': key }, { 'X-API-Key': 'nonsense' }, { Authorization: `Bearer ${key}` }, { 'X-API-Key': key, Authorization: `Bearer ${key}x` }]) {
      await alone.get('/account', headers as Record<string, string>).expect(403);
    }
  });

  it('refuses also when the credential has been taken out, and what a function finds, at once or later', async () => {
    const stripping = await start(host, { auth: { stripCredential: true }, routes: (auth) => [auth.forbidApiKeys(), person] });
    await stripping.get('/account', { 'X-API-Key': (await stripping.issue()).key }).expect(403);
    for (const credentials of [() => 'awx_x', async () => Promise.resolve('awx_x')]) {
      const guard = host.apiKeyAuth(stripping.keyring, { credentials }).forbidApiKeys();
      const app = await start({ ...host, apiKeyAuth: (() => guard) as unknown as typeof host.apiKeyAuth }, { handler: person });
      await app.get('/account').expect(403);
    }
  });
});

describe.each(hosts)('principalOf on $name', (host) => {
  it('tells who is calling, frozen and without secrets', async () => {
    const app = await start(host, {
      handler(req, res) {
        const principal = principalOf(req);
        json(res, { principal, frozen: [principal, principal.metadata, principal.scopes].every((part) => Object.isFrozen(part)) });
      },
    });
    const { key, id } = await app.issue({ scopes: ['write'], tenantId: 'shop', owner: { type: 'org', id: 'o1' }, metadata: { tier: 3 }, tags: ['internal'] });
    const { body, text } = await app.get('/items', { 'X-API-Key': key }).expect(200);
    expect(body).toMatchObject({ frozen: true, principal: { id, name: 'test', tenantId: 'shop', environment: 'live', scopes: ['write', 'read'], owner: { type: 'org', id: 'o1' }, metadata: { tier: 3 } } });
    for (const secret of [key, 'sha256', 'internal', key.slice(-4)]) expect(text).not.toContain(secret);
  });

  it('throws an error with a code where nobody has been let in', async () => {
    const seen: unknown[] = [];
    const app = await start(host, { auth: { required: false }, handler: (req, res) => { try { principalOf(req); } catch (error) { seen.push((error as { code: string }).code); } res.end(); } });
    await app.get('/items').expect(200);
    expect(seen).toEqual(['no_principal']);
  });
});
