import type { Grant } from './rights.js';

/** Settings as they come in: `null` clears one, times are dates. */
type Changed = { readonly [Name in keyof Grant]?: Grant[Name] | Date | null | undefined };

const FIELDS = ['environment', 'scopes', 'owner', 'plan', 'limits', 'access', 'metadata', 'expiresAt', 'graceExpiresAt'] as const satisfies readonly (keyof Grant)[];

/** What a key may do once these settings hold. */
export function grantAfter(before: Grant, changes: Changed): Grant {
  const after: Record<string, unknown> = {};
  for (const name of FIELDS) {
    const value = changes[name] === undefined ? before[name] : changes[name];
    if (value !== undefined && value !== null) after[name] = value instanceof Date ? value.getTime() : value;
  }
  return after as unknown as Grant;
}
