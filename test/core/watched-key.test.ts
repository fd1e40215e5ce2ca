import { describe, expect, it } from '@jest/globals';
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

  it('is ended at once when the keyring has been closed', async () => {
    const keyring = createKeyring({ prefix: 'awx' });
    const { apiKey } = await keyring.create({ name: 'x' });
    await keyring.close();
    const told: string[] = [];
    engineOf(keyring)!.watch(apiKey.id, NO_FACTS, ({ code }) => told.push(code));
    expect(told).toEqual(['store_unavailable']);
  });
});
