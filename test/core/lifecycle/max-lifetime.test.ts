import { describe, expect, it } from '@jest/globals';
import { failure, ring, START, verdict } from '../support.js';

const YEAR = 365 * 86_400_000;
const RULE = { lifecycle: { maxLifetime: YEAR } };
const END = START + YEAR;

describe('a keyring with a longest life of keys', () => {
  it('gives every new key an end, imported ones too', async () => {
    const { keyring, clock } = ring(RULE);
    const { key, apiKey } = await keyring.create({ name: 'one' });
    const imported = await keyring.import({ name: 'two', key: keyring.format.generate({ environment: 'live' }).key });
    const slot = await keyring.regenerate('acme', 'primary');
    expect([apiKey.expiresAt, imported.expiresAt, slot.apiKey.expiresAt]).toEqual([END, END, END]);
    clock.time = END - 1;
    expect(await verdict(keyring, key)).toBe('ok');
    clock.time = END;
    expect(await verdict(keyring, key)).toBe('expired_key');
  });

  it('lets an end be earlier, or exactly there, and refuses a later one', async () => {
    const { keyring } = ring(RULE);
    const source = (): { key: string } => ({ key: keyring.format.generate({ environment: 'live' }).key });
    for (const expiresAt of [START + 5, END]) {
      expect((await keyring.create({ name: 'one', expiresAt })).apiKey.expiresAt).toBe(expiresAt);
      expect((await keyring.import({ name: 'two', ...source(), expiresAt })).expiresAt).toBe(expiresAt);
    }
    expect(await failure(() => keyring.create({ name: 'one', expiresAt: END + 1 }))).toEqual(['invalid_option', 'create.expiresAt']);
    expect(await failure(() => keyring.import({ name: 'one', ...source(), expiresAt: new Date(END + 1) }))).toEqual(['invalid_option', 'import.expiresAt']);
    expect(await failure(() => keyring.regenerate('acme', 'primary', { expiresAt: END + 1 }))).toEqual(['invalid_option', 'regenerate.expiresAt']);
  });

  it('counts from the birth of a key, whenever it is updated', async () => {
    const { keyring, clock } = ring(RULE);
    const { apiKey } = await keyring.create({ name: 'one', expiresAt: START + 5 });
    clock.time = START + YEAR / 2;
    expect(await failure(() => keyring.update(apiKey.id, { expiresAt: END + 1 }))).toEqual(['invalid_option', 'update.expiresAt']);
    expect((await keyring.update(apiKey.id, { expiresAt: END })).expiresAt).toBe(END);
    expect((await keyring.update(apiKey.id, { expiresAt: START + 9 })).expiresAt).toBe(START + 9);
    expect((await keyring.update(apiKey.id, { expiresAt: null })).expiresAt).toBe(END);
    expect((await keyring.update(apiKey.id, { name: 'two' })).expiresAt).toBe(END);
  });

  it('gives a rotated key a whole life, unless its end was set', async () => {
    const { keyring, clock } = ring(RULE);
    const { apiKey: { id } } = await keyring.create({ name: 'one', tenantId: 'acme', slot: 'primary' });
    const { apiKey: ending } = await keyring.create({ name: 'two', expiresAt: END - 1 });
    clock.time += 1_000;
    const next = await keyring.rotate(id);
    expect([next.previous?.expiresAt, next.apiKey.expiresAt]).toEqual([END, END + 1_000]);
    clock.time += 1_000;
    expect((await keyring.regenerate('acme', 'primary')).apiKey.expiresAt).toBe(END + 2_000);
    const second = await keyring.rotate(ending.id);
    expect(second.apiKey.expiresAt).toBe(END - 1);
    expect(await failure(() => keyring.rotate(second.apiKey.id, { expiresAt: END + 2_001 }))).toEqual(['invalid_option', 'rotate.expiresAt']);
    expect((await keyring.rotate(second.apiKey.id, { expiresAt: null })).apiKey.expiresAt).toBe(END + 2_000);
  });

  it('does not bring a key back by rotation that has come to its end', async () => {
    const { keyring, clock } = ring(RULE);
    const { apiKey: { id } } = await keyring.create({ name: 'one' });
    clock.time = END;
    expect(await failure(() => keyring.rotate(id))).toEqual(['key_not_active']);
    expect((await keyring.rotate(id, { expiresAt: null })).apiKey.expiresAt).toBe(END + YEAR);
  });

  it('shortens what a key of an earlier, laxer rule hands down', async () => {
    const { keyring: lax, store, clock } = ring();
    const { apiKey } = await lax.create({ name: 'one', tenantId: 'acme', slot: 'primary', expiresAt: END + 5 });
    const { apiKey: endless } = await lax.create({ name: 'two' });
    const { keyring } = ring({ ...RULE, store, clock });
    const next = await keyring.rotate(apiKey.id);
    expect([next.apiKey.expiresAt, (await keyring.rotate(endless.id)).apiKey.expiresAt]).toEqual([END, END]);
    expect((await keyring.regenerate('acme', 'primary')).apiKey.expiresAt).toBe(END);
    // What is there stays as it was made.
    expect((await keyring.get(apiKey.id))?.expiresAt).toBe(END + 5);
  });
});
