import { describe, expect, it } from '@jest/globals';
import { concurrent, perDay, perMinute } from 'keystile';
import { excessOf, type Grant, type Holder } from '../../src/admin/rights.js';
import { createScopeBook } from '../../src/core/scopes.js';

const scopes = createScopeBook({ read: [], write: ['read'], admin: [] });
const PLAIN: Grant = { environment: 'live', scopes: [] };
const excess = (grant: Partial<Grant>, holder: Partial<Holder>): unknown => excessOf({ ...PLAIN, ...grant }, { ...PLAIN, effectiveLimits: [], ...holder }, scopes);

/** What a holder may hand on, and what not. */
const TABLE: readonly (readonly [field: keyof Grant, holder: Partial<Holder>, within: readonly Partial<Grant>[], beyond: readonly Partial<Grant>[]])[] = [
  ['environment', {}, [{ environment: 'live' }], [{ environment: 'test' }]],
  ['owner', {}, [{}], [{ owner: { type: 'user', id: 'u' } }]],
  ['owner', { owner: { type: 'user', id: 'u' } }, [{ owner: { id: 'u', type: 'user' } }], [{}, { owner: { type: 'user', id: 'v' } }, { owner: { type: 'org', id: 'u' } }]],
  ['metadata', { metadata: { a: [1], b: 2 } }, [{ metadata: { b: 2, a: [1] } }], [{}, { metadata: {} }, { metadata: { a: [1] } }, { metadata: { a: [2], b: 2 } }, { metadata: { a: [1], b: 2, toString: 'x' } }]],
  ['metadata', {}, [{}, { metadata: {} }], [{ metadata: { admin: true } }]],
  ['scopes', { scopes: ['write'] }, [{}, { scopes: ['read'] }, { scopes: ['write', 'read'] }], [{ scopes: ['admin'] }, { scopes: ['read', 'admin'] }]],
  ['scopes', { scopes: ['read'] }, [{ scopes: ['read'] }], [{ scopes: ['write'] }]],
  ['limits', {}, [{ plan: 'growth' }, { limits: [] }, { limits: [perMinute(1)] }], []],
  ['limits', { plan: 'starter', effectiveLimits: [perMinute(60)] }, [{ plan: 'starter' }, { plan: 'starter', limits: [perMinute(60)] }, { plan: 'starter', limits: [perMinute(6), perDay(1)] }],
    [[], [perMinute(61)], [perDay(1)], [perMinute(1, { per: 'ip' })], [concurrent(1)]].map((limits) => ({ plan: 'starter', limits }))],
  ['plan', { plan: 'starter', effectiveLimits: [perMinute(60)] }, [{ plan: 'starter' }], [{}, { plan: 'growth' }, { plan: 'growth', limits: [perMinute(6)] }, { limits: [perMinute(6)] }]],
  ['plan', { plan: 'free', effectiveLimits: [] }, [{ plan: 'growth' }, {}], []],
  ['limits', { limits: [perMinute(60), concurrent(2)], effectiveLimits: [perMinute(60), concurrent(2)] }, [{ limits: [concurrent(1), perMinute(60)] }], [{ limits: [perMinute(60)] }, { limits: [perMinute(60), concurrent(3)] }, {}]],
  ['limits', { effectiveLimits: [perMinute(60)] }, [{}], [{ limits: [] }]],
  ['plan', { effectiveLimits: [perMinute(60)] }, [{}], [{ plan: 'starter' }]],
  ['limits', { plan: 'starter', effectiveLimits: undefined }, [{ plan: 'starter' }], [{ plan: 'starter', limits: [perMinute(1)] }]],
  ['access', { access: { realtime: false } }, [{ access: { realtime: false } }], [{}, { access: {} }, { access: { realtime: true } }]],
  ['access', { access: { endpoints: { allow: ['/a', 'GET /b'] } } }, [{ access: { endpoints: { allow: ['/a'] } } }, { access: { endpoints: { allow: [] } } }, { access: { endpoints: 'none' } }],
    [{}, { access: { endpoints: 'all' } }, { access: { endpoints: { allow: ['/a', '/c'] } } }, { access: { endpoints: { deny: ['/c'] } } }]],
  ['access', { access: { endpoints: { deny: ['/a'] } } }, [{ access: { endpoints: { deny: ['/b', '/a'] } } }, { access: { endpoints: 'none' } }], [{}, { access: { endpoints: { deny: [] } } }, { access: { endpoints: { allow: ['/b'] } } }]],
  ['access', { access: { endpoints: 'none' } }, [{ access: { endpoints: 'none' } }], [{}, { access: { endpoints: { allow: ['/a'] } } }]],
  ['access', { access: { ips: { allow: ['10.0.0.0/8'], deny: ['10.1.0.0/16'] } } }, [{ access: { ips: { allow: ['10.0.0.0/8'], deny: ['10.1.0.0/16', '10.2.0.0/16'] } } }, { access: { ips: { allow: [], deny: ['10.1.0.0/16'] } } }],
    [{}, { access: { ips: { allow: ['10.0.0.0/8'] } } }, { access: { ips: { deny: ['10.1.0.0/16'] } } }, { access: { ips: { allow: ['0.0.0.0/0'], deny: ['10.1.0.0/16'] } } }]],
  ['access', { access: { origins: ['a.example', 'b.example'] } }, [{ access: { origins: ['a.example'] } }, { access: { origins: [] } }], [{}, { access: { origins: 'all' } }, { access: { origins: 'server-only' } }, { access: { origins: ['*.example'] } }]],
  ['access', { access: { origins: 'server-only' } }, [{ access: { origins: 'server-only' } }, { access: { origins: [] } }], [{}, { access: { origins: ['a.example'] } }]],
  ['expiresAt', { expiresAt: 100 }, [{ expiresAt: 100 }, { expiresAt: 99 }, { graceExpiresAt: 5 }], [{}, { expiresAt: 101 }, { expiresAt: Number.NaN }]],
  ['expiresAt', { expiresAt: 100, graceExpiresAt: 50 }, [{ expiresAt: 50 }], [{ expiresAt: 51 }]],
];

describe('what a key hands on', () => {
  it.each(TABLE)('%s is never more than its own: %j', (field, holder, within, beyond) => {
    for (const grant of within) expect([grant, excess({ ...defaultsOf(field, holder), ...grant }, holder)]).toEqual([grant, undefined]);
    for (const grant of beyond) expect([grant, excess({ ...defaultsOf(field, holder), ...grant }, holder)]).toEqual([grant, field]);
  });

  it('is always as much as its own', () => {
    for (const [, holder] of TABLE) expect(excess(holder, holder)).toBeUndefined();
  });
});

/** Everything as the holder has it, but for the field in question. */
function defaultsOf(field: keyof Grant, holder: Partial<Holder>): Partial<Grant> {
  const { [field]: _asked, effectiveLimits: _limits, plan: _plan, graceExpiresAt: _grace, ...rest } = holder;
  return rest;
}
