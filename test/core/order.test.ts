import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { perMinute } from '../../src/core/limits/rules.js';
import type { VerifyRequest } from '../../src/core/request.js';
import { ring, verdict } from './support.js';

/** The documented order, and the code of each check. */
const ORDER = [
  ['status', 'revoked_key'],
  ['tenant', 'wrong_tenant'],
  ['environment', 'wrong_environment'],
  ['ip', 'ip_not_allowed'],
  ['origin', 'origin_not_allowed'],
  ['endpoint', 'endpoint_not_allowed'],
  ['realtime', 'realtime_not_allowed'],
  ['scopes', 'insufficient_scope'],
  ['limits', 'rate_limited'],
] as const;
type Name = (typeof ORDER)[number][0];

/** A key and a request that fail exactly these checks. */
async function failing(checks: readonly Name[]): Promise<{ keyring: ReturnType<typeof ring>['keyring']; key: string; id: string; request: VerifyRequest }> {
  const { keyring } = ring();
  const no = (name: Name): boolean => checks.includes(name);
  const { key, apiKey } = await keyring.create({
    name: 'one', tenantId: 'acme', scopes: ['read'], limits: [perMinute(no('limits') ? 0 : 1)],
    access: { ips: { allow: ['192.0.2.0/24'] }, origins: ['https://ok.example'], endpoints: { allow: ['GET /ok'] }, realtime: !no('realtime') },
  });
  if (no('status')) await keyring.revoke(apiKey.id);
  return {
    keyring, key, id: apiKey.id,
    request: {
      tenant: no('tenant') ? 'other' : 'acme', environment: no('environment') ? 'test' : 'live', ip: no('ip') ? '198.51.100.1' : '192.0.2.1',
      origin: no('origin') ? 'https://evil.example' : 'https://ok.example', method: 'GET', path: no('endpoint') ? '/no' : '/ok', realtime: true,
      scopes: no('scopes') ? ['write'] : ['read'],
    },
  };
}
const subsets = fc.subarray(ORDER.map(([name]) => name));

describe('the order of the checks', () => {
  it('has the first failing check answer, whatever else fails', async () => {
    await fc.assert(fc.asyncProperty(subsets, async (checks) => {
      const { keyring, key, request } = await failing(checks);
      const expected = ORDER.find(([name]) => checks.includes(name))?.[1] ?? 'ok';
      expect(await verdict(keyring, key, request)).toBe(expected);
    }), { numRuns: 150 });
  });

  it('spends nothing on a refusal before the limits', async () => {
    await fc.assert(fc.asyncProperty(subsets.filter((checks) => checks.length > 0 && !checks.includes('limits') && !checks.includes('status') && !checks.includes('realtime')), async (checks) => {
      const { keyring, key, request } = await failing(checks);
      for (let round = 0; round < 3; round++) expect(await verdict(keyring, key, request)).not.toBe('ok');
      const { request: good } = await failing([]);
      expect([await verdict(keyring, key, good), await verdict(keyring, key, good)]).toEqual(['ok', 'rate_limited']);
    }), { numRuns: 60 });
  });

  it('tells of a key only to whoever knows its secret', async () => {
    const { keyring, store } = ring({ formats: 'k_{id}_{secret}' });
    const { key, apiKey } = await keyring.create({ name: 'one', tenantId: 'acme', scopes: [] });
    await keyring.revoke(apiKey.id);
    const [wrong, unknown] = [key.slice(0, 15) + keyring.format.generate().key.slice(15), keyring.format.generate().key];
    const request = { tenant: 'other', environment: 'test', scopes: ['write'] };
    store.calls.find = 0;
    const [told, byWrong, byUnknown] = [await keyring.verify(key, request), await keyring.verify(wrong, request), await keyring.verify(unknown, request)];
    expect(told).toMatchObject({ code: 'revoked_key', keyId: apiKey.id });
    expect(byWrong).toEqual({ ok: false, code: 'invalid_key', limits: [] });
    expect(byUnknown).toEqual(byWrong);
    expect(store.calls.find).toBe(3);
  });
});

describe('a malformed key', () => {
  it.each([['', 'malformed_key'], ['x'.repeat(513), 'malformed_key'], ['awx_live_', 'malformed_key'], ['awx_live_0123456789ab_0123456789abcdefghijklmnopq000000', 'malformed_key'], ['\0', 'malformed_key'], [undefined, 'malformed_key'], [null, 'malformed_key'], [5, 'malformed_key'], [{}, 'malformed_key'], [['awx'], 'malformed_key'], [{ length: 55, toString: () => 'awx' }, 'malformed_key']])('%j never reaches the store', async (text, code) => {
    const { keyring, store } = ring();
    expect(await verdict(keyring, text as string, { ip: '192.0.2.1' })).toBe(code);
    expect(store.calls.find).toBe(0);
  });
});

describe('explain', () => {
  it('judges every check for itself, names the same first refusal as verify, and spends nothing', async () => {
    await fc.assert(fc.asyncProperty(subsets, async (checks) => {
      const { keyring, key, id, request } = await failing(checks);
      const before = await keyring.explain(id, request);
      expect(before.checks).toEqual(ORDER.map(([name, code]) => ({ check: name, ok: !checks.includes(name), ...(checks.includes(name) && { code }) })));
      for (let round = 0; round < 3; round++) expect(await keyring.explain(id, request)).toEqual(before);
      const answer = await verdict(keyring, key, request);
      expect([before.ok, before.code ?? 'ok']).toEqual([answer === 'ok', answer]);
    }), { numRuns: 120 });
  });

  it('shows where the limits stand', async () => {
    const { keyring } = ring();
    const { key, apiKey } = await keyring.create({ name: 'one', limits: [perMinute(3)] });
    await verdict(keyring, key);
    const { limits } = await keyring.explain(apiKey.id);
    expect(limits).toEqual([expect.objectContaining({ remaining: expect.any(Number), violated: false, rule: perMinute(3) })]);
    expect(await verdict(keyring, key)).toBe('ok');
    expect(await verdict(keyring, key)).toBe('ok');
    expect(await verdict(keyring, key)).toBe('rate_limited');
  });

  it('rejects for a key that is not there', async () => {
    const { keyring } = ring();
    const { apiKey: { id } } = await keyring.create({ name: 'one' });
    const explain = keyring.explain as (key: string, request: object) => Promise<unknown>;
    await expect(explain(id, { scopes: ['raed'] })).rejects.toMatchObject({ code: 'unknown_scope', option: 'request.scopes[0]' });
    await expect(explain(id, { environment: 'lvie' })).rejects.toMatchObject({ code: 'unknown_environment', option: 'request.environment' });
    await expect(explain(id, { ip: '10.0.0.256' })).rejects.toMatchObject({ code: 'invalid_option', option: 'request.ip' });
    await expect(ring().keyring.explain('nobody')).rejects.toMatchObject({ code: 'key_not_found', status: 404 });
  });
});
