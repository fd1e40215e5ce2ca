import { describe, expect, it } from '@jest/globals';
import { apiKeyAuth, concurrent, createKeyring, memoryStore, perMinute, type Middleware } from 'keystile';
import { bearerToken, tokenIssuer } from 'keystile/jwt';
import { CHANGEABLE, CHANGES } from '../core/changes.js';
import { failure } from '../core/support.js';
import { parseChallenges } from '../support/fields.js';
import { hosts, type Step } from '../support/hosts.js';
import { useServers } from '../support/servers.js';
import { until } from '../support/spies.js';
import { asBearer, bench, ISSUER, show, SIGNING_KEYS, type TokenBench } from './support.js';

const listen = useServers();

/** A token of this issuer that nobody has signed. */
const BROKEN = [{ alg: 'EdDSA' }, { iss: ISSUER, act: {} }, {}].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');

describe.each(hosts)('bearerToken on $name', (host) => {
  it('lets a token on: the key, in the name of a user, with the token\'s scopes', async () => {
    const { accept, token } = bench();
    const server = await listen(host.listener([accept(), show]));
    const { token: text, keyId } = await token({ scopes: ['write'] }, { scopes: ['read'] });
    const { body, headers } = await server.get('/', asBearer(text)).expect(200);
    expect(body).toEqual({ caller: keyId, scopes: ['read'], subject: 'ada', act: { sub: keyId } });
    expect([headers['cache-control'], headers['vary']]).toEqual(['private', 'Authorization']);
  });

  it('refuses a token that has expired, or has been tampered with, as RFC 6750 says', async () => {
    const { accept, token, clock } = bench();
    const server = await listen(host.listener([accept({ required: false }), show]));
    const { token: text, expiresAt } = await token();
    clock.set(expiresAt - 1);
    await server.get('/', asBearer(text)).expect(200);
    const refused = async (sent: string): Promise<void> => {
      const response = await server.get('/', asBearer(sent)).expect(401).expect('Content-Type', 'application/problem+json').expect('Cache-Control', 'no-store');
      expect(response.body).toMatchObject({ code: 'invalid_token', status: 401, type: expect.stringMatching(/#invalid_token$/) });
      expect(parseChallenges(response.headers['www-authenticate'])).toEqual([{ scheme: 'Bearer', params: { error: 'invalid_token' } }]);
      expect(response.text).not.toContain(sent);
    };
    await refused(`${text.slice(0, -4)}AAAA`);
    clock.set(expiresAt);
    await refused(text);
  });

  it('counts what is no good as failed attempts, and tells of it', async () => {
    const { accept, keyring, token } = bench({ keyring: { limits: { failures: [perMinute(2, { per: 'ip' })] } } });
    const server = await listen(host.listener([accept(), show]));
    const told: string[] = [];
    keyring.on('refused', ({ code }) => told.push(code));
    const { token: text } = await token();
    for (const status of [401, 401, 429]) await server.get('/', asBearer(BROKEN)).expect(status);
    await server.get('/', asBearer(text)).expect(200);
    expect(told).toEqual(['invalid_token', 'invalid_token', 'too_many_failures']);
  });

  it('asks for a token where there is none, unless it is optional', async () => {
    const { accept } = bench();
    const [strict, optional] = [await listen(host.listener([accept(), show])), await listen(host.listener([accept({ required: false }), show]))];
    const { body, headers } = await strict.get('/').expect(401);
    expect([body.code, body.detail, headers['www-authenticate']]).toEqual(['missing_key', 'This request needs an access token.', 'Bearer']);
    await optional.get('/').expect(200, { caller: null, scopes: null, subject: null, act: null });
    await optional.get('/', asBearer('eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJvdGhlciIsImFjdCI6e319.AAAA')).expect(200);
  });

  it('tells refusals as the host wants them told', async () => {
    const { accept } = bench();
    const worded = await listen(host.listener([accept({ refusals: { messages: { invalid_token: 'Sign in again' } } }), show]));
    await worded.get('/', asBearer(BROKEN)).expect(401).expect(({ body }) => { expect(body.detail).toBe('Sign in again'); });
    const rendered = await listen(host.listener([accept({ refusals: { render: ({ code }) => ({ error: code }) } }), show]));
    await rendered.get('/', asBearer(BROKEN)).expect(401, { error: 'invalid_token' });
    const handed = await listen(host.listener([accept({ refusals: { deliver: 'next' } }), show]));
    await handed.get('/', asBearer(BROKEN)).expect(401).expect('WWW-Authenticate', 'Bearer error="invalid_token"');
  });

  it('refuses what does not come over TLS, where it must', async () => {
    const { accept, token } = bench();
    const server = await listen(host.listener([accept({ requireHttps: true }), show]));
    await server.get('/', asBearer((await token()).token)).expect(403).expect(({ body }) => { expect(body.code).toBe('insecure_transport'); });
  });

  const orders: readonly (readonly [name: string, steps: (bench: TokenBench) => readonly Step[]])[] = [
    ['before apiKeyAuth', ({ keyring, accept }) => [accept({ required: false }), host.apiKeyAuth(keyring), show]],
    ['behind apiKeyAuth', ({ keyring, accept }) => [host.apiKeyAuth(keyring, { required: false }), accept(), show]],
  ];
  it.each(orders)('stands beside keys, %s: a request needs one of the two', async (_order, steps) => {
    const made = bench();
    const server = await listen(host.listener(steps(made)));
    const { key, id } = await made.issue();
    const { token } = await made.token({ key });
    await server.get('/', { 'X-API-Key': key }).expect(200, { caller: id, scopes: ['write', 'read'], subject: null, act: null });
    await server.get('/', asBearer(key)).expect(200).expect(({ body }) => { expect(body.subject).toBeNull(); });
    await server.get('/', asBearer(token)).expect(200, { caller: id, scopes: ['write', 'read'], subject: 'ada', act: { sub: id } });
    await server.get('/').expect(401);
    await server.get('/', asBearer(`${token}x`)).expect(401);
    await server.get('/', { 'X-API-Key': `${key}x` }).expect(401);
    await server.get('/', { 'X-API-Key': key, ...asBearer(token) }).expect(400).expect(({ body }) => { expect(body.code).toBe('ambiguous_credentials'); });
  });

  it.each(orders)('is counted once %s, under the limits of its key', async (_order, steps) => {
    const made = bench();
    const server = await listen(host.listener(steps(made)));
    const { key } = await made.issue({ limits: [perMinute(3)] });
    // The exchange itself was a request of this key.
    const { token } = await made.token({ key });
    await server.get('/', asBearer(token)).expect(200).expect('RateLimit', '"minute";r=1;t=60');
    await server.get('/', { 'X-API-Key': key }).expect(200);
    await server.get('/', asBearer(token)).expect(429).expect('Retry-After', '60');
  });

  it('each judges by its own options what the other has let in', async () => {
    const made = bench();
    const { keyring, accept } = made;
    const { key } = await made.issue({ tenantId: 'shop', scopes: ['write'] });
    const narrow = (await made.token({ key }, { scopes: ['read'] })).token;
    const ask = async (steps: readonly Step[], headers: Record<string, string>): Promise<unknown> => (await (await listen(host.listener([...steps, show]))).get('/', headers)).body.code ?? 'ok';
    const [optional, none] = [{ required: false }, { 'X-API-Key': key }];
    expect(await ask([accept(optional), host.apiKeyAuth(keyring, { scopes: ['write'] })], asBearer(narrow))).toBe('insufficient_scope');
    expect(await ask([accept(optional), host.apiKeyAuth(keyring, { tenant: () => 'other' })], asBearer(narrow))).toBe('wrong_tenant');
    expect(await ask([accept(optional), host.apiKeyAuth(keyring, { environment: 'test' })], asBearer(narrow))).toBe('wrong_environment');
    expect(await ask([accept(optional), host.apiKeyAuth(keyring, { tenant: () => 'shop', scopes: ['read'] })], asBearer(narrow))).toBe('ok');
    expect(await ask([host.apiKeyAuth(keyring, optional), accept({ tenant: () => 'other' })], none)).toBe('wrong_tenant');
    expect(await ask([host.apiKeyAuth(keyring, optional), accept({ scopes: ['write'] })], none)).toBe('ok');
  });

  it('has guards, and satisfies those of apiKeyAuth, by the scopes of the token', async () => {
    const made = bench();
    const accept = made.accept();
    const auth = host.apiKeyAuth(made.keyring);
    const server = await listen(host.listener([accept, ['/read', accept.requireScopes('read')], ['/write', accept.requireScopes('write')], ['/keys', auth.requireScopes('write')], ['/events', accept.requireRealtime()], show]));
    const { token } = await made.token({}, { scopes: ['read'] });
    await server.get('/read', asBearer(token)).expect(200);
    await server.get('/events', asBearer(token)).expect(200);
    await server.get('/keys', asBearer(token)).expect(403);
    const { body, headers } = await server.get('/write', asBearer(token)).expect(403);
    expect([body.code, body.detail]).toEqual(['insufficient_scope', 'The access token lacks a scope that this request needs.']);
    expect(parseChallenges(headers['www-authenticate'])).toEqual([{ scheme: 'Bearer', params: { error: 'insufficient_scope', scope: 'write' } }]);
  });

  it('keeps to what its key may do: addresses, origins, endpoints, tenant, environment', async () => {
    const made = bench();
    const server = await listen(host.listener([made.accept({ tenant: () => 'shop' }), show]));
    const ask = async (settings: Parameters<TokenBench['issue']>[0]): Promise<unknown> => (await server.get('/orders', asBearer((await made.token({ tenantId: 'shop', ...settings })).token))).body.code ?? 'ok';
    expect(await ask({})).toBe('ok');
    expect(await ask({ tenantId: 'other' })).toBe('wrong_tenant');
    // The key is issued and exchanged without a request of its own, which these rules would refuse.
    const restricted = async (access: object): Promise<unknown> => {
      const { token, keyId } = await made.token({ tenantId: 'shop' });
      await made.keyring.update(keyId, { access });
      return (await server.get('/orders', asBearer(token))).body.code ?? 'ok';
    };
    expect(await restricted({ ips: { allow: ['203.0.113.0/24'] } })).toBe('ip_not_allowed');
    expect(await restricted({ origins: ['https://app.example.com'] })).toBe('origin_not_allowed');
    expect(await restricted({ endpoints: { allow: ['GET /invoices'] } })).toBe('endpoint_not_allowed');
    expect(await restricted({ endpoints: { allow: ['GET /orders'] } })).toBe('ok');
    expect(await ask({ environment: 'test' })).toBe('wrong_environment');
  });

  it('holds a place under the key\'s concurrency cap, and gives it back', async () => {
    const made = bench();
    const waiting: (() => void)[] = [];
    const slow: Middleware = (_req, res) => { waiting.push(() => res.end()); };
    const server = await listen(host.listener([made.accept(), slow]));
    const { token } = await made.token({ limits: [concurrent(1)] });
    const first = server.get('/', asBearer(token)).then(({ status }) => status);
    await until(() => waiting.length === 1, 'the first request');
    await server.get('/', asBearer(token)).expect(429);
    waiting[0]!();
    expect(await first).toBe(200);
    const third = server.get('/', asBearer(token)).then(({ status }) => status);
    await until(() => waiting.length === 2, 'the third request');
    waiting[1]!();
    expect(await third).toBe(200);
  });
});

describe('a token whose key has come to an end', () => {
  const cases = CHANGES.flatMap(([name, change, code]) => [undefined, false as const].map((cache) => ({ name, change, code, cache })));
  it.each(cases)('is refused on the very next request: $name, cache $cache', async ({ change, code, cache }) => {
    const made = bench(cache === undefined ? {} : { keyring: { cache } });
    const server = await listen(hosts[0]!.listener([made.accept({ scopes: ['read'] }), show]));
    const codes: unknown[] = [];
    made.keyring.on('refused', (event) => codes.push([event.code, event.keyId]));
    const { token, keyId } = await made.token({ ...CHANGEABLE, scopes: ['read'] });
    await server.get('/', asBearer(token)).expect(200);
    await change(made.keyring, keyId);
    const { body } = await server.get('/', asBearer(token));
    // Whoever holds a token is not told what became of the key; the operator is.
    expect(body.code).toBe(['insufficient_scope', 'ip_not_allowed'].includes(code) ? code : 'invalid_token');
    expect(codes).toEqual([[code, code === 'invalid_key' ? undefined : keyId]]);
  });

  it('lives as long as a rotated key\'s grace period, and comes back with a key that is enabled again', async () => {
    const made = bench({ issuer: { lifetime: 3_600_000 } });
    const server = await listen(hosts[0]!.listener([made.accept(), show]));
    const { token, keyId } = await made.token();
    await made.keyring.disable(keyId);
    await server.get('/', asBearer(token)).expect(401);
    await made.keyring.enable(keyId);
    await server.get('/', asBearer(token)).expect(200);
    await made.keyring.rotate(keyId, { gracePeriod: 60_000 });
    await server.get('/', asBearer(token)).expect(200);
    made.clock.advance(60_000);
    await server.get('/', asBearer(token)).expect(401);
  });

  it('has fewer scopes as soon as its key has', async () => {
    const made = bench();
    const server = await listen(hosts[0]!.listener([made.accept(), show]));
    const { token, keyId } = await made.token({ scopes: ['write'] });
    await made.keyring.update(keyId, { scopes: ['read'] });
    await server.get('/', asBearer(token)).expect(200).expect(({ body }) => { expect(body.scopes).toEqual(['read']); });
  });

  it('lives on with diesWithKey: false, by its own word', async () => {
    const made = bench();
    const server = await listen(hosts[0]!.listener([made.accept({ diesWithKey: false, scopes: ['read'], tenant: () => 'shop' }), show]));
    const { token, keyId } = await made.token({ tenantId: 'shop', scopes: ['read'] });
    const others = [await made.token({ tenantId: 'other' }), await made.token({ tenantId: 'shop' }, { scopes: [] }), await made.token({ tenantId: 'shop', environment: 'test' })];
    await made.keyring.revoke(keyId);
    await server.get('/', asBearer(token)).expect(200, { caller: keyId, scopes: ['read'], subject: 'ada', act: { sub: keyId } });
    for (const other of others) await server.get('/', asBearer(other.token)).expect(403);
    made.clock.advance(300_000);
    await server.get('/', asBearer(token)).expect(401);
  });
});

describe('the state of keys', () => {
  it('is not asked of the store for every request, and fails closed with the store', async () => {
    let [finds, down] = [0, false];
    const inner = memoryStore();
    const store = { ...inner, find: (lookup: Parameters<typeof inner.find>[0]) => { finds++; if (down) throw new Error('down'); return inner.find(lookup); } };
    const made = bench({ keyring: { store } });
    const server = await listen(hosts[0]!.listener([made.accept(), show]));
    const { token } = await made.token();
    await server.get('/', asBearer(token)).expect(200);
    const before = finds;
    for (let index = 0; index < 5; index++) await server.get('/', asBearer(token)).expect(200);
    expect(finds).toBe(before);
    const other = await made.token();
    down = true;
    // What another process does is seen when the cache's time is over.
    made.clock.advance(30_000);
    for (const { token: text } of [{ token }, other]) await server.get('/', asBearer(text)).expect(503).expect(({ body }) => { expect(body.code).toBe('store_unavailable'); });
    expect(made.faults.length).toBeGreaterThan(0);
  });
});

describe('wrong options', () => {
  const { keyring, issuer } = bench();
  it.each([
    ['no keyring', {}, { issuer }, ['invalid_option', 'keyring']],
    ['a misspelt option', keyring, { issuer, requierd: true }, ['unknown_option', 'bearerToken.requierd']],
    ['an option of apiKeyAuth that has no place here', keyring, { issuer, credentials: [] }, ['unknown_option', 'bearerToken.credentials']],
    ['no issuer', keyring, {}, ['invalid_option', 'issuer']],
    ['an issuer made by hand', keyring, { issuer: { ...issuer } }, ['invalid_option', 'issuer']],
    ['an audience that the issuer does not have', keyring, { issuer, audience: 'https://other' }, ['invalid_option', 'audience']],
    ['diesWithKey in words', keyring, { issuer, diesWithKey: 'no' }, ['invalid_option', 'diesWithKey']],
    ['an unknown scope', keyring, { issuer, scopes: ['raed'] }, ['unknown_scope', 'scopes[0]']],
    ['an unknown environment', keyring, { issuer, environment: 'lvie' }, ['unknown_environment', 'environment']],
  ])('%s', async (_what, ring, options, expected) => {
    expect(await failure(() => bearerToken(ring as never, options as never))).toEqual(expected);
  });
});

describe('two keyrings with one issuer', () => {
  it('know nothing of each other\'s tokens', async () => {
    const made = bench();
    const other = createKeyring({ prefix: 'oth', clock: made.clock });
    const server = await listen(hosts[0]!.listener([bearerToken(other, { issuer: made.issuer }), show]));
    await server.get('/', asBearer((await made.token()).token)).expect(401);
    const foreign = tokenIssuer({ issuer: 'https://other.example.com', keys: [SIGNING_KEYS.EdDSA], clock: made.clock });
    const strict = await listen(hosts[0]!.listener([bearerToken(made.keyring, { issuer: foreign, required: false }), apiKeyAuth(made.keyring), show]));
    await strict.get('/', asBearer((await made.token()).token)).expect(401).expect(({ body }) => { expect(body.code).toBe('missing_key'); });
  });
});
