import { describe, expect, it } from '@jest/globals';
import { createKeyring } from '../../src/keyring.js';
import { perMinute } from '../../src/core/limits/rules.js';
import { failure, ring, START, verdict } from './support.js';

const cycle = (): object => { const ring: Record<string, unknown> = {}; ring['self'] = ring; return ring; };
const deep = (levels: number): object => { let value: object = {}; for (let level = 1; level < levels; level++) value = { deeper: value }; return value; };
const shared = (): object => { let value: unknown = 'x'; for (let level = 0; level < 15; level++) value = Array.from({ length: 10 }, () => value); return { value }; };

/** A field, a value that is refused, and what the error says. */
const REFUSED: readonly (readonly [field: string, value: unknown, code: string, option?: string])[] = [
  ['name', '', 'invalid_option'], ['name', undefined, 'invalid_option'], ['name', null, 'invalid_option'], ['name', 5, 'invalid_option'], ['name', 'x'.repeat(257), 'invalid_option'], ['name', 'a\nb', 'invalid_option'], ['name', 'a\0', 'invalid_option'], ['name', '\ud800', 'invalid_option'],
  ['environment', 'lvie', 'unknown_environment'], ['environment', 5, 'unknown_environment'], ['environment', '', 'unknown_environment'],
  ['tenantId', '', 'invalid_option'], ['tenantId', 5, 'invalid_option'], ['tenantId', 'x'.repeat(257), 'invalid_option'],
  ['owner', 'u1', 'invalid_option'], ['owner', { type: 'user' }, 'invalid_option', 'owner.id'], ['owner', { type: 'team', id: 'x' }, 'invalid_option', 'owner.type'], ['owner', { type: 'user', id: 'x', name: 'y' }, 'unknown_option', 'owner.name'],
  ['scopes', 'read', 'invalid_scope'], ['scopes', ['raed'], 'unknown_scope', 'scopes[0]'], ['scopes', ['read', 5], 'unknown_scope', 'scopes[1]'], ['scopes', ['toString'], 'unknown_scope', 'scopes[0]'],
  ['plan', 'statrer', 'unknown_plan'], ['plan', 5, 'unknown_plan'], ['plan', '__proto__', 'unknown_plan'],
  ['limits', {}, 'invalid_limit'], ['limits', [{ ...perMinute(1), limit: -1 }], 'invalid_limit', 'limits[0].limit'], ['limits', [perMinute(1), perMinute(2)], 'duplicate_limit'], ['limits', [null], 'invalid_option', 'limits[0]'],
  ['access', [], 'invalid_option'], ['access', { ip: {} }, 'unknown_option', 'access.ip'], ['access', { ips: { allow: ['10.0.0.0/33'] } }, 'invalid_ip_rule', 'access.ips.allow[0]'], ['access', { origins: ['*'] }, 'invalid_origin_rule', 'access.origins[0]'], ['access', { endpoints: { deny: ['GET orders'] } }, 'invalid_endpoint_rule', 'access.endpoints.deny[0]'], ['access', { realtime: 1 }, 'invalid_option', 'access.realtime'],
  ['metadata', 'x', 'invalid_option'], ['metadata', [1], 'invalid_option'], ['metadata', { at: new Date(0) }, 'invalid_option', 'metadata.at'], ['metadata', { n: NaN }, 'invalid_option', 'metadata.n'], ['metadata', { n: 1n }, 'invalid_option', 'metadata.n'], ['metadata', { f: () => 1 }, 'invalid_option', 'metadata.f'], ['metadata', { u: undefined }, 'invalid_option', 'metadata.u'], ['metadata', { list: [1, { x: Symbol('s') }] }, 'invalid_option', 'metadata.list[1].x'], ['metadata', { m: new Map() }, 'invalid_option', 'metadata.m'],
  ['metadata', JSON.parse('{"__proto__":{"admin":true}}'), 'invalid_option'], ['metadata', JSON.parse('{"a":{"__proto__":1}}'), 'invalid_option', 'metadata.a'], ['metadata', { long: 'x'.repeat(16_384) }, 'invalid_option'],
  ['tags', 'blue', 'invalid_option'], ['tags', [''], 'invalid_option', 'tags[0]'], ['tags', ['a', 5], 'invalid_option', 'tags[1]'], ['tags', ['x'.repeat(129)], 'invalid_option', 'tags[0]'], ['tags', Array.from({ length: 65 }, (_, index) => String(index)), 'invalid_option'],
  ...['notBefore', 'expiresAt'].flatMap((field) => [NaN, -1, 0.5, Infinity, 8.64e15 + 1, new Date(NaN), '2030-01-01', {}, true].map((value) => [field, value, 'invalid_option'] as const)),
];

describe('a wrong field', () => {
  it.each(REFUSED)('%s: %j is refused by create and update, and nothing is made', async (field, value, code, option = field) => {
    const { keyring, store } = ring();
    expect(await failure(() => keyring.create({ name: 'one', [field]: value }))).toEqual([code, `create.${option}`]);
    expect(store.calls.insert).toBe(0);
    if (field === 'environment' || field === 'tenantId' || value === undefined || value === null) return;
    const { apiKey } = await keyring.create({ name: 'one' });
    expect(await failure(() => keyring.update(apiKey.id, { [field]: value }))).toEqual([code, `update.${option}`]);
    expect(store.calls.update).toBe(0);
  });

  it.each([['a cycle', cycle()], ['17 levels', deep(18)], ['a hundred thousand levels', deep(100_000)], ['few objects that unfold into 10^15', shared()]])('metadata with %s is refused, quickly', async (_what, metadata) => {
    const { keyring } = ring();
    expect((await failure(() => keyring.create({ name: 'one', metadata: metadata as never })))?.[0]).toBe('invalid_option');
  });

  it.each([
    ['scoeps', 'scopes'], ['expires', 'expiresAt'], ['expireAt', 'expiresAt'], ['notbefore', 'notBefore'], ['tenant', 'tenantId'], ['meta', undefined], ['ownr', 'owner'], ['limit', 'limits'], ['Name', 'name'], ['environmnet', 'environment'], ['acess', 'access'], ['tag', 'tags'], ['plans', 'plan'],
  ])('%s is answered with the nearest right name, %s', async (wrong, right) => {
    const { keyring, store } = ring();
    const error: unknown = await keyring.create({ name: 'one', [wrong]: 'x' }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'unknown_option', option: `create.${wrong}` });
    if (right !== undefined) expect((error as Error).message).toContain(`did you mean '${right}'?`);
    expect(store.calls.insert).toBe(0);
  });

  it('of __proto__, symbols and no object at all is refused too', async () => {
    const { keyring } = ring();
    for (const settings of [JSON.parse('{"name":"x","__proto__":{}}'), { name: 'x', [Symbol('s')]: 1 }, null, undefined, 'x', [], new Map()]) {
      expect((await failure(() => keyring.create(settings as never)))?.[0]).toMatch(/^(?:unknown|invalid)_option$/);
    }
  });

  it.each([[{ reason: 5 }, 'revoke.reason'], [{ reason: '' }, 'revoke.reason'], [{ reason: 'x'.repeat(1_025) }, 'revoke.reason'], [{ by: {} }, 'revoke.by'], [{ by: 'x'.repeat(257) }, 'revoke.by'], [{ resaon: 'x' }, 'revoke.resaon']])('revoke refuses %j', async (options, option) => {
    const { keyring, store } = ring();
    const { apiKey } = await keyring.create({ name: 'one' });
    expect((await failure(() => keyring.revoke(apiKey.id, options as never)))?.[1]).toBe(option);
    expect(store.calls.update).toBe(0);
  });
});

describe('a right field', () => {
  it('takes what is just within its bounds', async () => {
    const { keyring } = ring();
    const settings = {
      name: 'x'.repeat(256), tenantId: '\u{1f511}'.repeat(128), owner: { type: 'org' as const, id: 'x'.repeat(256) }, tags: Array.from({ length: 64 }, (_, index) => String(index).padEnd(128, '_')),
      metadata: { ...deep(16), long: 'x'.repeat(15_000), constructor: 1, toString: 'y' } as never, notBefore: 0, expiresAt: 8.64e15,
    };
    const { apiKey } = await keyring.create(settings);
    expect(apiKey).toMatchObject({ ...settings, metadata: { constructor: 1, toString: 'y' } });
  });

  it('of times takes a Date and epoch milliseconds', async () => {
    const { keyring } = ring();
    const { apiKey } = await keyring.create({ name: 'one', notBefore: new Date(START - 1), expiresAt: START + 1 });
    expect(apiKey).toMatchObject({ notBefore: START - 1, expiresAt: START + 1, status: 'active' });
  });

  it('of tags keeps each once', async () => {
    expect((await ring().keyring.create({ name: 'one', tags: ['a', 'b', 'a'] })).apiKey.tags).toEqual(['a', 'b']);
  });

  it('is copied: changing it afterwards changes nothing, and neither does what was handed out', async () => {
    const { keyring } = ring();
    const metadata = { list: [{ admin: false }] };
    const scopes = ['read'];
    const access = { ips: { allow: ['192.0.2.1'] } };
    const { key, apiKey } = await keyring.create({ name: 'one', metadata, scopes, access });
    metadata.list[0]!.admin = true;
    scopes.push('write');
    access.ips.allow.push('198.51.100.1');
    for (const shown of [apiKey, await keyring.get(apiKey.id), (await keyring.list()).keys[0]]) {
      try { (shown as unknown as { metadata: { list: { admin: boolean }[] } }).metadata.list[0]!.admin = true; } catch { /* frozen */ }
      try { (shown as unknown as { scopes: string[] }).scopes.push('write'); } catch { /* frozen */ }
    }
    expect(await verdict(keyring, key, { ip: '198.51.100.1' })).toBe('ip_not_allowed');
    expect(await keyring.verify(key, { ip: '192.0.2.1' })).toMatchObject({ principal: { metadata: { list: [{ admin: false }] }, scopes: ['read'] } });
  });

  it('of a principal cannot be changed by a handler', async () => {
    const { keyring } = ring();
    const { key } = await keyring.create({ name: 'one', scopes: ['read'], owner: { type: 'user', id: 'u' }, metadata: { deep: [{}] } });
    const verification = await keyring.verify(key);
    if (!verification.ok) throw new Error(verification.code);
    const { principal } = verification;
    expect([principal, principal.scopes, principal.owner, principal.metadata, principal.metadata['deep']].every((part) => Object.isFrozen(part))).toBe(true);
    expect(principal).not.toHaveProperty('hash');
  });

  it('may come from frozen objects and objects without a prototype; none is touched', async () => {
    const bare = (fields: object): never => Object.freeze(Object.assign(Object.create(null) as object, fields)) as never;
    const keyring = createKeyring(bare({ prefix: 'awx', scopes: bare({ read: Object.freeze([]) }), plans: bare({ starter: Object.freeze([perMinute(1)]) }), limits: bare({ default: Object.freeze([]) }), cache: bare({ max: 5 }), deadlines: bare({ storeMs: 5 }) }));
    const { apiKey } = await keyring.create(bare({ name: 'one', metadata: bare({ a: bare({ b: 1 }) }), owner: bare({ type: 'user', id: 'u' }), access: bare({ ips: bare({ allow: Object.freeze([]) }) }) }));
    expect(apiKey).toMatchObject({ metadata: { a: { b: 1 } }, owner: { type: 'user', id: 'u' } });
    await keyring.update(apiKey.id, bare({ name: 'two' }), bare({ version: 1 }));
    await keyring.revoke(apiKey.id, bare({ reason: 'x' }));
    await keyring.list(bare({ limit: 1 }));
  });
});

describe('a key that would end before it begins', () => {
  const DAY = 86_400_000;
  const ring = (): ReturnType<typeof createKeyring> => createKeyring({ prefix: 'awx' });
  const refused = { code: 'invalid_option', option: expect.stringMatching(/\.(expiresAt|notBefore)$/) };

  it('is never made or changed so', async () => {
    const keyring = ring();
    const now = Date.now();
    await expect(keyring.create({ name: 'one', notBefore: now + DAY, expiresAt: now + DAY })).rejects.toMatchObject(refused);
    await expect(keyring.import({ key: keyring.format.generate({ environment: 'live' }).key, name: 'one', notBefore: now + DAY, expiresAt: now })).rejects.toMatchObject(refused);
    const { apiKey: { id } } = await keyring.create({ name: 'one', notBefore: now - DAY, expiresAt: now + DAY });
    await expect(keyring.update(id, { notBefore: now + 2 * DAY })).rejects.toMatchObject(refused);
    await expect(keyring.update(id, { expiresAt: now - 2 * DAY })).rejects.toMatchObject(refused);
    await expect(keyring.update(id, { notBefore: now + 3 * DAY, expiresAt: now + 2 * DAY })).rejects.toMatchObject(refused);
    expect(await keyring.get(id)).toMatchObject({ version: 1 });
    expect(await keyring.update(id, { notBefore: now + 2 * DAY, expiresAt: null })).toMatchObject({ notBefore: now + 2 * DAY });
    await keyring.close();
  });
});
