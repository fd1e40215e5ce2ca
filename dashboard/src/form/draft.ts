import type { ApiKey, Settings } from '../api/types.js';

/** A limit as it is typed. */
export interface RuleDraft {
  readonly limit: string;
  /** A window in milliseconds, or `at-once`. */
  readonly each: string;
  readonly per: 'key' | 'tenant' | 'owner' | 'ip';
}

/** A form for a key as it is typed: texts, whatever they may turn out to be. */
export interface Draft {
  readonly name: string;
  readonly tenantId: string;
  readonly environment: string;
  readonly slot: string;
  readonly ownerType: string;
  readonly ownerId: string;
  readonly scopes: readonly string[];
  readonly limitsBy: 'plan' | 'own' | 'default';
  readonly plan: string;
  readonly rules: readonly RuleDraft[];
  readonly expiry: string;
  readonly expiresAt: string;
  readonly notBefore: string;
  readonly endpointsBy: 'all' | 'none' | 'allow' | 'deny';
  readonly endpoints: string;
  readonly ipsAllow: string;
  readonly ipsDeny: string;
  readonly originsBy: 'all' | 'server-only' | 'only';
  readonly origins: string;
  readonly realtime: boolean;
  readonly tags: string;
  readonly metadata: string;
}

/** A form that nobody has typed into. The safest of what is usual stands first. */
export function emptyDraft({ environments, plans, tenantId }: Settings): Draft {
  return {
    name: '', tenantId: tenantId ?? '', environment: environments.includes('live') ? 'live' : (environments[0] ?? ''), slot: '', ownerType: '', ownerId: '', scopes: [],
    limitsBy: plans.length > 0 ? 'plan' : 'default', plan: plans[0]?.name ?? '', rules: [], expiry: '90', expiresAt: '', notBefore: '',
    endpointsBy: 'all', endpoints: '', ipsAllow: '', ipsDeny: '', originsBy: 'all', origins: '', realtime: true, tags: '', metadata: '',
  };
}

/** A form filled in as a key is. */
export function draftOf(key: ApiKey): Draft {
  const { endpoints = 'all', ips = {}, origins = 'all', realtime = true } = (key.access ?? {}) as Access;
  const [endpointsBy, endpointRules] = typeof endpoints === 'string' ? [endpoints, []] : 'allow' in endpoints ? (['allow', endpoints.allow] as const) : (['deny', endpoints.deny] as const);
  return {
    name: key.name, tenantId: key.tenantId ?? '', environment: key.environment, slot: key.slot ?? '', ownerType: key.owner?.type ?? '', ownerId: key.owner?.id ?? '', scopes: key.scopes,
    limitsBy: key.limits !== undefined ? 'own' : key.plan !== undefined ? 'plan' : 'default', plan: key.plan ?? '',
    rules: (key.limits ?? []).map(({ limit, windowMs, per }) => ({ limit: String(limit), each: windowMs === undefined ? 'at-once' : String(windowMs), per })),
    expiry: key.expiresAt === undefined ? 'never' : 'date', expiresAt: localTime(key.expiresAt), notBefore: localTime(key.notBefore),
    endpointsBy, endpoints: endpointRules.join('\n'), ipsAllow: (ips.allow ?? []).join('\n'), ipsDeny: (ips.deny ?? []).join('\n'),
    originsBy: typeof origins === 'string' ? origins : 'only', origins: typeof origins === 'string' ? '' : origins.join('\n'),
    realtime, tags: (key.tags ?? []).join(', '), metadata: key.metadata === undefined ? '' : JSON.stringify(key.metadata, null, 2),
  };
}

/** The shape of `access`, which the API's document leaves open. */
export interface Access {
  readonly endpoints?: 'all' | 'none' | { readonly allow: readonly string[] } | { readonly deny: readonly string[] };
  readonly ips?: { readonly allow?: readonly string[]; readonly deny?: readonly string[] };
  readonly origins?: 'all' | 'server-only' | readonly string[];
  readonly realtime?: boolean;
}

/** As `datetime-local` wants it: in the person's time zone, to the minute. */
function localTime(time: string | undefined): string {
  if (time === undefined) return '';
  const at = new Date(time);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
