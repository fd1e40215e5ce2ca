import { storeUnavailable } from '../core/errors.js';
import { isPlainObject } from '../core/options.js';

/** Every action there is. */
export const ACTIONS = ['read', 'create', 'update', 'rotate', 'regenerate', 'disable', 'enable', 'revoke', 'delete', 'undelete', 'explain'] as const;

/** What somebody may do with keys. `read` lists and shows them. */
export type ManagementAction = (typeof ACTIONS)[number];

/** A set of actions: `viewer` reads and explains, `operator` also ends, suspends and replaces keys, `admin` does everything. */
export type ManagementRole = 'viewer' | 'operator' | 'admin';

const VIEWER: readonly ManagementAction[] = ['read', 'explain'];
const ROLES: ReadonlyMap<string, readonly ManagementAction[]> = new Map([
  ['viewer', VIEWER],
  ['operator', [...VIEWER, 'rotate', 'regenerate', 'disable', 'enable', 'revoke']],
  ['admin', ACTIONS],
]);

/** What `authorize` says about a signed-in person. */
export type Authorization = {
  /** Who acts, as it stands in events and in `revokedBy`: 1 to 256 characters. */
  readonly actor: string;
  /** Actions and roles. */
  readonly may: readonly (ManagementAction | ManagementRole)[];
} & (
  | {
      /** The one tenant whose keys this person may touch. */
      readonly tenantId: string;
      readonly tenants?: never;
    }
  | {
      /** The keys of every tenant. Said in words: a variable without a value must not mean everybody. */
      readonly tenants: 'all';
      readonly tenantId?: never;
    }
);

/** An authorization that has been read. */
export interface Mandate {
  readonly actor: string;
  /** `undefined`: all tenants. */
  readonly tenantId: string | undefined;
  readonly actions: ReadonlySet<string>;
}

/** The actions behind a list of actions and roles, or `undefined` when it names anything else. */
export function actionsOf(may: unknown): ReadonlySet<string> | undefined {
  if (!Array.isArray(may)) return undefined;
  const named = may.map((name: unknown): readonly string[] => ROLES.get(name as string) ?? ACTIONS.filter((action) => action === name));
  return named.some((actions) => actions.length === 0) ? undefined : new Set(named.flat());
}

/**
 * Reads what `authorize` has answered: a mandate, `'nobody'` (`undefined` or `null`) or `'refused'` (`false`). Anything that is
 * not exactly an authorization throws, for it may be a mistake that opens too much.
 */
export function readAuthorization(answer: unknown): Mandate | 'nobody' | 'refused' {
  if (answer === undefined || answer === null) return 'nobody';
  if (answer === false) return 'refused';
  if (!isPlainObject(answer) || Object.keys(answer).some((name) => !['actor', 'may', 'tenantId', 'tenants'].includes(name))) throw nonsense();
  const { actor, may, tenantId, tenants } = answer;
  const actions = actionsOf(may);
  const everywhere = tenants === 'all' && tenantId === undefined;
  const somewhere = tenants === undefined && isText(tenantId);
  if (!isText(actor) || actions === undefined || everywhere === somewhere) throw nonsense();
  return { actor, tenantId: somewhere ? tenantId : undefined, actions };
}

const nonsense = (): Error => storeUnavailable('authorize answered with something that is no authorization');

/** As the keyring wants its actors and tenants. */
const isText = (value: unknown): value is string =>
  typeof value === 'string' && value.length >= 1 && value.length <= 256 && !/[\u0000-\u001f\u007f]/.test(value) && value.isWellFormed();
