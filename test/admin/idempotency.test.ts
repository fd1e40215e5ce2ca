import { describe, expect, it } from '@jest/globals';
import { memoryStore, type KeyStore } from 'keystile';
import { fakeClock } from 'keystile/testing';
import { createIdempotencyBook } from '../../src/admin/idempotency.js';
import { hosts } from '../support/hosts.js';
import { gate } from '../support/spies.js';
import { useAdmin, type AdminApp } from './support.js';

const start = useAdmin();
const KEY = { 'Idempotency-Key': 'order-4711' };
const made = async (app: AdminApp): Promise<number> => (await app.keyring.list({ limit: 500 })).keys.length;

describe.each(hosts)('Idempotency-Key on $name', (host) => {
  it('makes one key of a repeated request, and shows it once', async () => {
    const app = await start(host);
    const first = await app.as('ann', 'post', '/keys', { name: 'x', scopes: ['read'] }, KEY).expect(201);
    // The same settings in other words.
    const repeats = [await app.as('ann', 'post', '/keys', { name: 'x', scopes: ['read'] }, KEY), await app.as('ann', 'post', '/keys', { scopes: ['read'], name: 'x' }, KEY)];
    for (const { status, body, headers, text } of repeats) {
      expect([status, body.code, body.id, headers.location]).toEqual([409, 'idempotency_key_used', first.body.apiKey.id, first.headers.location]);
      expect(text).not.toContain(first.body.key);
    }
    expect((await app.as('ann', 'post', '/keys', { name: 'y', scopes: ['read'] }, KEY).expect(422)).body.code).toBe('idempotency_key_mismatch');
    expect(await made(app)).toBe(1);
  });

  it('belongs to an actor and a tenant', async () => {
    const app = await start(host);
    for (const person of ['ann', 'carl', 'bob', 'root']) await app.as(person, 'post', '/keys', { name: 'x' }, KEY).expect(201);
    await app.as('bob', 'post', '/keys', { name: 'x' }, KEY).expect(409);
    expect(await made(app)).toBe(4);
  });

  it('is free again after a refusal, and after its time', async () => {
    const app = await start(host, { options: { idempotency: { ttlMs: 60_000 } } });
    await app.as('ann', 'post', '/keys', { name: 'x', plan: 'none' }, KEY).expect(422);
    await app.as('ann', 'post', '/keys', { name: 'x' }, KEY).expect(201);
    app.clock.advance(59_999);
    await app.as('ann', 'post', '/keys', { name: 'x' }, KEY).expect(409);
    app.clock.advance(1);
    await app.as('ann', 'post', '/keys', { name: 'x' }, KEY).expect(201);
  });

  it('is not free after a fault, which may have left a key behind', async () => {
    const inner = memoryStore();
    const store: KeyStore = { ...inner, insert: (record) => { void inner.insert(record); throw new Error('lost the answer'); } };
    const app = await start(host, { keyring: { store } });
    await app.as('ann', 'post', '/keys', { name: 'x' }, KEY).expect(503);
    const { body } = await app.as('ann', 'post', '/keys', { name: 'x' }, KEY).expect(409);
    expect([body.code, body.id]).toEqual(['idempotency_key_used', undefined]);
    expect(await made(app)).toBe(1);
  });

  it('turns away a repeat that comes while the first is under way', async () => {
    const inner = memoryStore();
    const [arrived, open] = [gate(), gate()];
    const store: KeyStore = { ...inner, insert: async (record) => { arrived.open(); await open.promise; return inner.insert(record); } };
    const app = await start(host, { keyring: { store } });
    const first = app.as('ann', 'post', '/keys', { name: 'x' }, KEY).then((answer) => answer);
    await arrived.promise;
    await app.as('ann', 'post', '/keys', { name: 'x' }, KEY).expect(409).expect('Retry-After', '1').expect(({ body }) => { expect(body.code).toBe('idempotency_key_busy'); });
    open.open();
    expect((await first).status).toBe(201);
    expect(await made(app)).toBe(1);
  });

  it('of a hundred equal requests at once lets one through', async () => {
    const app = await start(host);
    const all = await Promise.all(Array.from({ length: 100 }, () => app.as('ann', 'post', '/keys', { name: 'x' }, KEY)));
    expect(all.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(all.filter(({ status }) => status === 409)).toHaveLength(99);
    expect(await made(app)).toBe(1);
  });

  it.each(['', 'a b', 'ä', 'x'.repeat(256)])('that reads %j is refused', async (key) => {
    const app = await start(host);
    await app.as('ann', 'post', '/keys', { name: 'x' }, { 'Idempotency-Key': key }).expect(400).expect(({ body }) => { expect(body.code).toBe('invalid_header'); });
    expect(await made(app)).toBe(0);
  });

  it('is refused when there is no room, rather than forgotten', async () => {
    const app = await start(host, { options: { idempotency: { max: 20 } } });
    for (const key of ['1', '2']) await app.as('ann', 'post', '/keys', { name: 'x' }, { 'Idempotency-Key': key }).expect(201);
    await app.as('ann', 'post', '/keys', { name: 'x' }, { 'Idempotency-Key': '3' }).expect(503).expect(({ body }) => { expect(body.code).toBe('idempotency_full'); });
    await app.as('bob', 'post', '/keys', { name: 'x' }, { 'Idempotency-Key': '3' }).expect(201);
    await app.as('ann', 'post', '/keys', { name: 'x' }, { 'Idempotency-Key': '1' }).expect(409);
    await app.as('ann', 'post', '/keys', { name: 'x' }).expect(201);
  });
});

it('the book stays within its bound and forgets what is over', () => {
  const clock = fakeClock();
  const book = createIdempotencyBook({ ttlMs: 1_000, max: 50 }, clock);
  const states = Array.from({ length: 200 }, (_, index) => book.begin(`actor ${index % 20}`, `key ${index}`, 'b').state);
  expect(states.filter((state) => state === 'new')).toHaveLength(50);
  expect(states.filter((state) => state === 'full')).toHaveLength(150);
  clock.advance(1_000);
  expect(book.begin('actor 0', 'key 0', 'other').state).toBe('new');
  expect(Array.from({ length: 4 }, (_, index) => book.begin('actor 0', `more ${index}`, 'b').state)).toEqual(['new', 'new', 'new', 'new']);
});
