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
/** By how many keys have the word: none, one, hundreds, thousands, many, all; then those that only the oldest have; then along with more. */
const WORDS = ['nobody has this', 'solitary', 'triplet', '4242', 'quarterly', 'nightly', 'SERVICE', 'legacy', 'vintage', 'antique'] as const;

export const SEARCHED: readonly Partial<KeyQuery>[] = [
  ...WORDS.map((search) => ({ search })),
  ...WORDS.map((search) => ({ search, sort: { by: 'createdAt', direction: 'asc' } as const })),
  ...(['quarterly', 'nightly', 'vintage', 'antique'] as const).flatMap((search) => [
    { search, sort: { by: 'name', direction: 'asc' } as const }, { search, sort: { by: 'lastUsedAt', direction: 'desc' } as const },
    { search, tenantId: 'tenant-7' }, { search, environment: 'test' }, { search, deleted: true }, { search, status: 'active' as const }, { search, status: 'revoked' as const }, { search, tag: 'rare' },
  ]),
  { search: '42' }, { search: '7' },
];
