import { sql, type RawBuilder } from 'kysely';
import type { KeyQuery, KeySort } from '../core/ports.js';
import type { Dialect } from './dialects.js';
import { isStorable } from './rows.js';

type Condition = RawBuilder<unknown>;
const k = (column: string): Condition => sql.ref(`k.${column}`);

/** What a query is led by: the filter that is likely to leave the fewest keys, for which there is an index in the usual order. */
export type Lead = 'few' | 'tag' | 'tenant' | 'owner' | 'slot' | 'halted' | 'environment' | 'order';

export function leadOf(query: KeyQuery, hasFew: boolean): Lead {
  if (hasFew) return 'few';
  if (query.tag !== undefined) return 'tag';
  if (query.tenantId !== undefined) return 'tenant';
  if (query.owner !== undefined) return 'owner';
  if (query.slot !== undefined) return 'slot';
  if (isHalted(query.status)) return 'halted';
  return query.environment !== undefined ? 'environment' : 'order';
}

const isHalted = (status: KeyQuery['status']): boolean => status === 'revoked' || status === 'disabled';

export type SortedQuery = KeyQuery & { readonly sort: KeySort };

/** What must hold of `k`, the search apart. */
export function conditionsOf(query: SortedQuery, lead: Lead, dialect: Dialect): Condition[] {
  const { tenantId, owner, environment, slot, deleted = false, status, sort } = query;
  // Only the leading filter goes by its index: an engine without knowledge of the data might take one that most keys fit.
  const column = (name: string, ...leads: readonly Lead[]): Condition => (leads.includes(lead) ? k(name) : dialect.aside(k(name)));
  // An owner has few keys: sorted, rather than met one by one on a walk through those of everybody.
  const isRead = lead === 'few' || lead === 'tag' || (lead === 'owner' && sort.by !== 'createdAt');
  return [
    sql`${isRead ? dialect.aside(k('deleted')) : k('deleted')} = ${deleted ? 1 : 0}`,
    ...(tenantId === undefined ? [] : [sql`${column('tenant_id', 'tenant')} = ${tenantId}`]),
    ...(owner === undefined ? [] : [sql`${column('owner_type', 'owner')} = ${owner.type}`, sql`${column('owner_id', 'owner')} = ${owner.id}`]),
    ...(environment === undefined ? [] : [sql`${column('environment', 'environment', 'tenant')} = ${environment}`]),
    ...(slot === undefined ? [] : [sql`${column('slot', 'slot', 'tenant')} = ${slot}`]),
    ...(status === undefined ? [] : statusIs(status, query.now, (name) => column(name, 'halted'), dialect)),
  ];
}

/** The rule of `statusOf`. */
function statusIs(status: NonNullable<KeyQuery['status']>, now: number, halted: (name: string) => Condition, { aside }: Dialect): Condition[] {
  if (isHalted(status)) return [sql`${halted('halted')} = ${status}`];
  const { latest, earliest } = readingsOf(now);
  const [ends, starts] = [aside(k('ends_at')), aside(k('not_before'))];
  const rules = {
    expired: [sql`${ends} <= ${latest}`],
    scheduled: [sql`${ends} > ${latest}`, sql`${starts} > ${earliest}`],
    active: [sql`${ends} > ${latest}`, sql`(${starts} is null or ${starts} <= ${earliest})`],
  };
  return [sql`${aside(k('halted'))} is null`, ...rules[status as keyof typeof rules]];
}

/** Whole milliseconds, as the columns are. An invalid time makes whatever has an end expired, whatever has a beginning scheduled. */
export function readingsOf(now: number): { readonly latest: number; readonly earliest: number } {
  const most = Number.MAX_SAFE_INTEGER - 1;
  if (Number.isNaN(now)) return { latest: most, earliest: -most };
  const whole = Math.max(-most, Math.min(most, Math.floor(now)));
  return { latest: whole, earliest: whole };
}

/** Whether a query asks for texts that a store can have at all. */
export function isAnswerable({ tenantId, owner, environment, tag, search }: KeyQuery): boolean {
  return [tenantId, owner?.type, owner?.id, environment, tag, search].every((text) => text === undefined || isStorable(text));
}
