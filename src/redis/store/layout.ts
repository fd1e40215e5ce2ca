import { slotOf } from '../../core/key-pages.js';
import type { KeySort } from '../../core/ports.js';
import type { KeyRecord } from '../../core/record.js';
import { hashTag } from '../names.js';

/** The names of the store's keys, which all lie in one hash slot. */
export interface Layout {
  /** Hash: id → record as JSON, without its last use. */
  readonly records: string;
  /** Hash: stored hash → id. */
  readonly hashes: string;
  /** Hash: slot → id. */
  readonly slots: string;
  /** Hash: id → last use, as `useText` writes it. */
  readonly uses: string;
  /** Sorted set: every record by one of its values. */
  index(by: KeySort['by']): string;
  /** Sorted set: a tenant's records by creation. */
  tenant(tenantId: string): string;
}

export function layoutOf(prefix: string): Layout {
  const tag = hashTag(prefix, 'keys');
  return {
    records: `${tag}records`,
    hashes: `${tag}hashes`,
    slots: `${tag}slots`,
    uses: `${tag}uses`,
    index: (by) => `${tag}by:${by}`,
    tenant: (tenantId) => `${tag}tenant:${tenantId}`,
  };
}

/** Stands before the members that have the value; the others come last in either direction. */
export const PRESENT = 'p';
export const ABSENT = 'q';
/** Stands between value and id. */
const END = '\u0000\u0000';

/**
 * The member of a sorted set in which all scores are 0, so that members go by their bytes: a value, then the id. A page can then begin
 * right behind any place in the order, though its record has gone.
 */
export function memberOf(value: string | number | undefined, id: string): string {
  if (value === undefined) return `${ABSENT}${END}${id}`;
  return `${PRESENT}${typeof value === 'number' ? numberText(value) : value.replaceAll('\u0000', '\u0000\u0001')}${END}${id}`;
}

/** Sixteen hexadecimal digits that go as the numbers do: an IEEE double, its sign made to count up. */
function numberText(value: number): string {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  const bits = bytes.readBigUInt64BE();
  const ordered = bits >> 63n === 0n ? bits | (1n << 63n) : ~bits & ((1n << 64n) - 1n);
  return ordered.toString(16).padStart(16, '0');
}

/** A last use: the time in an order of texts and as JSON, and the address, if there was one. */
export const useText = (at: number, ip: string | undefined): string => `${numberText(at)} ${String(at)} ${ip ?? ''}`;

/** What a record is found by, and what it takes. Its place by last use is the script's business. */
export interface Trace {
  readonly text: string;
  readonly hash: string;
  /** Empty without one. */
  readonly slot: string;
  readonly places: readonly (readonly [key: string, member: string])[];
}

export function traceOf(layout: Layout, record: KeyRecord): Trace {
  const { lastUsedAt: _lastUsedAt, lastUsedIp: _lastUsedIp, ...rest } = record;
  const places: [string, string][] = (['createdAt', 'name', 'expiresAt'] as const).map((by) => [layout.index(by), memberOf(record[by], record.id)]);
  if (record.tenantId !== undefined) places.push([layout.tenant(record.tenantId), memberOf(record.createdAt, record.id)]);
  return { text: JSON.stringify(rest), hash: record.hash, slot: record.slot === undefined ? '' : slotOf(record), places };
}

/** The record of two stored texts; throws for what is none. */
export function recordOf(text: string, use: string | undefined): KeyRecord {
  const record = JSON.parse(text) as KeyRecord;
  if (use === undefined || use === '') return record;
  const [, at, ...address] = use.split(' ');
  const ip = address.join(' ');
  return { ...record, lastUsedAt: Number(at), ...(ip !== '' && { lastUsedIp: ip }) };
}
