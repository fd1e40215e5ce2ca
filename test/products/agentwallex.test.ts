import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Express } from 'express';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import request, { type Test } from 'supertest';
import { fakeClock, type FakeClock } from '../../src/testing/fake-clock.js';
import { agentWallex } from '../../examples/agentwallex/server.js';
import { root } from '../support/repository.js';

const DAY = 86_400_000;
const KEYS = '/api/v1/api-keys';

type Product = Awaited<ReturnType<typeof agentWallex>>;
type Plan = keyof Product['facts']['tokens'];

let product: Product;
let server: Express;
let clock: FakeClock;
let log: string[];
beforeEach(async () => {
  [clock, log] = [fakeClock(), []];
  product = await agentWallex({ clock, log: (line) => log.push(line) });
  ({ server } = product);
});

const as = (plan: Plan, test: Test): Test => test.set('authorization', `Bearer ${product.facts.tokens[plan]}`);
const make = async (plan: Plan = 'starter', name = 'production-backend'): Promise<{ id: string; key: string }> =>
  (await as(plan, request(server).post(KEYS)).send({ name }).expect(201)).body as { id: string; key: string };
const list = async (plan: Plan = 'starter', path = KEYS): Promise<Record<string, unknown>[]> => (await as(plan, request(server).get(path)).expect(200)).body.data;
const wallets = (key: string): Test => request(server).get('/api/v1/wallets').set('x-api-key', key);
const told = (code: string, type: string, message: unknown = expect.any(String)) => ({ body }: { body: unknown }) => expect(body).toEqual({ code, type, message });

describe('managing keys', () => {
  it('shows a key in the creating response only', async () => {
    const { id, key } = await make();
    expect(key).toMatch(/^awx_\w{12}_\w{33}$/);
    const now = new Date(clock.now()).toISOString();
    const shown = { id, name: 'production-backend', prefix: `awx_...${key.slice(-4)}`, created_at: now, last_used_at: null };
    expect(await list()).toEqual([shown]);
    clock.advance(60_000);
    await wallets(key).expect(200);
    expect(await list()).toEqual([{ ...shown, last_used_at: new Date(clock.now()).toISOString() }]);
    expect(JSON.stringify((await as('starter', request(server).post(KEYS)).send({ name: 'x' })).body)).toContain('"key":"awx_');
  });

  it('lists all keys, however many', async () => {
    for (let made = 0; made < 501; made++) await product.keyring.create({ name: `${made}`, tenantId: 'account-growth', plan: 'growth' });
    expect(await list('growth')).toHaveLength(501);
  });

  it('is for people: neither a key nor a forged, unsigned or foreign token will do', async () => {
    const { id, key } = await make();
    const all = (): Test[] => [request(server).get(KEYS), request(server).post(KEYS).send({ name: 'x' }), request(server).delete(`${KEYS}/${id}`), request(server).get(`${KEYS}/stale`)];
    for (const test of all()) await test.expect(401).expect(told('unauthorized', 'authentication_error'));
    for (const test of all()) await test.set('x-api-key', key).expect(403).expect(told('api_key_not_accepted', 'permission_error'));
    for (const test of all()) await as('starter', test).set('x-api-key', key).expect(403);
    for (const test of all()) await test.set('authorization', `Bearer ${key}`).expect(403);
    const [header, payload] = product.facts.adminToken.split('.');
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    const other = await agentWallex({ clock, log: (line) => log.push(line) });
    for (const token of [`${none}.${payload}.`, `${header}.${payload}.AAAA`, 'x', other.facts.adminToken]) {
      for (const test of all()) await test.set('authorization', `Bearer ${token}`).expect(401);
    }
    expect(await list()).toHaveLength(1);
  });

  it('is confined to the account', async () => {
    const { id, key } = await make();
    await as('growth', request(server).delete(`${KEYS}/${id}`)).expect(404).expect(told('not_found', 'not_found_error'));
    expect(await list('growth')).toEqual([]);
    await wallets(key).expect(200, { data: [{ id: 'wallet_1', account: 'account-starter' }] });
  });

  it('replaces a key without a gap, and a deleted one is gone for good', async () => {
    const [old, next] = [await make(), await make()];
    await wallets(old.key).expect(200);
    await wallets(next.key).expect(200);
    const answers = await Promise.all([1, 2, 3].map(() => as('starter', request(server).delete(`${KEYS}/${old.id}`))));
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 204, 204]);
    await as('growth', request(server).delete(`${KEYS}/${old.id}`)).expect(404);
    await wallets(old.key).expect(401).expect(told('invalid_key', 'authentication_error', 'Invalid API key'));
    await wallets(next.key).expect(200);
    expect(await list()).toEqual([expect.objectContaining({ id: next.id })]);
  });

  it('gives an account of each plan a token, and PLAN chooses one of them', async () => {
    expect(product.facts).toMatchObject({ adminToken: product.facts.tokens.starter });
    const { facts } = await agentWallex({ plan: 'growth', clock, log: (line) => log.push(line) });
    expect(facts).toMatchObject({ adminToken: facts.tokens.growth });
  });
});

describe('plans', () => {
  it.each([['starter', 60], ['growth', 300]] as const)('%s: %i requests a minute, each key by itself, and the documented 429', async (plan, limit) => {
    const [one, two] = [await make(plan), await make(plan)];
    for (let made = 0; made < limit; made++) await wallets(one.key).expect(200);
    const { headers } = await wallets(one.key).expect(429);
    const seconds = Number(headers['retry-after']);
    expect(seconds).toBeGreaterThanOrEqual(1);
    await wallets(one.key).expect(429).expect(told('rate_limit_exceeded', 'rate_limit_error', `Rate limit exceeded. Retry after ${seconds} seconds.`));
    await wallets(two.key).expect(200);
    clock.advance(seconds * 1_000);
    await wallets(one.key).expect(200);
  });

  it.each([
    ['starter', '"minute";q=60;w=60, "day";q=10000;w=86400, "concurrency";q=5;qu="concurrent-requests"'],
    ['growth', '"minute";q=300;w=60, "day";q=100000;w=86400, "concurrency";q=25;qu="concurrent-requests"'],
    ['enterprise', '"minute";q=1200;w=60, "day";q=1000000;w=86400, "concurrency";q=100;qu="concurrent-requests"'],
  ] as const)('%s tells its limits', async (plan, policy) => {
    await wallets((await make(plan)).key).expect(200).expect('ratelimit-policy', policy);
  });

  it('enterprise: what each has agreed upon, the day included', async () => {
    const token = await product.issue({ sub: 'big', plan: 'enterprise', limits: { perMinute: 3, perDay: 4, concurrent: 2 } });
    const { key } = (await request(server).post(KEYS).set('authorization', `Bearer ${token}`).send({ name: 'x' }).expect(201)).body as { key: string };
    for (let made = 0; made < 3; made++) await wallets(key).expect(200);
    await wallets(key).expect(429);
    clock.advance(60_000);
    await wallets(key).expect(200);
    const { headers, body } = await wallets(key).expect(429);
    expect(Number(headers['retry-after'])).toBeGreaterThan(80_000);
    expect(body).toMatchObject({ message: `Rate limit exceeded. Retry after ${headers['retry-after']} seconds.` });
  });

  it.each([['starter', 5], ['growth', 25]] as const)('%s: %i at once', async (plan, most) => {
    const { key } = await make(plan);
    const listening = createServer(server).listen(0, '127.0.0.1');
    await once(listening, 'listening');
    const origin = `http://127.0.0.1:${(listening.address() as AddressInfo).port}`;
    const leaving = new AbortController();
    const call = (path: string, more: RequestInit = {}): Promise<Response> => fetch(`${origin}/api/v1/${path}`, { ...more, headers: { 'x-api-key': key } });
    try {
      const answers: Response[] = [];
      const four = new Promise<void>((resolve) => {
        for (let sent = 0; sent < most + 4; sent++) {
          call('slow?ms=3000', { signal: leaving.signal }).then((answer) => {
            if (answers.push(answer) === 4) resolve();
          }, () => undefined);
        }
      });
      // The first to be answered are those for whom there is no room.
      await four;
      for (const answer of answers.splice(0)) {
        expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '1']);
        expect(await answer.json()).toEqual({ code: 'rate_limit_exceeded', type: 'rate_limit_error', message: 'Rate limit exceeded. Retry after 1 seconds.' });
      }
      expect((await call('wallets')).status).toBe(429);
      // Who hangs up makes room.
      leaving.abort();
      let status = 429;
      for (let tried = 0; tried < 100 && status === 429; tried++) ({ status } = await call('wallets'));
      expect(status).toBe(200);
    } finally {
      listening.closeAllConnections();
      listening.close();
    }
  });
});

describe('keys older than 90 days', () => {
  it('are reported to their account', async () => {
    const old = await make('starter', 'old');
    await make('growth', 'of somebody else');
    clock.advance(90 * DAY - 1);
    await make('starter', 'young');
    expect(await list('starter', `${KEYS}/stale`)).toEqual([]);
    clock.advance(1);
    const stale = await list('starter', `${KEYS}/stale`);
    expect(stale).toEqual((await list()).filter(({ id }) => id === old.id));
    expect(stale).toHaveLength(1);
    await as('starter', request(server).delete(`${KEYS}/${old.id}`)).expect(204);
    expect(await list('starter', `${KEYS}/stale`)).toEqual([]);
  });

  it('are told in a line of JSON', async () => {
    const { id, key } = await make('starter', 'old');
    clock.advance(90 * DAY);
    await make('starter', 'young');
    await product.keyring.checkStale();
    expect(log.map((line) => JSON.parse(line) as unknown)).toEqual([
      { event: 'rotation_due', account: 'account-starter', id, name: 'old', prefix: `awx_...${key.slice(-4)}`, created_at: new Date(clock.now() - 90 * DAY).toISOString(), last_used_at: null },
    ]);
  });

  it('may be younger, where keys are to be rotated earlier', async () => {
    product = await agentWallex({ clock, rotateAfterSeconds: 1, log: (line) => log.push(line) });
    ({ server } = product);
    await make();
    expect(await list('starter', `${KEYS}/stale`)).toEqual([]);
    clock.advance(1_000);
    expect(await list('starter', `${KEYS}/stale`)).toHaveLength(1);
  });
});

describe('what is not understood', () => {
  it('in a body is a 422 that names the field, and nothing is stored', async () => {
    const wrong: [body: string, field: string][] = [
      ['{}', 'name'], ['[]', 'body'], ['{"name":""}', 'name'], ['{"name":5}', 'name'], ['{"name":null}', 'name'], ['{"name":["x"]}', 'name'], [JSON.stringify({ name: 'x'.repeat(257) }), 'name'],
      ['{"name":"a\\u0000"}', 'name'], ['{"name":"x","plan":"growth"}', 'plan'], ['{"name":"x","plan":"gold"}', 'plan'], ['{"name":"x","scopes":["admin"]}', 'scopes'], ['{"name":"x","limits":[]}', 'limits'],
      ['{"name":"x","tenantId":"account-growth"}', 'tenantId'], ['{"name":"x","__proto__":{}}', '__proto__'], ['{"name":"x","constructor":1}', 'constructor'],
    ];
    for (const [body, field] of wrong) {
      await as('starter', request(server).post(KEYS)).set('content-type', 'application/json').send(body).expect(422).expect(told('invalid_field', 'invalid_request_error', expect.stringMatching(`^${field}: `)));
    }
    expect(await list()).toEqual([]);
  });

  it('as a body is a 400, 413 or 415, in the same shape', async () => {
    const post = (type: string, body: string): Test => as('starter', request(server).post(KEYS)).set('content-type', type).send(body);
    for (const body of ['{', 'null', '"x"']) await post('application/json', body).expect(400).expect(told('invalid_request', 'invalid_request_error'));
    await post('application/json', JSON.stringify({ name: 'x'.repeat(1_000_000) })).expect(413).expect(told('body_too_large', 'invalid_request_error'));
    await post('application/json', '['.repeat(40_000) + ']'.repeat(40_000)).expect(422);
    await post('text/plain', '{"name":"x"}').expect(415).expect(told('unsupported_media_type', 'invalid_request_error'));
    expect(await list()).toEqual([]);
  });

  it('elsewhere is told in the same shape, too', async () => {
    const { key } = await make();
    await request(server).get('/nowhere').expect(404).expect(told('not_found', 'not_found_error'));
    await as('starter', request(server).delete(`${KEYS}/__proto__`)).expect(404).expect(told('not_found', 'not_found_error'));
    await as('starter', request(server).delete(`${KEYS}/%E0%A4%A`)).expect(400).expect(told('invalid_request', 'invalid_request_error'));
    await wallets('awx_wrong').expect(401).expect(told('malformed_key', 'authentication_error'));
    await request(server).get('/api/v1/wallets').expect(401).expect(told('missing_key', 'authentication_error'));
    await as('starter', request(server).get('/api/v1/wallets')).expect(401).expect(told('missing_key', 'authentication_error'));
    for (const query of ['ms=soon', 'ms=-1', 'ms=1.5', 'ms=', 'ms=10001', 'ms=1&ms=2', 'ms[]=1', 'for=1']) {
      await request(server).get(`/api/v1/slow?${query}`).set('x-api-key', key).expect(422).expect(told('invalid_field', 'invalid_request_error', expect.stringMatching(/^(?:ms|ms\[\]|for): /)));
    }
    await request(server).get('/api/v1/slow?ms=0').set('authorization', `Bearer ${key}`).expect(200, { data: { waited_ms: 0 } });
  });

  it('PLAN=gold ends the start with one line', async () => {
    const ended = await new Promise((resolve) => {
      execFile(process.execPath, ['--import', 'tsx', 'examples/agentwallex/server.ts'], { cwd: root, env: { ...process.env, PORT: '0', PLAN: 'gold' } }, (failure, stdout, stderr) => resolve({ code: failure?.code, stdout, stderr }));
    });
    expect(ended).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(/^PLAN: .*starter.*\n$/) });
  });
});
