import { describe, expect, it } from '@jest/globals';
import { createKeyring, keyFormat } from 'keystile';

describe('the longest key', () => {
  it('has 512 characters and can be verified', async () => {
    const keyring = createKeyring({ formats: 'k_{secret:hex:510}' });
    const { key } = await keyring.create({ name: 'long' });
    expect(key).toHaveLength(512);
    expect(await keyring.verify(key)).toMatchObject({ ok: true });
  });

  it('bounds templates, since a longer key would never be read', () => {
    expect(() => keyFormat('k_{secret:hex:511}')).toThrow(expect.objectContaining({ code: 'invalid_format' }));
    expect(() => keyFormat('k_{tenant}_{secret:hex:446}')).toThrow(expect.objectContaining({ code: 'invalid_format' }));
  });
});
