import type { Keyring } from '../../src/core/keyring.js';
import { START } from './support.js';

/** What a key needs for all of them. */
export const CHANGEABLE = { name: 'one', tenantId: 'acme', slot: 'primary', scopes: ['read'] } as const;

/** Every change that ends or narrows such a key, and what the very next verification says. */
export const CHANGES: readonly (readonly [name: string, change: (keyring: Keyring, id: string) => Promise<unknown>, code: string])[] = [
  ['disable', async (keyring, id) => keyring.disable(id), 'disabled_key'],
  ['revoke', async (keyring, id) => keyring.revoke(id), 'revoked_key'],
  ['rotate without grace', async (keyring, id) => keyring.rotate(id, { gracePeriod: 0 }), 'expired_key'],
  ['regenerate', async (keyring) => keyring.regenerate('acme', 'primary'), 'revoked_key'],
  ['delete', async (keyring, id) => keyring.delete(id), 'invalid_key'],
  ['update of the end', async (keyring, id) => keyring.update(id, { expiresAt: START }), 'expired_key'],
  ['update of the scopes', async (keyring, id) => keyring.update(id, { scopes: [] }), 'insufficient_scope'],
  ['update of the access rules', async (keyring, id) => keyring.update(id, { access: { ips: { allow: [] } } }), 'ip_not_allowed'],
];
