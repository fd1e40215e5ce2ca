import { describe, expect, it } from '@jest/globals';
import { concurrent, perDay, perHour, perMinute, perSecond, perWindow } from '../../src/core/limits/rules.js';
import type { Keyring } from '../../src/core/keyring.js';
import type { VerifyRequest } from '../../src/core/request.js';
import { createKeyring } from '../../src/keyring.js';
import { failure, ring, START, verdict } from './support.js';

/** How many of these requests are admitted before the first that is not. */
async function admitted(keyring: Keyring, key: string, request?: VerifyRequest): Promise<number> {
  for (let count = 0; count < 50; count++) if ((await verdict(keyring, key, request)) !== 'ok') return count;
  return Infinity;
}

describe('precedence', () => {
  const options = { plans: { starter: [perMinute(3)], free: [] }, limits: { default: [perMinute(2)] } };

  it.each([
    ['nothing of its own: the default', {}, 2],
    ['a plan: the plan', { plan: 'starter' }, 3],
    ['a plan without limits: none', { plan: 'free' }, Infinity],
    ['its own: those alone, not the plan', { plan: 'starter', limits: [perHour(5)] }, 5],
    ['an empty list of its own: none', { plan: 'starter', limits: [] }, Infinity],
    ['a limit of 0: nothing', { limits: [perMinute(0)] }, 0],
  ])('%s', async (_what, settings, count) => {
    const { keyring } = ring(options);
    const { key } = await keyring.create({ name: 'one', ...settings });
    expect(await admitted(keyring, key)).toBe(count);
  });

  it('follows a change of the key at once, and a changed limit keeps its counter', async () => {
    const { keyring } = ring(options);
    const { key, apiKey } = await keyring.create({ name: 'one', plan: 'starter' });
    expect(await admitted(keyring, key)).toBe(3);
    await keyring.update(apiKey.id, { limits: [perMinute(5)] });
    expect(await admitted(keyring, key)).toBe(2);
    await keyring.update(apiKey.id, { limits: null, plan: 'free' });
    expect(await admitted(keyring, key)).toBe(Infinity);
  });
});

describe('subjects', () => {
  const create = async (keyring: Keyring, rule: ReturnType<typeof perMinute>, more: object = {}): Promise<string> => (await keyring.create({ name: 'one', limits: [rule], ...more })).key;

  it('a key counts for itself', async () => {
    const { keyring } = ring();
    const [one, two] = [await create(keyring, perMinute(2)), await create(keyring, perMinute(2))];
    expect([await admitted(keyring, one), await admitted(keyring, two)]).toEqual([2, 2]);
  });

  it('keys of one tenant share its bucket, in all environments; others do not', async () => {
    const { keyring } = ring();
    const rule = perMinute(4, { per: 'tenant' });
    const [a1, a2, b] = [await create(keyring, rule, { tenantId: 'acme' }), await create(keyring, rule, { tenantId: 'acme', environment: 'test' }), await create(keyring, rule, { tenantId: 'Acme' })];
    expect([await verdict(keyring, a1), await verdict(keyring, a2, { environment: 'test' }), await admitted(keyring, a1), await admitted(keyring, a2, { environment: 'test' }), await admitted(keyring, b)]).toEqual(['ok', 'ok', 2, 0, 4]);
  });

  it('keys of one owner share a bucket within their tenant, told apart by type and id', async () => {
    const { keyring } = ring();
    const rule = perMinute(3, { per: 'owner' });
    const of = async (tenantId: string, type: 'user' | 'org', id: string): Promise<string> => create(keyring, rule, { tenantId, owner: { type, id } });
    const [one, same, other, elsewhere, tricky] = [await of('t', 'user', 'u'), await of('t', 'user', 'u'), await of('t', 'org', 'u'), await of('t2', 'user', 'u'), await of('t:user', 'user', 'u')];
    expect([await admitted(keyring, one), await admitted(keyring, same), await admitted(keyring, other), await admitted(keyring, elsewhere), await admitted(keyring, tricky)]).toEqual([3, 0, 3, 3, 3]);
  });

  it('addresses count one by one, IPv6 by /56, within a tenant; unreadable ones share', async () => {
    const { keyring } = ring();
    const rule = perMinute(2, { per: 'ip' });
    const [key, mate, stranger] = [await create(keyring, rule, { tenantId: 'acme' }), await create(keyring, rule, { tenantId: 'acme' }), await create(keyring, rule)];
    const from = async (who: string, ip?: string): Promise<number> => admitted(keyring, who, ip === undefined ? {} : { ip });
    expect([await from(key, '192.0.2.1'), await from(mate, '::ffff:192.0.2.1'), await from(key, '192.0.2.2'), await from(stranger, '192.0.2.1')]).toEqual([2, 0, 2, 2]);
    expect([await from(key, '2001:db8::1'), await from(key, '2001:db8:0:ff::1'), await from(key, '2001:db8:0:100::1')]).toEqual([2, 0, 2]);
    expect([await from(key), await from(key, 'nonsense'), await from(key, '192.0.2.999')]).toEqual([2, 0, 0]);
  });

  it('all rules of a request are spent together, or none', async () => {
    const { keyring } = ring();
    const tenant = perMinute(3, { per: 'tenant' });
    const [greedy, modest] = [(await keyring.create({ name: 'g', tenantId: 't', limits: [perMinute(1), tenant] })).key, (await keyring.create({ name: 'm', tenantId: 't', limits: [tenant, perDay(2)] })).key];
    expect([await admitted(keyring, greedy), await admitted(keyring, greedy), await admitted(keyring, modest), await admitted(keyring, modest)]).toEqual([1, 0, 2, 0]);
  });
});

describe('cost', () => {
  it('is spent as a whole or not at all', async () => {
    const { keyring } = ring();
    const { key } = await keyring.create({ name: 'one', limits: [perMinute(5)] });
    const answers = [];
    for (const cost of [3, 3, 2, 0, 1]) answers.push(await verdict(keyring, key, { cost }));
    expect(answers).toEqual(['ok', 'rate_limited', 'ok', 'ok', 'rate_limited']);
  });

  it('above the limit can never pass, so there is nothing to wait for', async () => {
    const { keyring } = ring();
    const { key } = await keyring.create({ name: 'one', limits: [perMinute(5)] });
    const refusal = await keyring.verify(key, { cost: 6 });
    expect(refusal).toMatchObject({ code: 'rate_limited' });
    expect(refusal).not.toHaveProperty('retryAfterSeconds');
  });

  it.each([-1, 0.5, NaN, Infinity, '1', null])('%j is refused', async (cost) => {
    const { keyring } = ring();
    const { key } = await keyring.create({ name: 'one' });
    expect(await failure(() => keyring.verify(key, { cost: cost as number }))).toEqual(['invalid_limit', 'cost']);
  });
});

describe('a refusal', () => {
  it('says after how many whole seconds a lone client is admitted, and never too early', async () => {
    const { keyring, clock } = ring();
    const { key } = await keyring.create({ name: 'one', limits: [perMinute(2), perHour(100)] });
    clock.time = START + 123;
    await admitted(keyring, key);
    // 59.5 seconds are left: 59 would be too early.
    clock.time += 500;
    const refusal = await keyring.verify(key);
    expect(refusal).toMatchObject({ ok: false, code: 'rate_limited', limits: [{ violated: true, remaining: 0 }, { violated: false }] });
    const seconds = refusal.ok ? NaN : (refusal.retryAfterSeconds ?? NaN);
    expect(seconds).toBeGreaterThanOrEqual(1);
    clock.time += seconds * 1_000;
    expect(await verdict(keyring, key)).toBe('ok');
  });

  it('is concurrency_exceeded where only places are missing; release gives the place back, once', async () => {
    const { keyring } = ring();
    const { key } = await keyring.create({ name: 'one', limits: [concurrent(2)] });
    const [first, second] = [await keyring.verify(key), await keyring.verify(key)];
    expect(await keyring.verify(key)).toMatchObject({ code: 'concurrency_exceeded', retryAfterSeconds: 1 });
    if (!first.ok || !second.ok) throw new Error('not admitted');
    for (let again = 0; again < 3; again++) first.release();
    expect(await keyring.verify(key)).toMatchObject({ ok: true });
    expect(await keyring.verify(key)).toMatchObject({ code: 'concurrency_exceeded' });
    await keyring.close();
  });
});

describe('failed attempts', () => {
  it('are counted by address; past the limit only failures are refused with it', async () => {
    const { keyring, clock } = ring({ formats: 'k_{id}_{secret}', limits: { failures: [perMinute(3, { per: 'ip' })] } });
    const { key } = await keyring.create({ name: 'one' });
    const guess = async (ip?: string): Promise<string> => verdict(keyring, keyring.format.generate().key, ip === undefined ? {} : { ip });
    const seen = [];
    for (let round = 0; round < 5; round++) seen.push(await guess('192.0.2.1'));
    expect(seen).toEqual(['invalid_key', 'invalid_key', 'invalid_key', 'too_many_failures', 'too_many_failures']);
    expect([await guess('192.0.2.2'), await guess(), await verdict(keyring, key, { ip: '192.0.2.1' }), await verdict(keyring, 'nonsense', { ip: '192.0.2.1' })]).toEqual(['invalid_key', 'invalid_key', 'ok', 'too_many_failures']);
    const refusal = await keyring.verify('nonsense', { ip: '192.0.2.1' });
    clock.time += (refusal.ok ? NaN : (refusal.retryAfterSeconds ?? NaN)) * 1_000;
    expect(await guess('192.0.2.1')).toBe('invalid_key');
  });
});

describe('builders', () => {
  it.each([
    [perSecond(1), 'second', 1_000], [perMinute(1), 'minute', 60_000], [perHour(1), 'hour', 3_600_000], [perDay(1), 'day', 86_400_000],
    [perWindow(1, 90_000), '90s', 90_000], [perMinute(1, { per: 'tenant' }), 'tenant-minute', 60_000], [perMinute(1, { name: 'burst' }), 'burst', 60_000],
  ])('%j', (rule, name, windowMs) => {
    expect(rule).toMatchObject({ kind: 'window', name, windowMs, limit: 1 });
    expect(Object.isFrozen(rule)).toBe(true);
  });

  it.each<[string, () => unknown, string, string]>([
    ['a negative limit', () => perMinute(-1), 'invalid_limit', 'limit.limit'],
    ['a fraction', () => perMinute(1.5), 'invalid_limit', 'limit.limit'],
    ['NaN', () => perMinute(NaN), 'invalid_limit', 'limit.limit'],
    ['a text', () => perMinute('60' as never), 'invalid_limit', 'limit.limit'],
    ['too much', () => perMinute(1_000_000_001), 'invalid_limit', 'limit.limit'],
    ['a window under a second', () => perWindow(1, 999), 'invalid_limit', 'limit.windowMs'],
    ['a window over a year', () => perWindow(1, 367 * 86_400_000), 'invalid_limit', 'limit.windowMs'],
    ['a fraction of a millisecond', () => perWindow(1, 1_000.5), 'invalid_limit', 'limit.windowMs'],
    ['an unknown subject', () => perMinute(1, { per: 'user' as never }), 'invalid_limit', 'limit.per'],
    ['a name that is no token', () => perMinute(1, { name: 'a b' }), 'invalid_limit', 'limit.name'],
    ['a misspelt option', () => concurrent(1, { pre: 'key' } as never), 'unknown_option', 'limit.pre'],
    ['two rules of one name', () => createKeyring({ prefix: 'awx', plans: { a: [perMinute(1, { name: 'x' }), perDay(1, { name: 'x' })] } }), 'duplicate_limit', 'plans.a'],
    ['two rules of one window', () => createKeyring({ prefix: 'awx', limits: { default: [perMinute(1), perMinute(2, { name: 'x' })] } }), 'duplicate_limit', 'limits.default'],
    ['seventeen rules', () => createKeyring({ prefix: 'awx', plans: { a: Array.from({ length: 17 }, (_, index) => perWindow(1, 1_000 * (index + 1))) } }), 'invalid_limit', 'plans.a'],
    ['no list', () => createKeyring({ prefix: 'awx', plans: { a: perMinute(1) as never } }), 'invalid_limit', 'plans.a'],
    ['a rule with an unknown field', () => createKeyring({ prefix: 'awx', plans: { a: [{ ...perMinute(1), widnowMs: 1 } as never] } }), 'unknown_option', 'plans.a[0].widnowMs'],
    ['a concurrency rule with a window', () => createKeyring({ prefix: 'awx', plans: { a: [{ ...concurrent(1), windowMs: 1_000 } as never] } }), 'invalid_limit', 'plans.a[0].windowMs'],
    ['an unknown kind', () => createKeyring({ prefix: 'awx', plans: { a: [{ ...perMinute(1), kind: 'bucket' } as never] } }), 'invalid_limit', 'plans.a[0].kind'],
  ])('refuse %s', async (_what, call, code, option) => {
    expect(await failure(call)).toEqual([code, option]);
  });
});
