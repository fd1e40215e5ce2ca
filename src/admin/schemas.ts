import { z } from 'zod';
import { concurrent, perWindow, type LimitRule } from '../core/limits/rules.js';
import type { Json } from '../core/record.js';

/** What comes in. Unknown fields are refused everywhere; what depends on the keyring (scopes, plans, rules' syntax) it checks itself. */

export const PRINTABLE = /^[^\u0000-\u001f\u007f]*$/;
const CENTURY_SECONDS = 3_162_240_000;

export const text = (max: number): z.ZodString => z.string().min(1, 'must not be empty').max(max, `must be at most ${String(max)} characters`).regex(PRINTABLE, 'must not have control characters');
export const time = z.iso.datetime({ offset: true, error: 'must be a date and time as in RFC 3339, such as 2027-01-31T12:00:00Z' }).transform((written) => new Date(written));
const slot = z.enum(['primary', 'secondary']);
const ownerType = z.enum(['user', 'org', 'service']);
const owner = z.strictObject({ type: ownerType, id: text(256) });
const scopes = z.array(z.string().max(128)).max(1_000);
const tags = z.array(text(128)).max(64);
const metadata = z.record(z.string(), z.unknown() as z.ZodType<Json>).describe('JSON of at most 16 kB; handlers see it.');

const ruleBasics = {
  limit: z.int().min(0).max(1_000_000_000),
  per: z.enum(['key', 'tenant', 'owner', 'ip']).exactOptional(),
  name: z.string().regex(/^[a-zA-Z0-9][\w.-]{0,63}$/).exactOptional(),
};
const limits = z
  .array(
    z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('window'), windowMs: z.int().min(1_000).max(31_622_400_000), ...ruleBasics }),
      z.strictObject({ kind: z.literal('concurrency'), ...ruleBasics }),
    ]),
  )
  .max(16)
  .transform((rules) => rules.map((rule): LimitRule => {
    const { limit, per, name } = rule;
    const options = { ...(per !== undefined && { per }), ...(name !== undefined && { name }) };
    return rule.kind === 'window' ? perWindow(limit, rule.windowMs, options) : concurrent(limit, options);
  }));

const rules = z.array(z.string().min(1).max(512)).max(1_000);
const access = z.strictObject({
  endpoints: z.union([z.enum(['all', 'none']), z.strictObject({ allow: rules }), z.strictObject({ deny: rules })]).exactOptional(),
  ips: z.strictObject({ allow: rules.exactOptional(), deny: rules.exactOptional() }).exactOptional(),
  origins: z.union([z.enum(['all', 'server-only']), rules]).exactOptional(),
  realtime: z.boolean().exactOptional(),
});

const settings = {
  owner: owner.exactOptional(),
  scopes: scopes.exactOptional(),
  plan: z.string().max(256).exactOptional(),
  limits: limits.exactOptional(),
  access: access.exactOptional(),
  metadata: metadata.exactOptional(),
  tags: tags.exactOptional(),
  notBefore: time.exactOptional(),
  expiresAt: time.exactOptional(),
};

/** Settings that `null` clears. */
const changes = {
  name: text(256).exactOptional(),
  owner: owner.nullable().exactOptional(),
  scopes: scopes.exactOptional(),
  plan: z.string().max(256).nullable().exactOptional(),
  limits: limits.nullable().exactOptional(),
  access: access.nullable().exactOptional(),
  metadata: metadata.nullable().exactOptional(),
  tags: tags.nullable().exactOptional(),
  notBefore: time.nullable().exactOptional(),
  expiresAt: time.nullable().exactOptional(),
};

const environment = z.string().max(32);

export const createInput = z.strictObject({ name: text(256), environment: environment.exactOptional(), tenantId: text(256).exactOptional(), slot: slot.exactOptional(), ...settings });
export const updateInput = z.strictObject(changes);
export const regenerateInput = z.strictObject({ environment: environment.exactOptional(), ...changes });
export const rotateInput = z.strictObject({
  gracePeriodSeconds: z.int().min(0).max(CENTURY_SECONDS).describe('How long the old key goes on working; 0 ends it at once.').exactOptional(),
  expiresAt: time.nullable().exactOptional(),
});
export const revokeInput = z.strictObject({ reason: text(1_024).exactOptional() });
export const noInput = z.strictObject({});
export const explainInput = z.strictObject({
  method: z.string().max(32).exactOptional(),
  path: z.string().max(8_192).exactOptional(),
  ip: z.string().max(64).exactOptional(),
  origin: z.string().max(512).exactOptional(),
  referer: z.string().max(8_192).exactOptional(),
  browser: z.boolean().exactOptional(),
  scopes: scopes.exactOptional(),
  environment: environment.exactOptional(),
  tenantId: z.string().max(256).exactOptional(),
  realtime: z.boolean().exactOptional(),
  upgrade: z.boolean().describe('A WebSocket: realtime is asked in the place of endpoints.').exactOptional(),
  cost: z.int().min(0).exactOptional(),
});

export const SORTS = ['createdAt', 'name', 'lastUsedAt', 'expiresAt'] as const;

/** Query parameters are texts. */
export const listQuery = z.strictObject({
  limit: z.string().regex(/^(?:[1-9]\d?|[1-4]\d\d|500)$/, 'must be a whole number from 1 to 500').transform(Number).describe('Keys a page, 1 to 500; 50 unless said.').exactOptional(),
  cursor: z.string().max(2_048).regex(PRINTABLE).describe('nextCursor of the page before, with the same filters and order.').exactOptional(),
  tenantId: text(256).exactOptional(),
  ownerType: ownerType.exactOptional(),
  ownerId: text(256).exactOptional(),
  environment: environment.regex(PRINTABLE).exactOptional(),
  status: z.enum(['active', 'scheduled', 'disabled', 'expired', 'revoked']).exactOptional(),
  tag: text(128).exactOptional(),
  slot: slot.exactOptional(),
  search: text(256).describe('Part of the id, name, tenant id or owner id, upper and lower case alike.').exactOptional(),
  deleted: z.enum(['true', 'false']).transform((written) => written === 'true').describe('Deleted keys that can still be brought back, and no others.').exactOptional(),
  sort: z.enum(SORTS.flatMap((name) => [name, `-${name}`] as const)).describe('What to sort by, falling with a minus. -createdAt unless said.').exactOptional(),
}).refine(({ ownerType, ownerId }) => (ownerType === undefined) === (ownerId === undefined), { path: ['ownerId'], error: 'ownerType and ownerId belong together' });
