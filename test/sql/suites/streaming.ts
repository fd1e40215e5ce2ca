import type { Keyring } from '../../../src/core/keyring.js';

/** What was acknowledged, one operation each. */
export type Said = Readonly<Partial<Record<'created' | 'rotated' | 'to' | 'renamed' | 'name' | 'revoked' | 'held', string>>>;

/** A few operations of every kind on keys of one tenant; each is said after its acknowledgement. */
export async function streamed(keyring: Keyring, tenantId: string, round: number, say: (said: Said) => unknown): Promise<void> {
  const { apiKey } = await keyring.create({ name: `made ${round}`, tenantId, tags: ['streamed'] });
  say({ created: apiKey.id });
  const { apiKey: next } = await keyring.rotate(apiKey.id);
  say({ rotated: apiKey.id, to: next.id });
  await keyring.update(next.id, { name: `renamed ${round}` });
  say({ renamed: next.id, name: `renamed ${round}` });
  await keyring.revoke(next.id);
  say({ revoked: next.id });
  const { apiKey: held } = await keyring.regenerate(tenantId, 'primary', { name: `held ${round}` });
  say({ held: held.id });
}
