import { expect, it } from '@jest/globals';
import { createKeyring } from '../../../src/keyring.js';
import { isKeystileError } from '../../../src/core/errors.js';
import { withTables, type TestEngine } from './engine.js';

const HOSTILE: readonly string[] = [
  "'", '"', '`', '\\', "\\'", "' or '1'='1", '"; drop table keystile_keys; --', "'); delete from keystile_keys; --", '/* */', '%', '_', '%_%', '$1', '?', ':id', '@x', '${x}', '\u{1f511}\u{1f469}\u200d\u{1f4bb}',
  'null', 'true', '[]', '{"$gt":1}', '["a"]', 'É', 'ı', 'ß', '\u202e', ' padded ', 'a ', 'a', '\0', 'a\0b', '\ud800', 'x\udfff', '\r\n', '\t', '\u2028', '__proto__', 'constructor', "'".repeat(10_000), '\u{1f511}'.repeat(5_000), '%'.repeat(10_000), '"\\'.repeat(128),
];

/** What became of an operation; whatever it refuses, it refuses as the caller's mistake, not as a fault of the store. */
async function outcome<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    expect(isKeystileError(error) ? error.code : error).toBe('invalid_option');
    return undefined;
  }
}

/** Texts in every place where the management takes one, and in keys. */
export function injectionSuite(engine: () => TestEngine): void {
  it('keeps and finds every text that the management takes exactly, and refuses the others', async () => {
    await withTables(engine, async (open) => {
      const keyring = createKeyring({ prefix: 'awx', store: open().store, cache: false });
      let [kept, refused] = [0, 0];
      const expectFound = async (id: string, filter: Parameters<typeof keyring.list>[0]): Promise<void> => {
        const { keys } = await keyring.list({ limit: 500, ...filter });
        expect([filter, keys.map((one) => one.id)]).toEqual([filter, expect.arrayContaining([id])]);
      };
      for (const text of HOSTILE) {
        const settings = { name: text, tenantId: text, owner: { type: 'user', id: text }, tags: [text.slice(0, 128)], metadata: { key: 'x' } } as const;
        for (const field of ['name', 'tenantId', 'owner', 'tags'] as const) {
          const made = await outcome(() => keyring.create({ name: 'plain', [field]: settings[field] }));
          if (made === undefined) {
            refused++;
            continue;
          }
          kept++;
          const { id } = made.apiKey;
          expect(await keyring.get(id)).toMatchObject({ [field]: settings[field] });
          if (field === 'tenantId') await expectFound(id, { tenantId: text });
          if (field === 'owner') await expectFound(id, { owner: settings.owner });
          if (field === 'tags') await expectFound(id, { tag: text.slice(0, 128) });
          else await expectFound(id, { search: text });
          expect(await keyring.verify(made.key)).toMatchObject({ ok: true });
          await keyring.delete(id);
        }
        const { apiKey, key } = await keyring.create({ name: 'plain' });
        await outcome(async () => expect(await keyring.update(apiKey.id, { metadata: { [text]: text } })).toMatchObject({ metadata: { [text]: text } }));
        await outcome(async () => expect(await keyring.update(apiKey.id, { name: text })).toMatchObject({ name: text }));
        for (const filter of [{ search: text }, { tenantId: text }, { tag: text }, { owner: { type: 'user', id: text } }, { cursor: text }] as const) await outcome(() => keyring.list(filter));
        expect(await outcome(() => keyring.get(text))).toBeUndefined();
        await outcome(() => keyring.revoke(apiKey.id, { reason: text }));
        await outcome(() => keyring.revoke(apiKey.id, { by: text }));
        // A key is made up of letters and digits: whatever else one holds, no statement sees it.
        for (const forged of [text, `awx_live_${text}`, key.replace(apiKey.id, text), key + text, text + key]) {
          expect(['malformed_key', 'invalid_key', 'revoked_key']).toContain(await keyring.verify(forged).then((verification) => !verification.ok && verification.code));
        }
      }
      expect([kept > 80, refused > 20]).toEqual([true, true]);
      await keyring.close();
    });
  });

  it('looks keys without an id up by what they hash to, whatever they are made of', async () => {
    await withTables(engine, async (open) => {
      const keyring = createKeyring({ formats: 'agg_{tenant}_{secret:hex:64}', store: open().store, cache: false });
      const { key } = await keyring.create({ name: 'lone', tenantId: 'shop_7' });
      expect(await keyring.verify(key)).toMatchObject({ ok: true });
      for (const text of HOSTILE) {
        const verification = await keyring.verify(key.replace('shop_7', () => text));
        expect([text, verification.ok, ['malformed_key', 'invalid_key'].includes(verification.ok ? '' : verification.code)]).toEqual([text, false, true]);
      }
      await keyring.close();
    });
  });
}
