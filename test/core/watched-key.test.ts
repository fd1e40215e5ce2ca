import { describe, expect, it, jest } from '@jest/globals';
import { createKeyring } from 'keystile';
import { engineOf } from '../../src/core/keyring.js';
import { NO_FACTS } from '../../src/core/request.js';

describe('what is open with a key', () => {
  it('is ended once, and not after it has stopped by itself, in the end of another say', async () => {
    const keyring = createKeyring({ prefix: 'awx' });
    const { apiKey } = await keyring.create({ name: 'x' });
    const told: string[] = [];
    const { watch } = engineOf(keyring)!;
    watch(apiKey.id, NO_FACTS, ({ code }) => { told.push(`first: ${code}`); stopSecond(); });
    const stopSecond = watch(apiKey.id, NO_FACTS, () => told.push('second'));
    watch(apiKey.id, NO_FACTS, () => { throw new Error('third'); });
    watch(apiKey.id, NO_FACTS, ({ code }) => told.push(`fourth: ${code}`));
    const faults: unknown[] = [];
    keyring.on('fault', ({ error }) => faults.push(error));
    await keyring.revoke(apiKey.id);
    await keyring.delete(apiKey.id);
    await keyring.close();
    expect(told).toEqual(['first: revoked_key', 'fourth: revoked_key']);
    expect(faults).toEqual([new Error('third')]);
  });

  it('may have an end of its own, sooner than the key', async () => {
    jest.useFakeTimers();
    const keyring = createKeyring({ prefix: 'awx' });
    const { apiKey } = await keyring.create({ name: 'x' });
    const told: string[] = [];
    const { watch } = engineOf(keyring)!;
    watch(apiKey.id, NO_FACTS, ({ code }) => told.push(code));
    watch(apiKey.id, NO_FACTS, ({ code }) => told.push(`token: ${code}`), Date.now() + 300_000);
    watch(apiKey.id, NO_FACTS, ({ code }) => told.push(`late: ${code}`), Date.now());
    expect(told).toEqual(['late: invalid_token']);
    await jest.advanceTimersByTimeAsync(299_999);
    expect(told).toHaveLength(1);
    await jest.advanceTimersByTimeAsync(1);
    expect(told).toEqual(['late: invalid_token', 'token: invalid_token']);
    await keyring.revoke(apiKey.id);
    expect(told[2]).toBe('revoked_key');
    jest.useRealTimers();
    await keyring.close();
  });

  it('is ended at once when the keyring has been closed', async () => {
    const keyring = createKeyring({ prefix: 'awx' });
    const { apiKey } = await keyring.create({ name: 'x' });
    await keyring.close();
    const told: string[] = [];
    engineOf(keyring)!.watch(apiKey.id, NO_FACTS, ({ code }) => told.push(code));
    expect(told).toEqual(['store_unavailable']);
  });
});
