import { beforeEach, describe, expect, it } from '@jest/globals';
import { perMinute, type KeyStore } from 'keystile';
import { testKeyring } from 'keystile/testing';
import request, { type Test } from 'supertest';
import { createApp, SCOPES } from './app.js';

/** A keyring in memory with the scopes of the application, smaller plans, and a clock that stands still. */
const ready = () => testKeyring({ scopes: SCOPES, plans: { starter: [perMinute(2)] } });

let test: ReturnType<typeof ready>;
let orders: (key: string) => Test;

beforeEach(() => {
  // A fresh keyring for each test: keys and limits of one never reach another.
  test = ready();
  const app = createApp(test.keyring);
  orders = (key) => request(app).get('/v1/orders').set('X-API-Key', key);
});

describe('GET /v1/orders', () => {
  it('answers a key that may read, for its tenant', async () => {
    const key = await test.issue({ scopes: ['read'], tenantId: 'acme' });
    const answer = await orders(key).expect(200);
    expect(answer.body.tenant).toBe('acme');
  });

  it('refuses a key without the scope', async () => {
    const answer = await orders(await test.issue()).expect(403);
    expect(answer.body.code).toBe('insufficient_scope');
  });

  it('refuses the third request of a minute, and answers again when Retry-After has passed', async () => {
    const key = await test.issue({ scopes: ['read'], plan: 'starter' });
    await orders(key).expect(200);
    await orders(key).expect(200);
    const limited = await orders(key).expect(429);
    test.clock.advance(Number(limited.headers['retry-after']) * 1_000);
    await orders(key).expect(200);
  });

  it('refuses a key from the moment it is revoked', async () => {
    const key = await test.issue({ scopes: ['read'] });
    await orders(key).expect(200);
    const [shown] = (await test.keyring.list()).keys;
    await test.keyring.revoke(shown?.id ?? '', { reason: 'found in a public repository' });
    const answer = await orders(key).expect(401);
    expect(answer.body.code).toBe('revoked_key');
  });

  it('answers 503 when the store is down', async () => {
    const down = testKeyring({ scopes: SCOPES, plans: { starter: [] }, cache: false, store: brokenStore() });
    const key = down.keyring.format.generate({ environment: 'live' }).key;
    await request(createApp(down.keyring)).get('/v1/orders').set('X-API-Key', key).expect(503);
  });
});

function brokenStore(): KeyStore {
  const fail = (): never => {
    throw new Error('connection refused');
  };
  return { insert: fail, find: fail, update: fail, replace: fail, delete: fail, list: fail, touch: fail };
}
