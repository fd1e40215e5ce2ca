import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { perMinute } from '../../src/core/limits/rules.js';
import { memoryActivity } from '../../src/memory/activity.js';
import { memoryUsage } from '../../src/memory/usage.js';
import { EXPRESS_5, hosts } from '../support/hosts.js';
import { conformance, type OpenApi } from './document.js';
import { each, useAdmin, type AdminApp, type AdminSettings } from './support.js';

const start = useAdmin();
const kept = (more: AdminSettings = {}): AdminSettings => ({ ...more, keyring: { activity: memoryActivity(), usage: memoryUsage(), ...more.keyring } });

/** Keys of two tenants and of none, used from an address, one of them beyond its limits. */
async function used(app: AdminApp): Promise<{ acme: string; other: string; none: string; key: string }> {
  const make = async (tenantId: string | undefined): Promise<{ id: string; key: string }> => {
    const { key, apiKey } = await app.keyring.create({ name: 'x', scopes: ['read'], limits: [perMinute(2)], ...(tenantId !== undefined && { tenantId }) }, { by: 'ops@example.com' });
    for (let index = 0; index < 3; index++) await app.keyring.verify(key, { ip: '192.0.2.7', method: 'GET', path: '/v1/orders' });
    await app.keyring.verify(key, { scopes: ['write'], ip: '192.0.2.7' });
    return { id: apiKey.id, key };
  };
  const [acme, other, none] = [await make('acme'), await make('other'), await make(undefined)];
  await app.keyring.verify(`${acme.key.slice(0, -1)}!`);
  return { acme: acme.id, other: other.id, none: none.id, key: acme.key };
}

describe.each(hosts)('activity and usage on $name', (host) => {
  it('are told as the document promises, to each caller no more than its tenant\'s', async () => {
    const app = await start(host, kept());
    const { acme, other } = await used(app);
    const promised = conformance((await app.as('', 'get', '/openapi.json')).body as OpenApi);
    const get = async (person: string, path: string) => {
      const answer = await app.as(person, 'get', path);
      expect(promised.complaints('get', path, answer)).toEqual([]);
      return answer;
    };
    const own = { allowed: 2, limited: 1, refused: { insufficient_scope: 1 } };
    const { body } = await get('ann', '/usage');
    const at = new Date(Math.floor(app.clock.now() / 3_600_000) * 3_600_000).toISOString();
    expect(body).toEqual({ per: 'hour', from: expect.any(String), to: new Date(Date.parse(at) + 3_600_000).toISOString(), points: [{ at, ...own }], totals: own });
    expect((await get('ann', `/usage?keyId=${acme}&per=minute`)).body.totals).toEqual(own);
    expect((await get('root', '/usage?per=day')).body.totals).toEqual({ allowed: 6, limited: 3, refused: { insufficient_scope: 3, malformed_key: 1 } });
    expect((await get('root', '/usage?tenantId=other')).body.totals).toEqual(own);
    expect((await get('root', `/usage?tenantId=other&keyId=${acme}`)).body.totals).toEqual({ allowed: 0, limited: 0, refused: {} });
    expect((await get('ann', '/usage/top')).body).toEqual({ keys: [{ keyId: acme, tenantId: 'acme', allowed: 2, limited: 1, refused: 1 }] });
    expect((await get('root', '/usage/top?by=limited&limit=2')).body.keys).toHaveLength(2);
    const { body: page } = await get('ann', '/activity?limit=2');
    expect(page.entries).toEqual([
      { at: expect.any(String), action: 'request', result: 'insufficient_scope', keyId: acme, tenantId: 'acme', ip: '192.0.2.7' },
      { at: expect.any(String), action: 'request', result: 'rate_limited', keyId: acme, tenantId: 'acme', ip: '192.0.2.7', method: 'GET', path: '/v1/orders' },
    ]);
    const { body: rest } = await get('ann', `/activity?cursor=${encodeURIComponent(page.nextCursor)}`);
    expect([each(rest.entries, 'action'), rest.nextCursor]).toEqual([['request', 'request', 'created'], undefined]);
    expect((await get('root', '/activity?action=created&by=ops@example.com')).body.entries).toHaveLength(3);
    expect((await get('root', `/activity?result=rate_limited&keyId=${other}`)).body.entries).toHaveLength(1);
    expect((await get('root', '/activity?from=2100-01-01T00:00:00Z')).body.entries).toEqual([]);
    expect((await get('viewer', '/activity')).status).toBe(200);
    for (const path of ['/usage', '/usage/top', '/activity', '/activity/export?format=csv']) expect((await get('', path)).status).toBe(401);
    expect(app.faults).toEqual([]);
  });

  it('of another tenant\'s key look like those of a key that does not exist', async () => {
    const app = await start(host, kept());
    const { other, none } = await used(app);
    const shown = ({ status, text }: { status: number; text: string }): unknown => [status, text];
    for (const foreign of [other, none]) {
      for (const path of ['/usage?keyId=', '/usage?per=minute&keyId=', '/activity?keyId=', '/activity/export?format=ndjson&keyId=', '/activity/export?format=csv&keyId=']) {
        expect(shown(await app.as('ann', 'get', path + foreign))).toEqual(shown(await app.as('ann', 'get', `${path}NoSuchKey000`)));
      }
    }
    for (const path of ['/usage?tenantId=', '/usage/top?tenantId=', '/activity?tenantId=']) {
      expect(shown(await app.as('ann', 'get', `${path}other`))).toEqual(shown(await app.as('ann', 'get', `${path}nobody`)));
      expect((await app.as('ann', 'get', `${path}other`)).text).not.toContain(other);
    }
  });

  it('refuses what it cannot read, and says which', async () => {
    const app = await start(host, kept());
    const wrong: Record<string, readonly string[]> = {
      '/usage?': ['per=week', 'per=', 'from=yesterday', 'from=1', 'to=2026-01-01', 'keyId=', 'tenantId=%00', 'keyId=a&keyId=b', 'limit=1', '__proto__=1', 'per=minute&from=2026-01-01T00:00:00Z&to=2026-01-03T00:00:00Z', 'from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', 'from=1960-01-01T00:00:00Z', 'per=day&from=1970-01-01T00:00:00Z'],
      '/usage/top?': ['by=all', 'limit=0', 'limit=101', 'limit=1.5', 'keyId=a', 'from=1970-01-01T00:00:00Z'],
      '/activity?': ['limit=0', 'limit=501', 'limit=x', 'action=', `by=${'x'.repeat(257)}`, 'from=x', `cursor=${'x'.repeat(2_049)}`, 'format=csv', 'result=a%0ab'],
      '/activity/export?': ['', 'format=xml', 'format=csv&limit=5', 'format=csv&cursor=x', 'format=csv&format=csv'],
    };
    for (const [path, queries] of Object.entries(wrong)) {
      for (const query of queries) {
        const { status, body } = await app.as('root', 'get', path + query);
        expect([path + query, status, body.code]).toEqual([path + query, 422, 'invalid_input']);
      }
    }
    await fc.assert(fc.asyncProperty(fc.constantFrom(...Object.keys(wrong)), fc.constantFrom('per', 'from', 'to', 'keyId', 'tenantId', 'by', 'action', 'result', 'cursor', 'limit', 'format', 'x'), fc.string({ unit: 'grapheme' }), async (path, name, value) => {
      const { status } = await app.as('ann', 'get', `${path}${name}=${encodeURIComponent(value)}`);
      expect([200, 422]).toContain(status);
    }), { numRuns: 60 });
    expect(app.faults).toEqual([]);
  }, 60_000);

  it('answers 404 where nothing is kept', async () => {
    const app = await start(host);
    for (const path of ['/usage', '/usage/top', '/activity', '/activity/export?format=csv']) {
      const { status, body } = await app.as('root', 'get', path);
      expect([status, body.code]).toEqual([404, 'not_configured']);
    }
  });
});

describe('the activity', () => {
  it('can be read, and nothing else: no route changes or removes an entry', async () => {
    const app = await start(EXPRESS_5, kept());
    await used(app);
    const all = async () => (await app.as('root', 'get', '/activity?limit=500')).body.entries as unknown[];
    const before = await all();
    for (const path of ['/activity', '/activity/export?format=csv', '/usage', '/usage/top']) {
      for (const method of ['post', 'put', 'patch', 'delete'] as const) {
        const { status, headers } = await app.as('root', method, path, { entries: [] });
        expect([method, path, status, headers['allow']]).toEqual([method, path, 405, 'GET, HEAD']);
      }
    }
    expect(await all()).toEqual(before);
    const { paths } = (await app.as('', 'get', '/openapi.json')).body as OpenApi;
    for (const [path, methods] of Object.entries(paths)) if (/activity|usage/.test(path)) expect([path, Object.keys(methods as object)]).toEqual([path, ['get']]);
  });

  it('tells nobody by its cursors how much others do', async () => {
    const app = await start(EXPRESS_5, kept());
    const { other } = await used(app);
    const cursors = async () => Promise.all([1, 2, 3].map(async (limit) => (await app.as('ann', 'get', `/activity?limit=${limit}`)).body.nextCursor as string));
    const before = await cursors();
    expect(before).toEqual([4, 3, 2].map((older) => `${app.clock.now()}-${older}`));
    for (let index = 0; index < 20; index++) await app.keyring.update(other, { name: `n${index}` });
    expect(await cursors()).toEqual(before);
    expect((await app.as('ann', 'get', `/activity?cursor=${before[2]}`)).body.entries).toHaveLength(2);
    expect((await app.as('ann', 'get', '/activity?cursor=9999999999999-9999999999999')).body.entries).toHaveLength(5);
  });

  it('shows each kind of unusual use of a key to its own tenant', async () => {
    const app = await start(EXPRESS_5, kept({ keyring: { lifecycle: { unusual: { burstFrom: 50, refusals: 10 } } } }));
    const { key, apiKey } = await app.keyring.create({ name: 'x', tenantId: 'acme', scopes: ['read'] });
    const told: string[] = [];
    app.keyring.on('unusual', ({ kind, keyId }) => told.push(`${kind} ${keyId}`));
    const ask = async (times: number, request: object): Promise<void> => { for (let index = 0; index < times; index++) await app.keyring.verify(key, request); };
    await ask(1, { ip: '192.0.2.1' });
    app.clock.advance(61 * 60_000);
    await ask(1, { ip: '2001:db8::1' });
    await ask(60, { ip: '2001:db8::2' });
    app.clock.advance(60_000);
    await ask(10, { ip: '192.0.2.1', scopes: ['write'] });
    app.clock.advance(31 * 86_400_000);
    await ask(1, { ip: '192.0.2.1' });
    const unusual = async (person: string) => (await app.as(person, 'get', `/activity?action=unusual&keyId=${apiKey.id}`).expect(200)).body.entries as { readonly result: string }[];
    const entries = await unusual('ann');
    expect(each(entries, 'result').sort()).toEqual(['burst', 'new_address', 'refusals', 'silence']);
    expect(entries.find(({ result }) => result === 'new_address')).toEqual({ at: expect.any(String), action: 'unusual', result: 'new_address', keyId: apiKey.id, tenantId: 'acme', ip: '2001:db8::1' });
    expect(told.sort()).toEqual(['burst', 'new_address', 'refusals', 'silence'].map((kind) => `${kind} ${apiKey.id}`));
    expect(await unusual('bob')).toEqual([]);
    expect((await app.as('ann', 'get', '/activity?result=burst')).body.entries).toHaveLength(1);
  });
});

describe('a managing key', () => {
  it('sees what the keys within its sight have done, in its own tenant', async () => {
    const app = await start(EXPRESS_5, kept({ options: { allowKeys: { scope: 'keys:manage' } } }));
    const { acme, other, none } = await used(app);
    const grant = { limits: [perMinute(1_000)] };
    const manager = await app.keyring.create({ name: 'm', tenantId: 'acme', scopes: ['keys:manage'], ...grant });
    const lone = await app.keyring.create({ name: 'm', scopes: ['keys:manage'], ...grant });
    const held = await app.keyring.create({ name: 'held', tenantId: 'acme', ...grant });
    await app.keyring.verify(held.key);
    const get = (key: string, path: string) => app.as('', 'get', path, undefined, { 'X-API-Key': key });
    // `acme` has a scope that the manager has not: it is out of its sight, as in the list of keys.
    const { body } = await get(manager.key, '/activity?limit=500');
    expect(new Set(each(body.entries, 'keyId'))).toEqual(new Set([manager.apiKey.id, held.apiKey.id]));
    expect((await get(manager.key, `/activity?keyId=${acme}`)).body.entries).toEqual([]);
    expect((await get(manager.key, `/usage?keyId=${held.apiKey.id}`)).body.totals.allowed).toBe(1);
    expect((await get(manager.key, '/usage')).body.totals.limited).toBe(1);
    expect(each((await get(manager.key, '/usage/top')).body.keys, 'keyId').sort()).toEqual([manager.apiKey.id, held.apiKey.id].sort());
    for (const id of [acme, other, none]) expect((await get(manager.key, `/usage?keyId=${id}`)).body.points).toEqual([]);
    expect((await get(manager.key, '/activity/export?format=csv')).text).not.toContain(acme);
    // Without a tenant it has no more than the keys that it names.
    expect((await get(lone.key, '/usage')).body.points).toEqual([]);
    expect((await get(lone.key, '/usage/top')).body.keys).toEqual([]);
    expect((await get(lone.key, '/activity')).body.entries).toEqual([]);
    expect((await get(lone.key, `/usage?keyId=${lone.apiKey.id}`)).body.totals.allowed).toBeGreaterThan(0);
    expect((await get(lone.key, `/activity?keyId=${held.apiKey.id}`)).body.entries).toEqual([]);
  });
});
