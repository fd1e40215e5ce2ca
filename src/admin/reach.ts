import type { Caller } from './caller.js';
import type { Sight } from './sight.js';

/** Whose records are asked for. */
export interface Whose {
  readonly keyId?: string;
  readonly tenantId?: string;
}

/** The same as asked for. */
interface Asked {
  readonly keyId: string | undefined;
  readonly tenantId: string | undefined;
}

/** Whose records a caller may be shown of those that are asked for; `undefined` for none: that looks like a key that has done nothing. */
export type Reach = (caller: Caller, asked: Asked) => Promise<Whose | undefined>;

/** Whether a caller sees a key, looked up once. */
export type SeesKey = (keyId: string) => Promise<boolean>;

export const createReach = (sight: Sight): Reach => async (caller, { keyId, tenantId }) => {
  if (tenantId !== undefined && caller.tenantId !== undefined && tenantId !== caller.tenantId) return undefined;
  const tenant = caller.tenantId ?? tenantId;
  const whose = { ...(keyId !== undefined && { keyId }), ...(tenant !== undefined && { tenantId: tenant }) };
  if (!caller.overlooks) return whose;
  // Of all keys without a tenant there are no records together, and those of everybody are none of its affair.
  if (keyId === undefined) return caller.tenantId === undefined ? undefined : whose;
  return (await createSeesKey(sight, caller)(keyId)) ? whose : undefined;
};

/** A key that is out of the caller's sight, or purged, has no records for it. */
export function createSeesKey(sight: Sight, caller: Caller): SeesKey {
  const known = new Map<string, boolean>();
  return async (keyId) => {
    const before = known.get(keyId);
    if (before !== undefined) return before;
    const found = ((await sight.find(caller, keyId)) ?? (await sight.deleted(caller, keyId))) !== undefined;
    known.set(keyId, found);
    return found;
  };
}
