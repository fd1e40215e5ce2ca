import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { hosts } from '../support/hosts.js';
import { each, useAdmin, type AdminApp } from './support.js';

const start = useAdmin();

/** What may be compared between answers: not the time. */
function shown({ status, headers, text }: { status: number; headers: Record<string, string>; text: string }): unknown {
  const { date: _date, connection: _connection, ...rest } = headers;
  return [status, rest, text];
}

const ROUTES = [
  ['get', ''], ['patch', ''], ['delete', ''], ...['rotate', 'disable', 'enable', 'revoke', 'undelete', 'explain'].map((name) => ['post', `/${name}`] as const),
] as const;

/** Keys of both tenants and of none, in every state. */
async function populate(app: AdminApp): Promise<string[]> {
  const ids: string[] = [];
  for (const tenantId of ['acme', 'other', undefined]) {
    for (const state of ['active', 'disabled', 'revoked', 'deleted', 'rotated', 'slot'] as const) {
      if (state === 'slot' && tenantId === undefined) continue;
      const { apiKey } = await app.keyring.create({ name: `${tenantId ?? 'none'} ${state}`, ...(tenantId !== undefined && { tenantId }), ...(state === 'slot' && { slot: 'primary' }) });
      if (state === 'disabled') await app.keyring.disable(apiKey.id);
      if (state === 'revoked') await app.keyring.revoke(apiKey.id);
      if (state === 'deleted') await app.keyring.delete(apiKey.id);
      if (state === 'rotated') await app.keyring.rotate(apiKey.id);
      ids.push(apiKey.id);
    }
  }
  return ids;
}

describe.each(hosts)('a tenant on $name', (host) => {
  it('cannot tell other tenants\' keys from keys that do not exist, nor change them', async () => {
    const app = await start(host);
    const foreign = (await populate(app)).slice(6);
    const everything = async (): Promise<unknown> => [(await app.keyring.list({ limit: 500 })).keys, (await app.keyring.list({ deleted: true, limit: 500 })).keys];
    const before = await everything();
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...ROUTES), fc.constantFrom(...foreign), fc.constantFrom(...foreign.map((_id, index) => `NoSuchKey${index}`.slice(0, 12).padEnd(12, 'x'))),
        fc.constantFrom('*', '"1"', '"2"', '"9"', 'W/"1"', 'nonsense', undefined), fc.constantFrom({}, { name: 'mine' }, { reason: 'r' }, { plan: 'none' }, { nonsense: 1 }),
        async ([method, path], id, unknown, match, body) => {
          const headers = match === undefined ? {} : { 'If-Match': match };
          const answers = [await app.as('ann', method, `/keys/${id}${path}`, body, headers), await app.as('ann', method, `/keys/${unknown}${path}`, body, headers)];
          expect(shown(answers[0]!)).toEqual(shown(answers[1]!));
          expect([400, 404, 412, 422, 428]).toContain(answers[0]!.status);
        },
      ),
      { numRuns: 120 },
    );
    expect(await everything()).toEqual(before);
  }, 60_000);

  it('lists and searches its own keys alone', async () => {
    const app = await start(host);
    await populate(app);
    for (const query of ['', '?search=other', '?status=active', '?slot=primary', '?deleted=true', '?sort=name&limit=500', '?tenantId=acme', '?tenantId=other', '?tenantId=nobody', '?ownerType=user&ownerId=u']) {
      const { body } = await app.as('ann', 'get', `/keys${query}`).expect(200);
      expect(each(body.keys, 'tenantId').filter((tenant) => tenant !== 'acme')).toEqual([]);
    }
    expect((await app.as('ann', 'get', '/keys')).body.keys).toHaveLength(6);
    expect(shown(await app.as('ann', 'get', '/keys?tenantId=other'))).toEqual(shown(await app.as('ann', 'get', '/keys?tenantId=nobody')));
    expect((await app.as('ann', 'get', '/keys?tenantId=other')).body).toEqual({ keys: [] });
    expect((await app.as('root', 'get', '/keys?tenantId=other')).body.keys).toHaveLength(6);
  });

  it('makes keys for itself alone', async () => {
    const app = await start(host);
    expect((await app.as('ann', 'post', '/keys', { name: 'x' }).expect(201)).body.apiKey.tenantId).toBe('acme');
    expect((await app.as('ann', 'post', '/keys', { name: 'x', tenantId: 'acme' }).expect(201)).body.apiKey.tenantId).toBe('acme');
    const answers = [await app.as('ann', 'post', '/keys', { name: 'x', tenantId: 'other' }), await app.as('ann', 'post', '/keys', { name: 'x', tenantId: 'nobody' })];
    expect(answers.map(({ status, body }) => [status, body.errors[0].field])).toEqual([[422, '/tenantId'], [422, '/tenantId']]);
    expect((await app.as('root', 'post', '/keys', { name: 'x', tenantId: 'third' }).expect(201)).body.apiKey.tenantId).toBe('third');
    expect((await app.as('root', 'post', '/keys', { name: 'x' }).expect(201)).body.apiKey).not.toHaveProperty('tenantId');
  });

  it('renews its own slots alone', async () => {
    const app = await start(host);
    await app.keyring.create({ name: 'x', tenantId: 'other', slot: 'primary' });
    const [foreign, unknown] = [await app.as('ann', 'post', '/tenants/other/slots/primary/regenerate', {}), await app.as('ann', 'post', '/tenants/nobody/slots/primary/regenerate', {})];
    expect(shown(foreign)).toEqual(shown(unknown));
    expect(foreign.status).toBe(404);
    await app.as('ann', 'post', '/tenants/acme/slots/secondary/regenerate', {}).expect(201);
    await app.as('root', 'post', '/tenants/a%2Fb/slots/secondary/regenerate', {}).expect(201).expect(({ body }) => { expect(body.apiKey.tenantId).toBe('a/b'); });
    expect((await app.keyring.list({ tenantId: 'other' })).keys).toHaveLength(1);
  });

  it('two regenerations at once leave one live key, and two changes at once one change', async () => {
    const app = await start(host);
    const both = await Promise.all([1, 2, 3, 4].map(() => app.as('ann', 'post', '/tenants/acme/slots/primary/regenerate', {})));
    for (const { status } of both) expect([201, 409]).toContain(status);
    const live = (await app.keyring.list({ tenantId: 'acme', status: 'active' })).keys;
    expect(live.filter(({ slot }) => slot === 'primary')).toHaveLength(1);
    const [{ id, version } = { id: '', version: 0 }] = live;
    const changes = await Promise.all([1, 2, 3, 4].map((index) => app.as('ann', 'patch', `/keys/${id}`, { name: `n${index}` }, { 'If-Match': `"${version}"` })));
    expect(changes.map(({ status }) => status).sort()).toEqual([200, 412, 412, 412]);
  });
});
