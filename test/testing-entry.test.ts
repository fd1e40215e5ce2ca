import { describe, expect, it } from '@jest/globals';
import express from 'express';
import request from 'supertest';
import * as testing from '../src/testing/index.js';
import { apiKeyAuth } from '../src/express/index.js';
import { perMinute } from '../src/core/limits/rules.js';
import { memoryStore } from '../src/memory/store.js';

const { fakeClock, testKeyring } = testing;

it('keystile/testing has the contracts, a clock and a keyring', () => {
  expect(Object.keys(testing).sort()).toEqual(['activityContract', 'fakeClock', 'limiterContract', 'storeContract', 'testKeyring', 'usageContract']);
});

describe('fakeClock', () => {
  it('stands still until it is moved', () => {
    const clock = fakeClock(1_000);
    expect([clock.now(), clock.now()]).toEqual([1_000, 1_000]);
    clock.advance(500);
    expect(clock.now()).toBe(1_500);
    clock.advance(-1_000);
    expect(clock.now()).toBe(500);
    clock.set(7);
    expect(clock.now()).toBe(7);
    expect(fakeClock().now()).toBe(Date.UTC(2030, 0, 1));
  });

  it('can be handed over as a function', () => {
    const clock = fakeClock(1);
    const { now, advance } = clock;
    advance(1);
    expect(now()).toBe(2);
  });
});

describe('testKeyring', () => {
  it('is ready as it is', async () => {
    const { keyring, issue } = testKeyring();
    const key = await issue();
    expect(key).toMatch(/^test_live_/);
    expect(await keyring.verify(key)).toMatchObject({ ok: true, principal: { name: 'test' } });
  });

  it('has the scopes, plans and every other option of the application', async () => {
    const store = memoryStore();
    const { keyring, issue } = testKeyring({ prefix: 'awx', scopes: { read: [], write: ['read'] }, plans: { starter: [perMinute(1)] }, store });
    const key = await issue({ name: 'mine', scopes: ['write'], plan: 'starter', tenantId: 'acme' });
    expect(key).toMatch(/^awx_live_/);
    expect(await keyring.verify(key, { scopes: ['read'], tenant: 'acme' })).toMatchObject({ ok: true, principal: { name: 'mine', tenantId: 'acme' } });
    expect(await keyring.verify(key)).toMatchObject({ code: 'rate_limited' });
    expect(await store.list({ limit: 10, now: 0 })).toMatchObject({ records: [{ name: 'mine' }] });
  });

  it('moves keys, limits and cache by one clock', async () => {
    const { keyring, clock, issue } = testKeyring({ limits: { default: [perMinute(1)] } });
    const key = await issue({ expiresAt: clock.now() + 90_000 });
    const codes = [];
    for (let round = 0; round < 4; round++) {
      const verification = await keyring.verify(key);
      codes.push(verification.ok ? 'ok' : verification.code);
      clock.advance(30_000);
    }
    expect(codes).toEqual(['ok', 'rate_limited', 'ok', 'expired_key']);
  });

  it('shares nothing with another', async () => {
    const [one, two] = [testKeyring(), testKeyring()];
    expect(await two.keyring.verify(await one.issue())).toMatchObject({ ok: false, code: 'invalid_key' });
    one.clock.advance(5);
    expect(two.clock.now()).toBe(one.clock.now() - 5);
  });

  it('refuses wrong options like createKeyring', () => {
    expect(() => testKeyring({ palns: {} } as never)).toThrow("did you mean 'plans'?");
  });

  it('serves the tests of an application', async () => {
    const { keyring, clock, issue } = testKeyring({ scopes: { read: [] } });
    const app = express().use(apiKeyAuth(keyring, { scopes: ['read'] })).get('/', (req, res) => res.json({ caller: req.apiKey?.name }));
    const key = await issue({ scopes: ['read'], expiresAt: clock.now() + 1 });
    await request(app).get('/').expect(401);
    await request(app).get('/').set('X-API-Key', await issue()).expect(403);
    await request(app).get('/').set('X-API-Key', key).expect(200, { caller: 'test' });
    clock.advance(1);
    await request(app).get('/').set('X-API-Key', key).expect(401);
  });
});
