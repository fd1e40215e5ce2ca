import type { ApiKey } from '../core/record.js';
import type { ScopeBook } from '../core/scopes.js';
import type { ManagementAction, Mandate } from './authorization.js';
import { invalidInput, ManagementError } from './problems.js';
import { endOf, excessOf, type Grant, type Holder } from './rights.js';

/** Who manages keys: a person, or a key where the host allows that. Every look at a key goes by one of these. */
export interface Caller {
  readonly actor: string;
  /** Filter for the store; `undefined` where none fits, and `sees` decides alone. */
  readonly tenantId: string | undefined;
  may(action: ManagementAction): boolean;
  /** Whether a key is within sight. What is not might as well not exist. */
  sees(apiKey: ApiKey): boolean;
  /** The tenant of a new key, whatever the body would like; throws for somebody else's. */
  tenantFor(wanted: string | undefined): string | undefined;
  /** Throws unless the caller may hand this on. */
  checkGrant(grant: Grant): void;
  /** What a new key is, where the body does not say. */
  readonly defaults: Partial<Pick<ApiKey, (typeof HANDED_ON)[number] | 'expiresAt'>>;
  /** Whether the caller may claim or renew the slots of a tenant, which are the tenant's own security setting. */
  readonly mayTakeSlots: boolean;
  /** Whether the successor of a key ends no later than the key. */
  readonly keepsEnds: boolean;
  /** Whether it changes a key only as it has been looked at, also where the request names no version. */
  readonly bound: boolean;
  /** Whether keys of its own tenant may be out of its sight. */
  readonly overlooks: boolean;
}

/** The bounds of a key, which one that it makes has as well unless the body draws them closer. */
const HANDED_ON = ['environment', 'owner', 'plan', 'limits', 'access', 'metadata'] as const satisfies readonly (keyof Grant)[];

/** A person signed in with the host. */
export function personCaller({ actor, tenantId, actions }: Mandate): Caller {
  return {
    actor,
    tenantId,
    may: (action) => actions.has(action),
    sees: (apiKey) => tenantId === undefined || apiKey.tenantId === tenantId,
    tenantFor: (wanted) => (tenantId === undefined ? wanted : ownTenant(tenantId, wanted)),
    checkGrant: () => undefined,
    defaults: {},
    mayTakeSlots: true,
    keepsEnds: false,
    bound: false,
    overlooks: false,
  };
}

/** A key that manages keys: within its tenant, and never with more rights than its own. */
export function keyCaller(apiKey: ApiKey, holder: Holder, actions: ReadonlySet<string>, scopes: ScopeBook): Caller {
  return {
    actor: `key:${apiKey.id}`,
    tenantId: apiKey.tenantId,
    may: (action) => actions.has(action),
    sees: (other) => other.tenantId === apiKey.tenantId && excessOf(other, holder, scopes) === undefined,
    tenantFor: (wanted) => ownTenant(apiKey.tenantId, wanted),
    checkGrant(grant) {
      const excess = excessOf(grant, holder, scopes);
      if (excess !== undefined) throw new ManagementError('rights_exceeded', { errors: [{ field: `/${excess}`, message: 'is more than this key has itself', code: 'rights_exceeded' }] });
    },
    defaults: { ...Object.fromEntries(HANDED_ON.filter((name) => apiKey[name] !== undefined).map((name) => [name, apiKey[name]])), ...(endOf(apiKey) < Infinity && { expiresAt: endOf(apiKey) }) },
    mayTakeSlots: false,
    keepsEnds: true,
    bound: true,
    overlooks: true,
  };
}

function ownTenant(own: string | undefined, wanted: string | undefined): string | undefined {
  if (wanted === undefined || wanted === own) return own;
  throw invalidInput({ field: '/tenantId', message: 'must be your own tenant, or left out', code: 'invalid_option' });
}
