import { describe, expect, it } from '@jest/globals';
import { apiKeyAuth, createKeyring, header, memoryLimiter, memoryStore, type KeySettings, type KeyStore } from 'keystile';
import { connect } from 'node:net';
import { hosts } from '../support/hosts.js';
import { each, useAdmin, type AdminApp, type AdminSettings, type Scope } from './support.js';

const start = useAdmin();
const ALLOWED: AdminSettings = { options: { allowKeys: { scope: 'keys:manage' } } };
const ANY = { 'If-Match': '*' };

type Settings = Partial<KeySettings<Scope, 'starter' | 'growth'>>;
const issue = async (app: AdminApp, settings: Settings = {}): Promise<{ id: string; auth: { 'X-API-Key': string } }> => {
  const { key, apiKey } = await app.keyring.create({ name: 'manager', tenantId: 'acme', scopes: ['keys:manage', 'read'], ...settings });
  return { id: apiKey.id, auth: { 'X-API-Key': key } };
};

describe.each(hosts)('keys at the management API on $name', (host) => {
  it('are refused wherever they stand, with a session too', async () => {
    const app = await start(host);
    const { auth: { 'X-API-Key': key } } = await issue(app);
    const token = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"sub":"ann","act":{"sub":"x"}}').toString('base64url')}.`;
    for (const headers of [{ 'X-API-Key': key }, { 'X-API-Key': 'anything' }, { Authorization: `Bearer ${key}` }, { Authorization: `Bearer ${key}x` }, { Authorization: `Bearer ${token}` }]) {
      await app.as('root', 'get', '/keys', undefined, headers).expect(403).expect(({ body }) => { expect(body.code).toBe('api_key_not_accepted'); });
    }
    await app.as('root', 'get', '/keys', undefined, { Authorization: 'Bearer somebody-else' }).expect(200);
  });

  it('are refused when a middleware has let them in before, of whichever keyring', async () => {
    const foreign = createKeyring({ prefix: 'other' });
    const { key } = await foreign.create({ name: 'x' });
    for (const settings of [{}, ALLOWED]) {
      const app = await start(host, { ...settings, before: [host.apiKeyAuth(foreign, { credentials: header('x-foreign'), stripCredential: true })] });
      await app.as('root', 'get', '/keys', undefined, { 'X-Foreign': key }).expect(403).expect(({ body }) => { expect(body.code).toBe('api_key_not_accepted'); });
    }
    await foreign.close();
  });

  it('are read where the option auth says', async () => {
    const app = await start(host, { options: { auth: { credentials: header('x-app-api-key') } } });
    const { auth } = await issue(app);
    await app.as('root', 'get', '/keys', undefined, { 'X-App-Api-Key': auth['X-API-Key'] }).expect(403);
    await app.as('', 'get', '/me', undefined, { 'X-App-Api-Key': auth['X-API-Key'] }).expect(200);
    await app.as('', 'get', '/me', undefined, auth).expect(401);
  });

  it('see themselves at /me, implied scopes included, and nothing of management', async () => {
    const app = await start(host);
    const { id, auth } = await issue(app, { scopes: ['write'], tags: ['secret-tag'], owner: { type: 'org', id: 'o' }, metadata: { a: 1 }, plan: 'starter' });
    const { body, headers } = await app.as('', 'get', '/me', undefined, auth).expect(200);
    expect(body).toMatchObject({ id, scopes: ['write', 'read'], tenantId: 'acme', owner: { type: 'org', id: 'o' }, metadata: { a: 1 }, realtime: true, status: 'active', plan: 'starter' });
    expect(JSON.stringify(body)).not.toContain('secret-tag');
    expect([headers['cache-control'], headers.ratelimit]).toEqual(['no-store', expect.stringContaining('"minute"')]);
    await app.as('', 'get', '/me', undefined, { 'X-API-Key': `${auth['X-API-Key']}x` }).expect(401);
    await app.keyring.revoke(id);
    await app.as('', 'get', '/me', undefined, auth).expect(401).expect(({ body: refusal }) => { expect(refusal.code).toBe('revoked_key'); });
  });

  it('manage nothing without the named scope, even where keys are allowed', async () => {
    const app = await start(host, ALLOWED);
    const { auth } = await issue(app, { scopes: ['write'] });
    for (const [method, path] of [['get', '/keys'], ['post', '/keys'], ['delete', '/keys/x']] as const) {
      await app.as('root', method, path, { name: 'x' }, auth).expect(403).expect(({ body }) => { expect(body.code).toBe('api_key_not_accepted'); });
    }
    await app.as('', 'get', '/keys', undefined, { 'X-API-Key': 'wrong' }).expect(401);
    await app.as('root', 'get', '/keys').expect(200);
    await app.as('', 'get', '/keys').expect(401);
  });

  it('are tokens of no kind', async () => {
    const app = await start(host, ALLOWED);
    const token = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"sub":"ann","act":{"sub":"x"},"scope":"keys:manage"}').toString('base64url')}.`;
    await app.as('root', 'get', '/keys', undefined, { Authorization: `Bearer ${token}` }).expect(403);
  });

  it('are not the tokens that are exchanged for them, which may have fewer rights', async () => {
    const [{ bearerToken, generateSigningKey, tokenExchange, tokenIssuer }] = [await import('keystile/jwt')];
    const signing = await generateSigningKey();
    const issuer = (clock: AdminApp['clock']): ReturnType<typeof tokenIssuer> => tokenIssuer({ issuer: 'https://api.example.com', keys: [signing], clock });
    const app = await start(host, { ...ALLOWED, before: (keyring, clock) => [bearerToken(keyring, { issuer: issuer(clock), required: false })] });
    const { auth } = await issue(app, { scopes: ['keys:manage', 'write'] });
    const verification = await app.keyring.verify(auth['X-API-Key']);
    if (!verification.ok) throw new Error(verification.code);
    const { exchange } = tokenExchange(app.keyring, { issuer: issuer(app.clock), mayActFor: () => true });
    const exchanged = await exchange(verification.principal, { subject: 'u1', scopes: ['keys:manage'] });
    if (!exchanged.ok) throw new Error(exchanged.code);
    const bearer = { Authorization: `Bearer ${exchanged.token}` };
    for (const person of ['', 'root']) await app.as(person, 'post', '/keys', { name: 'x', scopes: ['write'] }, bearer).expect(403).expect(({ body }) => { expect(body.code).toBe('api_key_not_accepted'); });
    await app.as('', 'post', '/keys', { name: 'x', scopes: ['write'] }, auth).expect(201);
  });

  it('manage what has no more rights than they have, and see nothing else', async () => {
    const app = await start(host, ALLOWED);
    const manager = await issue(app, { plan: 'starter' });
    const weaker = await issue(app, { scopes: ['read'], plan: 'starter' });
    const beyond = [
      await issue(app, { scopes: ['write'], plan: 'starter' }), await issue(app, { plan: 'growth' }), await issue(app, { plan: 'starter', owner: { type: 'user', id: 'u' } }), await issue(app, { plan: 'starter', environment: 'test' }),
      await issue(app, { plan: 'starter', metadata: { admin: true } }), await issue(app, { tenantId: 'other', plan: 'starter', scopes: [] }), { id: 'NoSuchKey123' },
    ];
    const gone = await issue(app, { scopes: ['write'], plan: 'starter' });
    await app.keyring.delete(gone.id);
    beyond.push(gone);
    const { body } = await app.as('', 'get', '/keys', undefined, manager.auth).expect(200);
    expect(each(body.keys, 'id').sort()).toEqual([manager.id, weaker.id].sort());
    const routes = [['get', ''], ['patch', ''], ['delete', ''], ...['rotate', 'disable', 'enable', 'revoke', 'undelete', 'explain'].map((name) => ['post', `/${name}`])] as ['get' | 'post' | 'patch' | 'delete', string][];
    for (const [method, path] of routes) {
      // The manager's own plan counts its requests here as anywhere.
      app.clock.advance(60_000);
      const answers = new Set<string>();
      for (const { id } of beyond) {
        const { status, text } = await app.as('', method, `/keys/${id}${path}`, {}, { ...ANY, ...manager.auth });
        answers.add(`${status} ${text}`);
      }
      expect([...answers]).toEqual([expect.stringMatching(/^404 .*key_not_found/)]);
    }
    expect((await app.keyring.list({ deleted: true })).keys).toHaveLength(1);
    for (const { id } of beyond.slice(0, 6)) expect((await app.keyring.get(id))?.version).toBe(1);
    await app.as('', 'post', `/keys/${weaker.id}/disable`, {}, manager.auth).expect(200);
    await app.as('', 'delete', `/keys/${weaker.id}`, undefined, manager.auth).expect(204);
    await app.as('', 'post', `/keys/${weaker.id}/undelete`, {}, manager.auth).expect(200);
  });

  it('are shown pages of what they may see, whose cursors tell nothing of the rest', async () => {
    const app = await start(host, ALLOWED);
    const manager = await issue(app, {});
    const own: string[] = [manager.id];
    for (let index = 0; index < 5; index++) {
      own.push((await issue(app, { scopes: ['read'] })).id);
      await issue(app, { name: `Secret project ${String(index)}`, scopes: ['write'] });
      await issue(app, { name: `Secret customer ${String(index)}`, tenantId: 'other', scopes: [] });
    }
    const seen: string[] = [];
    let cursor = '';
    do {
      const { body } = await app.as('', 'get', `/keys?limit=2&sort=name${cursor}`, undefined, manager.auth).expect(200);
      seen.push(...each(body.keys, 'id').map(String));
      expect(Buffer.from(String(body.nextCursor ?? ''), 'base64url').toString()).not.toContain('Secret');
      cursor = body.nextCursor === undefined ? '' : `&cursor=${encodeURIComponent(String(body.nextCursor))}`;
    } while (cursor !== '');
    expect(seen.sort()).toEqual(own.sort());
    for (const search of ['Secret', 'nothing']) {
      const { body } = await app.as('', 'get', `/keys?limit=1&search=${search}`, undefined, manager.auth).expect(200);
      expect(body).toEqual({ keys: [] });
    }
  });

  it('take over no slot by rotating it, and prolong no life', async () => {
    const app = await start(host, { ...ALLOWED, keyring: { lifecycle: { maxLifetime: 1_000_000 } } });
    const manager = await issue(app, {});
    const slotted = await issue(app, { scopes: ['read'], slot: 'primary' });
    await app.as('', 'post', `/keys/${slotted.id}/rotate`, {}, { ...ANY, ...manager.auth }).expect(403).expect(({ body }) => { expect(body.errors?.[0]?.field).toBe('/slot'); });
    app.clock.advance(900_000);
    const end = (await app.keyring.get(manager.id))?.expiresAt;
    const { body } = await app.as('', 'post', `/keys/${manager.id}/rotate`, {}, { ...ANY, ...manager.auth }).expect(201);
    expect(body.apiKey).toMatchObject({ expiresAt: new Date(end ?? 0).toISOString() });
  });

  it('make keys that have their bounds, and no more rights', async () => {
    const app = await start(host, ALLOWED);
    const end = app.clock.now() + 1_000_000;
    const { id, auth } = await issue(app, { plan: 'starter', owner: { type: 'user', id: 'u' }, access: { ips: { allow: ['127.0.0.0/8', '::1', '::ffff:127.0.0.1'] } }, expiresAt: end });
    const before = (await app.keyring.list({ limit: 500 })).keys.length;
    const { body } = await app.as('', 'post', '/keys', { name: 'child', scopes: ['read'] }, auth).expect(201);
    expect(body.apiKey).toMatchObject({ tenantId: 'acme', owner: { type: 'user', id: 'u' }, plan: 'starter', access: { ips: { allow: expect.anything() } }, expiresAt: new Date(end).toISOString() });
    // The same, spelt out.
    await app.as('', 'post', '/keys', { name: 'child', owner: { id: 'u', type: 'user' }, tenantId: 'acme', environment: 'live', plan: 'starter' }, auth).expect(201);
    const wanted: readonly (readonly [field: string, more: object, status?: number])[] = [
      ['/scopes', { scopes: ['write'] }], ['/plan', { plan: 'growth' }], ['/limits', { limits: [] }], ['/limits', { limits: [{ kind: 'window', windowMs: 60_000, limit: 61 }] }],
      ['/access', { access: {} }], ['/access', { access: { ips: { allow: ['0.0.0.0/0'] } } }], ['/expiresAt', { expiresAt: new Date(end + 1).toISOString() }],
      ['/owner', { owner: { type: 'user', id: 'v' } }], ['/environment', { environment: 'test' }], ['/metadata', { metadata: { admin: true } }], ['/slot', { slot: 'primary' }], ['/tenantId', { tenantId: 'other' }, 422],
    ];
    for (const [field, more, status = 403] of wanted) {
      const made = await app.as('', 'post', '/keys', { name: 'child', ...more }, auth);
      expect([more, made.status, made.body.errors?.[0].field]).toEqual([more, status, field]);
      if (field === '/slot' || field === '/tenantId' || field === '/environment') continue;
      const changed = await app.as('', 'patch', `/keys/${id}`, more, { ...ANY, ...auth });
      expect([more, changed.status, changed.body.errors?.[0].field]).toEqual([more, 403, field]);
    }
    for (const cleared of ['plan', 'access', 'expiresAt', 'owner']) await app.as('', 'patch', `/keys/${id}`, { [cleared]: null }, { ...ANY, ...auth }).expect(403);
    await app.as('', 'post', `/keys/${id}/rotate`, { expiresAt: null }, { ...ANY, ...auth }).expect(403);
    await app.as('', 'post', '/tenants/acme/slots/primary/regenerate', {}, auth).expect(403);
    expect((await app.keyring.list({ limit: 500 })).keys).toHaveLength(before + 2);
    expect((await app.keyring.get(id))?.version).toBe(1);
    await app.as('', 'patch', `/keys/${id}`, { name: 'renamed', limits: [{ kind: 'window', windowMs: 60_000, limit: 30 }] }, { ...ANY, ...auth }).expect(200);
    app.clock.advance(60_000);
    await app.as('', 'post', `/keys/${id}/rotate`, {}, { ...ANY, ...auth }).expect(201).expect(({ body: made }) => { expect(made.apiKey).toMatchObject({ scopes: ['keys:manage', 'read'], expiresAt: new Date(end).toISOString() }); });
  });

  it('hand on the end of their own grace period, and metadata as it is', async () => {
    const app = await start(host, ALLOWED);
    const { id, auth } = await issue(app, { metadata: { readonly: true } });
    await app.keyring.rotate(id, { gracePeriod: 60_000 });
    const { body: { apiKey } } = await app.as('', 'post', '/keys', { name: 'x' }, auth).expect(201);
    expect([apiKey.metadata, Date.parse(apiKey.expiresAt)]).toEqual([{ readonly: true }, app.clock.now() + 60_000]);
    for (const metadata of [null, {}, { readonly: false }, { readonly: true, more: 1 }]) {
      await app.as('', 'patch', `/keys/${apiKey.id}`, { metadata }, { ...auth, ...ANY }).expect(403).expect(({ body }) => { expect(body.code).toBe('rights_exceeded'); });
    }
  });

  it('are told of their repeated request also when they have changed in between', async () => {
    const app = await start(host, ALLOWED);
    const { id, auth } = await issue(app);
    const again = { ...auth, 'Idempotency-Key': 'one' };
    await app.as('', 'post', '/keys', { name: 'x' }, again).expect(201);
    await app.keyring.update(id, { access: { ips: { allow: ['127.0.0.0/8', '::1'] } } });
    await app.as('', 'post', '/keys', { name: 'x' }, again).expect(409).expect(({ body }) => { expect(body.code).toBe('idempotency_key_used'); });
  });

  it('change only what they have looked at, also where no If-Match is asked for', async () => {
    const inner = memoryStore();
    let between: (() => Promise<unknown>) | undefined;
    // Somebody gives the other key more rights after it has been looked at, and before it is changed.
    const store: KeyStore = { ...inner, find: async (lookup) => { const found = await inner.find(lookup); if (lookup.by === 'id' && lookup.id === other) { const work = between; between = undefined; await work?.(); } return found; } };
    const app = await start(host, { ...ALLOWED, keyring: { store } });
    const { auth } = await issue(app);
    const { id: other } = await issue(app, { scopes: ['read'] });
    for (const [method, path] of [['post', 'disable'], ['post', 'revoke'], ['delete', '']] as const) {
      between = async () => { const { version } = (await inner.find({ by: 'id', id: other }))!; await inner.update(other, version, { scopes: ['write'] }); };
      await app.as('', method, `/keys/${other}${path === '' ? '' : `/${path}`}`, method === 'post' ? {} : undefined, auth).expect(412);
      await inner.update(other, (await inner.find({ by: 'id', id: other }))!.version, { scopes: ['read'] });
    }
    expect(await app.keyring.get(other)).toMatchObject({ status: 'active' });
  });

  it('have no rights left from before their body came', async () => {
    const endings: readonly (readonly [what: string, end: (app: AdminApp, id: string) => Promise<unknown>, path: (id: string) => string, method: string, body: object])[] = [
      ['revoke', async ({ keyring }, id) => keyring.revoke(id), () => '/keys', 'POST', { name: 'x' }],
      ['rotation', async ({ keyring }, id) => keyring.rotate(id, { gracePeriod: 0 }), () => '/keys', 'POST', { name: 'x' }],
      ['delete', async ({ keyring }, id) => keyring.delete(id), (id) => `/keys/${id}/undelete`, 'POST', {}],
      ['disable', async ({ keyring }, id) => keyring.disable(id), (id) => `/keys/${id}/enable`, 'POST', {}],
      ['fewer scopes', async ({ keyring }, id) => keyring.update(id, { scopes: ['read'] }), (id) => `/keys/${id}`, 'PATCH', { scopes: ['keys:manage', 'read'] }],
      ['an end', async (app, id) => app.keyring.update(id, { expiresAt: app.clock.now() + 60_000 }), (id) => `/keys/${id}`, 'PATCH', { expiresAt: null }],
    ];
    for (const [what, end, path, method, body] of endings) {
      const app = await start(host, ALLOWED);
      const { id, auth } = await issue(app);
      const text = JSON.stringify(body);
      const socket = connect(app.port, '127.0.0.1', () => socket.write([`${method} /admin${path(id)} HTTP/1.1`, 'Host: a', `X-API-Key: ${auth['X-API-Key']}`, 'If-Match: *', 'Connection: close', 'Content-Type: application/json', `Content-Length: ${text.length}`, '', text.slice(0, 1)].join('\r\n')));
      let answer = '';
      socket.on('data', (chunk: Buffer) => (answer += String(chunk)));
      const closed = new Promise((resolve) => socket.on('close', resolve));
      // The server has read as far as it can.
      while (((await app.keyring.get(id))?.lastUsedAt ?? 0) === 0) await new Promise(setImmediate);
      for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
      await end(app, id);
      const before = await app.keyring.get(id, { deleted: true });
      socket.write(text.slice(1));
      await closed;
      expect([what, Number(answer.split(' ', 2)[1]) >= 400]).toEqual([what, true]);
      expect((await app.keyring.get(id, { deleted: true }))?.version).toBe(before?.version);
      expect((await app.keyring.list()).keys.some(({ name }) => name === 'x')).toBe(false);
    }
  });

  it('are held to their limits while the limiter cannot tell where they stand', async () => {
    for (const onLimiterError of ['open', 'local'] as const) {
      const app = await start(host, { ...ALLOWED, keyring: { onLimiterError, limiter: { ...memoryLimiter(), consume: () => { throw new Error('down'); }, peek: () => { throw new Error('down'); } } } });
      const { auth } = await issue(app, { plan: 'starter' });
      for (const more of [{ limits: [] }, { plan: 'growth' }]) await app.as('', 'post', '/keys', { name: 'x', ...more }, auth).expect(403);
      await app.as('', 'post', '/keys', { name: 'x' }, auth).expect(201);
    }
  });

  it('cannot name a version to come, when the key may have more rights', async () => {
    const inner = memoryStore();
    let between: (() => unknown) | undefined;
    const store: KeyStore = { ...inner, find: async (lookup) => { const found = await inner.find(lookup); if (lookup.by === 'id' && lookup.id === other) { const work = between; between = undefined; await work?.(); } return found; } };
    const app = await start(host, { ...ALLOWED, keyring: { store } });
    const { auth } = await issue(app);
    const { id: other } = await issue(app, { scopes: ['read'] });
    for (const [path, body] of [['/rotate', {}], ['', { name: 'y' }], ['/revoke', {}]] as const) {
      const { version } = (await inner.find({ by: 'id', id: other }))!;
      between = () => inner.update(other, version, { scopes: ['write'] });
      await app.as('', path === '' ? 'patch' : 'post', `/keys/${other}${path}`, body, { ...auth, 'If-Match': `"${version + 1}"` }).expect(412);
      await inner.update(other, version + 1, { scopes: ['read'] });
    }
    expect(await app.keyring.get(other)).toMatchObject({ status: 'active', name: 'manager' });
  });

  it('act under their own name, from a middleware of the host as well', async () => {
    const app = await start(host, ALLOWED);
    const events: unknown[] = [];
    app.keyring.on('created', ({ by }) => events.push(by));
    const { id, auth } = await issue(app);
    await app.as('', 'post', '/keys', { name: 'child' }, auth).expect(201);
    expect(events).toEqual([undefined, `key:${id}`]);
  });

  it('may be kept to a few actions, and of no tenant manage the keys of none', async () => {
    const app = await start(host, { options: { allowKeys: { scope: 'keys:manage', may: ['read'] } } });
    const { key } = await app.keyring.create({ name: 'x', scopes: ['keys:manage'] });
    await app.keyring.create({ name: 'y', tenantId: 'acme' });
    const { body } = await app.as('', 'get', '/keys', undefined, { 'X-API-Key': key }).expect(200);
    expect(each(body.keys, 'name')).toEqual(['x']);
    await app.as('', 'post', '/keys', { name: 'z' }, { 'X-API-Key': key }).expect(403);
  });

  it('of a stripped credential are known by what the middleware has left', async () => {
    const keyring = createKeyring<Scope, 'starter' | 'growth'>({ prefix: 'awx', scopes: { read: [], write: [], 'keys:manage': [] }, plans: { starter: [], growth: [] } });
    const app = await start(host, { ...ALLOWED, before: [apiKeyAuth(keyring, { stripCredential: true })] });
    const { key } = await keyring.create({ name: 'x', tenantId: 'acme', scopes: ['keys:manage'] });
    await app.as('root', 'get', '/keys', undefined, { 'X-API-Key': key }).expect(403);
    await keyring.close();
  });
});
