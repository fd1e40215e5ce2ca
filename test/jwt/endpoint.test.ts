import { describe, expect, it } from '@jest/globals';
import { principalOf, type HostRequest, type Middleware } from 'keystile';
import { USER_ID_TOKEN_TYPE } from 'keystile/jwt';
import express from 'express';
import { createRequire } from 'node:module';
import { expresses, hosts, type TestHost } from '../support/hosts.js';
import { failing, INSIDE, SHORT } from '../support/misbehaviour.js';
import { useServers, type TestServer } from '../support/servers.js';
import { asBearer, bench, show, type BenchSettings, type TokenBench } from './support.js';

const listen = useServers();

const GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const FORM = 'application/x-www-form-urlencoded';
const FIELDS = { grant_type: GRANT, subject_token: 'ada', subject_token_type: USER_ID_TOKEN_TYPE };

interface Endpoint extends TokenBench {
  readonly server: TestServer;
  readonly key: string;
  readonly id: string;
}

async function endpoint(host: TestHost, settings: BenchSettings = {}, before: readonly Middleware[] = []): Promise<Endpoint> {
  const made = bench(settings);
  const steps = [...before, ['/token', host.apiKeyAuth(made.keyring)], ['/token', made.exchange], made.accept(), show] as const;
  return { ...made, server: await listen(host.listener(steps)), ...(await made.issue()) };
}

const post = ({ server, key }: Endpoint, body: string | object, type = FORM): ReturnType<TestServer['agent']['post']> =>
  server.agent.post('/token').set('X-API-Key', key).set('Content-Type', type).send(typeof body === 'string' || type !== FORM ? body : new URLSearchParams(body as Record<string, string>).toString());

describe.each(hosts)('the RFC 8693 endpoint on $name', (host) => {
  it.each([['a form', FORM], ['a form with a charset', `${FORM}; charset=UTF-8`], ['JSON', 'application/json']])('exchanges a key for a token, asked by %s', async (_how, type) => {
    const at = await endpoint(host);
    const body = type === 'application/json' ? JSON.stringify({ ...FIELDS, scope: 'read' }) : new URLSearchParams({ ...FIELDS, scope: 'read' }).toString();
    const answer = await post(at, body, type).expect(200).expect('Content-Type', 'application/json').expect('Cache-Control', 'no-store').expect('Pragma', 'no-cache');
    expect(answer.body).toEqual({ access_token: expect.stringMatching(/^eyJ/), issued_token_type: ACCESS_TOKEN, token_type: 'Bearer', expires_in: 300, scope: 'read' });
    await at.server.get('/', asBearer(answer.body.access_token as string)).expect(200, { caller: at.id, scopes: ['read'], subject: 'ada', act: { sub: at.id } });
  });

  const refused: readonly (readonly [name: string, fields: Record<string, string> | string, error: string, status?: number])[] = [
    ['no grant type', { ...FIELDS, grant_type: '' }, 'invalid_request'],
    ['another grant type', { ...FIELDS, grant_type: 'client_credentials' }, 'unsupported_grant_type'],
    ['no subject', { ...FIELDS, subject_token: '' }, 'invalid_request'],
    ['no type of subject', { grant_type: GRANT, subject_token: 'ada' }, 'invalid_request'],
    ['another type of subject', { ...FIELDS, subject_token_type: ACCESS_TOKEN }, 'invalid_request'],
    ['an actor token', { ...FIELDS, actor_token: 'x', actor_token_type: ACCESS_TOKEN }, 'invalid_request'],
    ['another type of token', { ...FIELDS, requested_token_type: 'urn:ietf:params:oauth:token-type:saml2' }, 'invalid_request'],
    ['a scope the key has not', { ...FIELDS, scope: 'read admin' }, 'invalid_scope'],
    ['an audience that is not served', { ...FIELDS, audience: 'https://evil.example.com' }, 'invalid_target'],
    ['a resource that is not served', { ...FIELDS, resource: 'https://evil.example.com' }, 'invalid_target'],
    ['a user for whom the key may not act', { ...FIELDS, subject_token: 'eve' }, 'invalid_request'],
    ['a repeated parameter', `${new URLSearchParams(FIELDS).toString()}&subject_token=eve`, 'invalid_request'],
    ['an empty body', '', 'invalid_request'],
    ['bytes that are no UTF-8', '%FF', 'invalid_request'],
    ['hostile names', '__proto__=x&constructor=y&toString=z&hasOwnProperty=1', 'invalid_request'],
    ['a body that is too large', `a=${'x'.repeat(20_000)}`, 'invalid_request', 413],
  ];
  it.each(refused)('refuses %s as RFC 6749 says', async (_what, body, error, status = 400) => {
    const at = await endpoint(host, { mayActFor: (_key, subject) => subject !== 'eve' });
    const answer = await post(at, body).expect(status).expect('Cache-Control', 'no-store').expect('Content-Type', 'application/json');
    expect(answer.body).toEqual({ error, error_description: expect.any(String) });
    expect(at.faults).toEqual([]);
  });

  it.each([['broken JSON', '{'], ['a list', '[]'], ['null', 'null'], ['a text', '"x"'], ['numbers for texts', JSON.stringify({ ...FIELDS, subject_token: 5 })], ['lists for texts', JSON.stringify({ ...FIELDS, scope: ['read'] })], ['very deep JSON', '['.repeat(16_000)], ['__proto__', `{"__proto__":${JSON.stringify(FIELDS)}}`]])('refuses %s', async (_what, body) => {
    const at = await endpoint(host);
    await post(at, body, 'application/json').expect(400).expect(({ body: { error } }) => { expect(error).toBe('invalid_request'); });
  });

  it('refuses other methods, types and encodings', async () => {
    const at = await endpoint(host);
    await at.server.get('/token', { 'X-API-Key': at.key }).expect(405).expect('Allow', 'POST');
    for (const type of ['text/plain', 'multipart/form-data; boundary=x', 'application/jsonp']) await post(at, 'x', type).expect(415);
    await at.server.agent.post('/token').set({ 'X-API-Key': at.key, 'Content-Type': FORM, 'Content-Encoding': 'gzip' }).send('x').expect(415);
  });

  it('refuses who comes without a key, and who comes with a token', async () => {
    const made = bench();
    const server = await listen(host.listener([made.accept({ required: false }), host.apiKeyAuth(made.keyring, { required: false }), made.exchange]));
    const none = await server.agent.post('/').type('form').send(FIELDS).expect(401).expect('WWW-Authenticate', 'ApiKey');
    expect(none.body.error).toBe('invalid_client');
    const { token } = await made.token();
    await server.agent.post('/').set(asBearer(token)).type('form').send({ ...FIELDS, subject_token: 'eve' }).expect(401).expect(({ body }) => { expect(body.error).toBe('invalid_client'); });
  });

  it('takes audience and resource, once or several times, among the issuer\'s', async () => {
    const at = await endpoint(host, { issuer: { audience: ['https://a.example.com', 'https://b.example.com'] } });
    const { body } = await post(at, `${new URLSearchParams(FIELDS).toString()}&audience=https%3A%2F%2Fb.example.com&resource=https%3A%2F%2Fa.example.com&requested_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt`).expect(200);
    expect(body.issued_token_type).toBe('urn:ietf:params:oauth:token-type:jwt');
    const [, payload = ''] = (body.access_token as string).split('.');
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString()).aud).toEqual(['https://b.example.com', 'https://a.example.com']);
  });

  it.each(failing)('answers 503 and says nothing of the inside when mayActFor %s', async (_how, mayActFor) => {
    const at = await endpoint(host, { mayActFor, keyring: { deadlines: SHORT } });
    const answer = await post(at, FIELDS).expect(503).expect('Cache-Control', 'no-store');
    expect(answer.body.error).toBe('temporarily_unavailable');
    expect(answer.text).not.toContain(INSIDE);
    expect(at.faults).toHaveLength(1);
  });

  it('does not wait for the end of a body that is too large already', async () => {
    const at = await endpoint(host);
    const head = ['POST /token HTTP/1.1', 'Host: a', `X-API-Key: ${at.key}`, `Content-Type: ${FORM}`, 'Transfer-Encoding: chunked', '', ''].join('\r\n');
    const [answer] = await at.server.raw(`${head}${(20_000).toString(16)}\r\n${'x'.repeat(20_000)}\r\n`);
    expect([answer?.status, answer?.headers.get('connection')]).toEqual([413, ['close']]);
  });

  it('survives a client that leaves in the middle of its body', async () => {
    const at = await endpoint(host);
    const text = ['POST /token HTTP/1.1', 'Host: a', `X-API-Key: ${at.key}`, `Content-Type: ${FORM}`, 'Content-Length: 500', '', 'grant_type='].join('\r\n');
    const { connect } = await import('node:net');
    await new Promise<void>((resolve) => {
      const socket = connect(at.server.port, '127.0.0.1', () => socket.write(text, () => { setImmediate(() => { socket.destroy(); }); }));
      socket.on('close', () => { resolve(); });
    });
    await post(at, FIELDS).expect(200);
    expect(at.faults).toEqual([]);
  });
});

// The parsers of both Expresses: 4's leave an empty object where they read nothing.
const express4 = createRequire(import.meta.url)('express4') as typeof express;
const parsers: readonly (readonly [name: string, parsers: readonly unknown[], type: string])[] = [['Express 5', express], ['Express 4', express4]].flatMap(([name, from]) => {
  const { json: asJson, urlencoded, text, raw } = from as typeof express;
  return [
    [`${String(name)}'s JSON parser`, [asJson()], 'application/json'],
    [`${String(name)}'s JSON parser, which leaves forms alone`, [asJson()], FORM],
    [`${String(name)}'s form parser`, [urlencoded({ extended: false })], FORM],
    [`${String(name)}'s extended form parser`, [urlencoded({ extended: true })], FORM],
    [`${String(name)}'s text parser`, [text({ type: '*/*' })], FORM],
    [`${String(name)}'s raw parser`, [raw({ type: '*/*' })], 'application/json'],
  ] as const;
});

describe.each(expresses)('behind a body parser, on %s', (name) => {
  const host = hosts.find((one) => one.name === name)!;
  it.each(parsers)('%s', async (_parser, before, type) => {
    const at = await endpoint(host, {}, before as readonly Middleware[]);
    await post(at, type === FORM ? new URLSearchParams(FIELDS).toString() : JSON.stringify(FIELDS), type).expect(200);
    await post(at, type === FORM ? 'grant_type=x' : '{"grant_type":"x"}', type).expect(400).expect(({ body }) => { expect(body.error).toBe('unsupported_grant_type'); });
  });
});

describe('a body that somebody has read, and left nothing of', () => {
  it('is answered, not waited for', async () => {
    const drain: Middleware = (req, _res, next) => { req.resume().on('end', () => { next(); }); };
    for (const host of hosts) {
      const at = await endpoint(host, {}, [drain]);
      await post(at, FIELDS).expect(400).expect(({ body }) => { expect(body.error).toBe('invalid_request'); });
    }
  });
});

describe('an endpoint of the host\'s own shape', () => {
  it('takes a user id and gives a token', async () => {
    const members = new Map([['shop', ['ada']]]);
    const made = bench({ mayActFor: (key, userId) => members.get(key.tenantId ?? '')?.includes(userId) === true });
    for (const [, create] of expresses) {
      const app = create();
      const auth = hosts[0]!.apiKeyAuth(made.keyring, { tenant: (req) => (req.originalUrl ?? '').split('/')[2] });
      app.post('/tenant/:tenantId/v2.0/Auth/token-exchange', auth, create.json(), async (req, res) => {
        const answer = await made.exchange.exchange(principalOf(req), { subject: req.body.userId as string }, req as HostRequest);
        if (answer.ok) res.json({ token: answer.token });
        else res.status(answer.status).json({ error: answer.code });
      });
      const { agent } = await listen(app);
      const { key } = await made.issue({ tenantId: 'shop' });
      const ask = (userId: unknown, tenant = 'shop'): ReturnType<TestServer['agent']['post']> => agent.post(`/tenant/${tenant}/v2.0/Auth/token-exchange`).set('X-API-Key', key).send({ userId });
      await ask('ada').expect(200).expect(({ body }) => { expect(body.token).toMatch(/^eyJ/); });
      await ask('eve').expect(403, { error: 'subject_not_allowed' });
      await ask({ $ne: null }).expect(400, { error: 'invalid_subject' });
      await ask('ada', 'other').expect(403);
    }
  });
});
