import { describe, expect, it, jest } from '@jest/globals';
import { memoryStore, sha256, type Hasher, type KeyRecord, type KeyStore } from 'keystile';
import type { Response } from 'supertest';
import { useApps, type TestApp } from '../support/app.js';
import { hosts, type TestHost } from '../support/hosts.js';
import { answering, failing, INSIDE, SHORT } from '../support/misbehaviour.js';

// A rejection that nobody handles fails the test it happens in: Jest listens for it on the process.
jest.setTimeout(60_000);
const start = useApps();

/** A store or hasher whose methods can be replaced once keys have been made. */
async function startWith(host: TestHost): Promise<{ app: TestApp; key: string; store: KeyStore; hasher: Hasher }> {
  const store = { ...memoryStore() };
  const hasher = { ...sha256() };
  const behind = <T extends object>(port: T): T => new Proxy(port, { get: (target, name) => target[name as keyof T] });
  const app = await start(host, { keyring: { store: behind(store), hashing: behind(hasher), cache: false, deadlines: SHORT } });
  const { key } = await app.issue({ scopes: ['read'] });
  await app.get('/items', { 'X-API-Key': key }).expect(200);
  return { app, key, store, hasher };
}

async function expectUnavailable(app: TestApp, key: string, what: string): Promise<Response> {
  const before = app.reached();
  const response = await app.get('/items', { 'X-API-Key': key });
  expect([what, response.status, response.body.code]).toEqual([what, 503, 'store_unavailable']);
  expect(app.reached()).toBe(before);
  expect(JSON.stringify(response.headers) + response.text).not.toContain(INSIDE);
  expect(JSON.stringify(response.headers) + response.text).not.toContain(key);
  expect(app.faults.splice(0).length).toBeGreaterThan(0);
  return response;
}

describe.each(hosts)('a store on $name', (host) => {
  it('that fails in any way is a 503, and authentication comes back with it', async () => {
    const { app, key, store } = await startWith(host);
    const { find } = store;
    for (const [how, fail] of failing) {
      store.find = fail;
      await expectUnavailable(app, key, how);
      await expectUnavailable(app, app.keyring.format.generate({ environment: 'live' }).key, `${how}, unknown key`);
    }
    store.find = find;
    await app.get('/items', { 'X-API-Key': key }).expect(200);
    // What is refused offline needs no store, nor does what is cached.
    store.find = failing[0]![1];
    await app.get('/items', { 'X-API-Key': `${key}x` }).expect(401);
    await app.get('/items').expect(401);
  });

  it('that answers nonsense is a 503', async () => {
    const { app, key, store } = await startWith(host);
    for (const [how, answer] of answering(['yes', 5, true, false, [], {}, [{}], { id: 'x' }, { hash: '' }])) {
      store.find = answer;
      await expectUnavailable(app, key, how);
    }
    store.find = () => null;
    await app.get('/items', { 'X-API-Key': key }).expect(401);
  });

  it('that answers with half a record lets nobody in', async () => {
    const { app, key, store } = await startWith(host);
    const { find } = store;
    const damaged: Partial<Record<keyof KeyRecord, unknown>>[] = [
      { id: undefined }, { hash: undefined }, { hash: null }, { hash: 7 }, { scopes: undefined }, { scopes: 'read' }, { scopes: [1] }, { access: [] }, { access: 'none' }, { access: { ips: 'x' } }, { access: { endpoint: 'none' } },
      { limits: 'none' }, { limits: {} }, { limits: [null] }, { limits: [{}] }, { limits: [{ kind: 'window', name: 'x', limit: '5', windowMs: 60_000, per: 'key' }] }, { limits: [{ kind: 'window', name: 'x', limit: 5, windowMs: 60_000, per: 'nobody' }] },
      { plan: 'gone' }, { plan: 5 }, { expiresAt: '2000-01-01' }, { revokedAt: '2000-01-01' }, { disabledAt: true }, { tenantId: 5 }, { metadata: 'x' }, { owner: 'x' }, { version: '1' }, { environment: undefined },
    ];
    for (const damage of damaged) {
      store.find = (lookup) => ({ ...(find(lookup) as KeyRecord), ...damage }) as KeyRecord;
      await expectUnavailable(app, key, JSON.stringify(damage));
    }
    for (const denial of [{ expiresAt: Number.NaN }, { notBefore: Number.NaN }, { hash: 'sha256:' }, { hash: '' }, { hash: 'unheard-of:x' }]) {
      store.find = (lookup) => ({ ...(find(lookup) as KeyRecord), ...denial });
      await app.get('/items', { 'X-API-Key': key }).expect(401);
    }
    expect(app.reached()).toBe(1);
  });
});

describe.each(hosts)('a hasher on $name', (host) => {
  it('that fails in any way, or answers nonsense, is a 503', async () => {
    const { app, key, hasher } = await startWith(host);
    for (const [how, fail] of failing) {
      hasher.verify = fail;
      await expectUnavailable(app, key, how);
      await expectUnavailable(app, app.keyring.format.generate({ environment: 'live' }).key, `${how}, unknown key`);
    }
    for (const [how, answer] of answering(['true', 1, null, undefined, {}, []])) {
      hasher.verify = answer;
      await expectUnavailable(app, key, how);
    }
  });

  it('that cannot list candidates for keys without an id is a 503', async () => {
    const hasher = { ...sha256() };
    const hashing = new Proxy(hasher, { get: (target, name) => target[name as keyof Hasher] });
    const app = await start(host, { keyring: { formats: '{prefix}_{secret:hex:64}', hashing, cache: false, deadlines: SHORT } });
    const { key } = await app.issue();
    for (const [how, fail] of [...failing, ...answering(['x', 1, null, undefined, {}, [1], [null]])]) {
      hasher.candidates = fail;
      await expectUnavailable(app, key, how);
    }
  });

  it('that fails to hash anew does not stand in the way of a key that is right', async () => {
    const { app, key, hasher } = await startWith(host);
    hasher.outdated = () => true;
    for (const [, fail] of failing) {
      hasher.hash = fail;
      await app.get('/items', { 'X-API-Key': key }).expect(200);
    }
    for (const [how, fail] of failing) {
      hasher.outdated = fail;
      await expectUnavailable(app, key, how);
    }
  });
});
