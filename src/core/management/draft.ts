import { checkAccess } from '../access/access.js';
import type { EntryContext } from '../compile-entry.js';
import { deepFreeze } from '../freeze.js';
import { ConfigurationError } from '../errors.js';
import { checkRules } from '../limits/rules.js';
import { checkOptions, isPlainObject, unknownName } from '../options.js';
import type { AccessRules } from '../access/access.js';
import type { LimitRule } from '../limits/rules.js';
import type { Json, KeyChanges, KeySlot, Owner } from '../record.js';
import type { Lifecycle } from './lifecycle-options.js';

/** A point in time: a `Date` or epoch milliseconds. */
export type Time = Date | number;

/** What may be said about a key when it is made or changed. */
export interface KeySettings<Scope extends string = string, Plan extends string = string> {
  /** 1 to 256 characters. */
  readonly name: string;
  /** One that a format of the keyring has; part of the key itself, so it never changes. Default: `live`. */
  readonly environment?: string;
  /** The customer, account or workspace the key belongs to, 1 to 256 characters; never changes. */
  readonly tenantId?: string;
  /** Who answers for the key. */
  readonly owner?: Owner;
  /** What the key may do; what a scope implies need not be named. Default: none. */
  readonly scopes?: readonly Scope[];
  /** Name of the set of limits that holds for the key. */
  readonly plan?: Plan;
  /** Limits of this key alone; they replace its plan's as a whole, and `[]` means no limit. */
  readonly limits?: readonly LimitRule[];
  /** Where and for what the key may be used. Default: unrestricted. */
  readonly access?: AccessRules;
  /** JSON of at most 16 kB; reaches handlers. */
  readonly metadata?: { readonly [key: string]: Json };
  /** At most 64, of 1 to 128 characters each; for management only. */
  readonly tags?: readonly string[];
  /** A place of which the tenant has one per environment; needs `tenantId`. Given up on rotation, revocation and deletion. */
  readonly slot?: KeySlot;
  /** The first moment in which the key works. */
  readonly notBefore?: Time;
  /** The first moment in which it no longer does. */
  readonly expiresAt?: Time;
}

/** Changes to a key: `null` clears a field. Environment, tenant and slot are part of what a key is, so they stay. */
export type KeyPatch<Scope extends string = string, Plan extends string = string> = {
  readonly [K in Exclude<keyof KeySettings, 'environment' | 'tenantId' | 'slot'>]?: KeySettings<Scope, Plan>[K] | (K extends 'name' | 'scopes' ? never : null) | undefined;
};

/** What checking needs to know of the keyring. */
export interface DraftContext extends EntryContext {
  readonly environments: readonly string[];
  readonly lifecycle: Lifecycle;
}

export const SETTING_NAMES = ['name', 'environment', 'tenantId', 'owner', 'scopes', 'plan', 'limits', 'access', 'metadata', 'tags', 'slot', 'notBefore', 'expiresAt'];
const FIXED = ['environment', 'tenantId', 'slot'];
export const PATCH_NAMES = SETTING_NAMES.filter((name) => !FIXED.includes(name));
const MAX_METADATA = 16_384;

type Reader = (value: unknown, path: string, context: DraftContext) => unknown;

const READERS: Readonly<Record<keyof KeySettings, Reader>> = {
  name: (value, path) => text(value, path, 256),
  environment: (value, path, { environments }) => {
    if (typeof value === 'string' && environments.includes(value)) return value;
    throw unknownName('unknown_environment', path, value, environments, 'environment');
  },
  tenantId: (value, path) => text(value, path, 256),
  owner(value, path) {
    const { type, id } = checkOptions(value, path, ['type', 'id']);
    if (type !== 'user' && type !== 'org' && type !== 'service') throw new ConfigurationError('invalid_option', `${path}.type`, "must be 'user', 'org' or 'service'");
    return Object.freeze({ type, id: text(id, `${path}.id`, 256) });
  },
  scopes: (value, path, { scopes }) => scopes.check(value, path),
  plan(value, path, { plans }) {
    if (typeof value === 'string' && plans.has(value)) return value;
    throw unknownName('unknown_plan', path, value, [...plans.keys()], 'plan');
  },
  limits: (value, path) => checkRules(value, path),
  access: (value, path) => checkAccess(value, path),
  metadata(value, path) {
    const copy = json(value, path, 0, { left: MAX_METADATA }) as { readonly [key: string]: Json };
    if (!isPlainObject(value)) throw new ConfigurationError('invalid_option', path, 'must be an object');
    if (JSON.stringify(copy).length > MAX_METADATA) throw new ConfigurationError('invalid_option', path, `must be at most ${String(MAX_METADATA)} characters of JSON`);
    return deepFreeze(copy);
  },
  tags(value, path) {
    if (!Array.isArray(value) || value.length > 64) throw new ConfigurationError('invalid_option', path, 'must be a list of at most 64 tags');
    return Object.freeze([...new Set(value.map((tag: unknown, index) => text(tag, `${path}[${String(index)}]`, 128)))]);
  },
  slot: keySlot,
  notBefore: time,
  expiresAt: time,
};

/** The checked fields of a new key; throws a `ConfigurationError` that names the field. */
export function checkSettings(input: unknown, path: string, context: DraftContext): KeyChanges & { readonly name: string } {
  const given = checkOptions(input, path, SETTING_NAMES);
  const fields: Record<string, unknown> = { name: READERS.name(given['name'], `${path}.name`, context), scopes: [], environment: 'live' };
  for (const name of SETTING_NAMES) {
    if (given[name] !== undefined) fields[name] = READERS[name as keyof KeySettings](given[name], `${path}.${name}`, context);
  }
  if (fields['slot'] !== undefined && fields['tenantId'] === undefined) throw new ConfigurationError('invalid_option', `${path}.slot`, 'is a place of a tenant, so tenantId is needed');
  return fields as KeyChanges & { readonly name: string };
}

/** Changes to settings, checked; a name is never cleared. */
export type CheckedPatch = KeyChanges & { readonly name?: string };

/** The checked fields of a change: `undefined` stands for a field to clear. */
export function checkPatch(input: unknown, path: string, context: DraftContext): CheckedPatch {
  const given = checkOptions(input, path, PATCH_NAMES);
  const changes: Record<string, unknown> = {};
  for (const name of PATCH_NAMES) {
    const value = given[name];
    if (value === undefined) continue;
    if (value === null && name !== 'name' && name !== 'scopes') changes[name] = undefined;
    else changes[name] = READERS[name as keyof KeySettings](value, `${path}.${name}`, context);
  }
  return changes;
}

/** A text of 1 to `max` characters, none of them a control character, no lone surrogates. */
export function text(value: unknown, path: string, max: number): string {
  if (typeof value === 'string' && value.length >= 1 && value.length <= max && !/[\u0000-\u001f\u007f]/.test(value) && value.isWellFormed()) return value;
  throw new ConfigurationError('invalid_option', path, `must be a text of 1 to ${String(max)} characters without control characters`);
}

export function keySlot(value: unknown, path: string): KeySlot {
  if (value === 'primary' || value === 'secondary') return value;
  throw new ConfigurationError('invalid_option', path, "must be 'primary' or 'secondary'");
}

/** A point in time as epoch milliseconds. */
function time(value: unknown, path: string): number {
  const ms = value instanceof Date ? value.getTime() : value;
  if (typeof ms === 'number' && Number.isSafeInteger(ms) && ms >= 0 && ms <= 8.64e15) return ms;
  throw new ConfigurationError('invalid_option', path, 'must be a valid Date or whole epoch milliseconds');
}

/** A copy of a JSON value: what JSON cannot say, or says deeper than 16 levels, is refused. */
function json(value: unknown, path: string, depth: number, budget: { left: number }): Json {
  // Every value is at least one character of JSON: few objects that contain each other many times must not be unfolded.
  if (budget.left-- <= 0) throw new ConfigurationError('invalid_option', path, `must be at most ${String(MAX_METADATA)} characters of JSON`);
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))) return value;
  if (depth < 16 && Array.isArray(value)) return value.map((item: unknown, index) => json(item, `${path}[${String(index)}]`, depth + 1, budget));
  if (depth < 16 && isPlainObject(value)) {
    if (Object.hasOwn(value, '__proto__')) throw new ConfigurationError('invalid_option', path, 'must not have a field named __proto__');
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, json(inner, `${path}.${name}`, depth + 1, budget)]));
  }
  throw new ConfigurationError('invalid_option', path, 'must be plain JSON, at most 16 levels deep');
}
