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
/** Words that no key has, one, hundreds, thousands, many, all; then words that hundreds, thousands and many have, the oldest ones. */
const WORDS = ['nobody has this', 'solitary', 'triplet', '4242', 'quarterly', 'nightly', 'SERVICE', 'legacy', 'vintage', 'antique'] as const;
const RISING = { sort: { by: 'createdAt', direction: 'asc' } } as const;

/** Searches in the order of creation, which nothing else narrows. */
export const SEARCHED: readonly (Partial<KeyQuery> & { readonly search: string })[] = WORDS.flatMap((search) => [{ search }, { search, ...RISING }]);

/** Searches that have the help of another filter, or the burden of another order. */
export const SEARCHED_OTHERWISE: readonly Partial<KeyQuery>[] = [
  ...(['triplet', 'quarterly', 'nightly', 'vintage', 'antique'] as const).flatMap((search) => [
    { search, status: 'active' as const }, { search, status: 'revoked' as const }, { search, deleted: true }, { search, environment: 'test' }, { search, tenantId: 'tenant-7' },
    { search, sort: { by: 'name', direction: 'asc' } as const }, { search, sort: { by: 'lastUsedAt', direction: 'desc' } as const },
  ]),
  { search: '42' }, { search: '7' },
];
