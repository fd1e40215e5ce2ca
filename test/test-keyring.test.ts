import { describe, expect, it } from '@jest/globals';
import { perMinute } from 'keystile';
import { testKeyring } from 'keystile/testing';

describe('testKeyring', () => {
  it('issues keys with the scopes and plans it was given, named `test` unless said', async () => {
    const { keyring, issue } = testKeyring({ scopes: { read: [], write: ['read'] }, plans: { starter: [perMinute(5)] } });
    const plain = await keyring.verify(await issue());
    expect(plain).toMatchObject({ ok: true, principal: { name: 'test', scopes: [] }, limits: [] });
    const full = await keyring.verify(await issue({ name: 'sync', scopes: ['write'], plan: 'starter' }));
    expect(full).toMatchObject({ ok: true, principal: { name: 'sync', scopes: ['write', 'read'] }, limits: [{ remaining: 4 }] });
  });

  it('has one clock for keys and limits', async () => {
    const { keyring, clock, issue } = testKeyring({ prefix: 'awx' });
    const expiring = await issue({ expiresAt: clock.now() + 1_000 });
    const limited = await issue({ limits: [perMinute(1)] });
    expect(expiring.startsWith('awx_live_')).toBe(true);
    expect((await keyring.verify(expiring)).ok && (await keyring.verify(limited)).ok).toBe(true);
    clock.advance(1_000);
    expect(await keyring.verify(expiring)).toMatchObject({ code: 'expired_key' });
    clock.advance(58_999);
    expect(await keyring.verify(limited)).toMatchObject({ code: 'rate_limited' });
    clock.advance(1);
    expect(await keyring.verify(limited)).toMatchObject({ ok: true });
  });

  it('shares nothing with another', async () => {
    const [one, other] = [testKeyring(), testKeyring()];
    expect(await other.keyring.verify(await one.issue())).toMatchObject({ code: 'invalid_key' });
    one.clock.advance(1);
    expect(other.clock.now()).toBe(one.clock.now() - 1);
  });
});
