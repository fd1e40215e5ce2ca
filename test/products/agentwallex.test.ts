import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Express } from 'express';
import { createServer, type Server } from 'node:http';
import request, { type Test } from 'supertest';
import { agentWallex } from '../../examples/agentwallex/server.js';
import { fakeClock, type FakeClock } from '../../src/testing/fake-clock.js';

const DAY = 86_400_000;

let app: Express;
let clock: FakeClock;
let signIn: ReturnType<typeof agentWallex>['signIn'];
beforeEach(() => {
  clock = fakeClock();
  ({ app, signIn } = agentWallex({ clock, log: () => undefined }));
});

/** Headers of a signed-in account. */
const as = async (account: Parameters<typeof signIn>[0]): Promise<{ authorization: string }> => ({ authorization: `Bearer ${await signIn(account)}` });
const starter = { id: 'acc-1', plan: 'starter' } as const;
const make = async (account: Parameters<typeof signIn>[0], name = 'production-backend'): Promise<{ id: string; key: string }> =>
  (await request(app).post('/api/v1/api-keys').send({ name }).set(await as(account)).expect(201)).body as { id: string; key: string };
const wallets = (key: string): Test => request(app).get('/api/v1/wallets').set('x-api-key', key);

describe('managing keys', () => {
  it('takes a JWT; the key stands in the creating response only', async () => {
    const { id, key } = await make(starter);
    expect(key).toMatch(/^awx_/);
    await wallets(key).expect(200);
    const { body } = await request(app).get('/api/v1/api-keys').set(await as(starter)).expect(200);
    expect(body).toEqual({ data: [{ id, name: 'production-backend', prefix: `awx_...${key.slice(-4)}`, created_at: new Date(clock.now()).toISOString(), last_used_at: new Date(clock.now()).toISOString() }] });
  });

  it('is for people: neither a key nor a forged, unsigned or expired token will do', async () => {
    const { key } = await make(starter);
    await request(app).get('/api/v1/api-keys').expect(401);
    await request(app).get('/api/v1/api-keys').set('x-api-key', key).expect(403);
    await request(app).get('/api/v1/api-keys').set('authorization', `Bearer ${key}`).expect(403);
    const [header, payload] = (await signIn(starter)).split('.');
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    for (const token of [`${none}.${String(payload)}.`, `${String(header)}.${String(payload)}.AAAA`, 'x']) await request(app).get('/api/v1/api-keys').set('authorization', `Bearer ${token}`).expect(401);
  });

  it('is confined to the account', async () => {
    const { id, key } = await make(starter);
    const other = { id: 'acc-2', plan: 'growth' } as const;
    await request(app).delete(`/api/v1/api-keys/${id}`).set(await as(other)).expect(404);
    expect((await request(app).get('/api/v1/api-keys').set(await as(other)).expect(200)).body).toEqual({ data: [] });
    await request(app).delete(`/api/v1/api-keys/${id}`).set(await as(starter)).expect(204);
    await wallets(key).expect(401);
    await request(app).delete(`/api/v1/api-keys/${id}`).set(await as(starter)).expect(404);
  });
});

describe('plans', () => {
  it.each([['starter', 60], ['growth', 300]] as const)('%s: %i requests a minute, and the documented 429', async (plan, limit) => {
    const { key } = await make({ id: 'acc', plan });
    for (let made = 0; made < limit; made++) await wallets(key).expect(200);
    const { body, headers } = await wallets(key).expect(429);
    const seconds = Number(headers['retry-after']);
    expect(body).toEqual({ code: 'rate_limit_exceeded', type: 'rate_limit_error', message: `Rate limit exceeded. Retry after ${String(seconds)} seconds.` });
    clock.advance(seconds * 1_000);
    await wallets(key).expect(200);
  });

  it('starter: 10,000 a day', async () => {
    const { key } = await make(starter);
    const { headers } = await wallets(key).expect(200);
    expect(headers['ratelimit-policy']).toBe('"minute";q=60;w=60, "day";q=10000;w=86400, "concurrency";q=5;qu="concurrent-requests"');
  });

  it('enterprise: what was agreed upon', async () => {
    const { key } = await make({ id: 'acc', plan: 'enterprise', custom: { perMinute: 3, perDay: 4, concurrent: 2 } });
    for (let made = 0; made < 3; made++) await wallets(key).expect(200);
    await wallets(key).expect(429);
  });

  it('starter: five at once', async () => {
    const { key } = await make(starter);
    const server: Server = createServer(app).listen(0);
    try {
      const { port } = server.address() as { port: number };
      const slow = Array.from({ length: 5 }, () => fetch(`http://127.0.0.1:${String(port)}/api/v1/slow?ms=300`, { headers: { 'x-api-key': key } }));
      let status = 200;
      // The five are on their way: at the latest when the last of them has been let in, a sixth is one too many.
      while (status !== 429 && (await Promise.race([Promise.all(slow).then(() => 'over'), Promise.resolve('running')])) === 'running') {
        status = (await fetch(`http://127.0.0.1:${String(port)}/api/v1/wallets`, { headers: { 'x-api-key': key } })).status;
      }
      expect(status).toBe(429);
      expect((await Promise.all(slow)).map((answer) => answer.status)).toEqual([200, 200, 200, 200, 200]);
      expect((await fetch(`http://127.0.0.1:${String(port)}/api/v1/wallets`, { headers: { 'x-api-key': key } })).status).toBe(200);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

it('reports keys older than 90 days', async () => {
  const { id } = await make(starter, 'old');
  clock.advance(89 * DAY);
  await make(starter, 'young');
  expect((await request(app).get('/api/v1/api-keys/stale').set(await as(starter)).expect(200)).body).toEqual({ data: [] });
  clock.advance(DAY);
  expect((await request(app).get('/api/v1/api-keys/stale').set(await as(starter)).expect(200)).body).toMatchObject({ data: [{ id, name: 'old' }] });
});
