import { z } from 'zod';
import { storeUnavailable } from '../core/errors.js';
import type { Explanation } from '../core/management/explain.js';
import type { LimitState } from '../core/ports.js';
import type { Principal } from '../core/principal.js';
import type { ApiKey } from '../core/record.js';

/** What goes out: schemas for the document, and the functions that make it. Fields are picked one by one, so no store can add any. */

export const time = z.iso.datetime();
export const rule = z.object({ kind: z.enum(['window', 'concurrency']), name: z.string(), limit: z.int(), windowMs: z.int().optional(), per: z.enum(['key', 'tenant', 'owner', 'ip']) });
const status = z.enum(['active', 'scheduled', 'disabled', 'expired', 'revoked']);
const owner = z.object({ type: z.enum(['user', 'org', 'service']), id: z.string() });
const metadata = z.record(z.string(), z.unknown());

export const apiKeyView = z.object({
  id: z.string(),
  version: z.int().describe('Counts changes; the ETag.'),
  status,
  masked: z.string().describe('For display: awx_...x4f2'),
  name: z.string(),
  environment: z.string(),
  tenantId: z.string().optional(),
  owner: owner.optional(),
  scopes: z.array(z.string()),
  plan: z.string().optional(),
  limits: z.array(rule).optional(),
  access: z.record(z.string(), z.unknown()).optional(),
  metadata: metadata.optional(),
  tags: z.array(z.string()).optional(),
  slot: z.enum(['primary', 'secondary']).optional(),
  createdAt: time,
  updatedAt: time,
  notBefore: time.optional(),
  expiresAt: time.optional(),
  graceExpiresAt: time.optional().describe('When a rotated key stops working.'),
  disabledAt: time.optional(),
  revokedAt: time.optional(),
  revokedReason: z.string().optional(),
  revokedBy: z.string().optional(),
  deletedAt: time.optional(),
  replacedBy: z.string().optional(),
  rotatedFrom: z.string().optional(),
  lastUsedAt: time.optional(),
  lastUsedIp: z.string().optional(),
});
export type ApiKeyView = z.infer<typeof apiKeyView>;

const plaintext = z.string().describe('The plaintext key. It is shown here and nowhere else, once.');
export const createdView = z.object({ key: plaintext, apiKey: apiKeyView });
export const successionView = z.object({ key: plaintext, apiKey: apiKeyView, previous: apiKeyView.optional() });
export const listView = z.object({ keys: z.array(apiKeyView), nextCursor: z.string().optional().describe('Absent on the last page.') });
export const meView = z.object({
  id: z.string(), masked: z.string(), name: z.string(), status, environment: z.string(), tenantId: z.string().optional(), owner: owner.optional(),
  scopes: z.array(z.string()).describe('Implied ones included.'), plan: z.string().optional(), realtime: z.boolean(), metadata, expiresAt: time.optional(),
});
export const explanationView = z.object({
  ok: z.boolean(),
  code: z.string().optional().describe('The refusal that a client would get.'),
  checks: z.array(z.object({ check: z.string(), ok: z.boolean(), code: z.string().optional() })),
  limits: z.array(z.object({ ...rule.shape, subject: z.string(), remaining: z.number(), resetMs: z.number(), violated: z.boolean() })),
});
export const problemView = z.object({
  type: z.url(), title: z.string(), status: z.int(), detail: z.string(), code: z.string(),
  errors: z.array(z.object({ field: z.string().describe('JSON pointer'), message: z.string(), code: z.string() })).optional(),
  id: z.string().optional(),
});

const TIMES = ['createdAt', 'updatedAt', 'notBefore', 'expiresAt', 'graceExpiresAt', 'disabledAt', 'revokedAt', 'deletedAt', 'lastUsedAt'] as const;

export function showKey(apiKey: ApiKey): ApiKeyView {
  const shown: Record<string, unknown> = {};
  for (const name of Object.keys(apiKeyView.shape)) {
    const value: unknown = apiKey[name as keyof ApiKey];
    if (value !== undefined) shown[name] = (TIMES as readonly string[]).includes(name) ? iso(value) : value;
  }
  return shown as ApiKeyView;
}

export function showMe(principal: Principal, { masked, status: now }: ApiKey): z.infer<typeof meView> {
  const { id, name, environment, tenantId, owner: answering, scopes, plan, realtime, metadata: data, expiresAt } = principal;
  return {
    id, masked, name, status: now, environment, realtime, scopes: [...scopes], metadata: data,
    ...(tenantId !== undefined && { tenantId }), ...(answering !== undefined && { owner: answering }), ...(plan !== undefined && { plan }), ...(expiresAt !== undefined && { expiresAt: iso(expiresAt) }),
  };
}

export const showExplanation = ({ ok, code, checks, limits }: Explanation): z.infer<typeof explanationView> => ({
  ok, ...(code !== undefined && { code }), checks: checks.map((check) => ({ ...check })), limits: limits.map(showLimit),
});

const showLimit = ({ bucket, rule: counted, remaining, resetMs, violated }: LimitState): z.infer<typeof explanationView>['limits'][number] => ({ ...counted, subject: bucket.id, remaining, resetMs, violated });

/** RFC 3339. What a broken store calls a time must not end in an exception without a name. */
export function iso(ms: unknown): string {
  const at = new Date(typeof ms === 'number' ? ms : Number.NaN);
  if (Number.isNaN(at.getTime())) throw storeUnavailable('the store answered with something that is no time');
  return at.toISOString();
}
