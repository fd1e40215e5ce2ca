import type { KeyQuery } from '../../../src/core/ports.js';

const SORTS = (['createdAt', 'name', 'lastUsedAt', 'expiresAt'] as const).flatMap((by) => (['asc', 'desc'] as const).map((direction) => ({ sort: { by, direction } })));

/** Everything a list is asked for in one go. */
export const LISTED: readonly Partial<KeyQuery>[] = [
  ...SORTS,
  ...SORTS.map((sort) => ({ ...sort, tenantId: 'tenant-7' })),
  { deleted: true }, { owner: { type: 'user', id: 'user-5' } }, { environment: 'test' }, { environment: 'live' }, { tag: 'rare' }, { slot: 'primary' },
  ...(['active', 'revoked', 'disabled', 'expired', 'scheduled'] as const).map((status) => ({ status })),
  { tenantId: 'tenant-7', status: 'expired' }, { tenantId: 'tenant-7', status: 'revoked', environment: 'live' }, { owner: { type: 'user', id: 'user-5' }, sort: { by: 'name', direction: 'asc' } }, { tenantId: 'tenant-7', environment: 'live', slot: 'primary' },
];
export const SEARCHED: readonly Partial<KeyQuery>[] = [{ search: '4242' }, { search: 'SERVICE' }, { search: 'nobody has this' }];
