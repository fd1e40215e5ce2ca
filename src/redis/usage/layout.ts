import type { UsageSpan } from '../../core/observing.js';
import { SPAN_MS, type Retention } from '../../core/usage/spans.js';
import { hashTag } from '../names.js';

/** Counters of so long a time lie in one hash: enough for few reads, little enough to be forgotten as a whole. */
const PAGE_MS: Readonly<Record<UsageSpan, number>> = { minute: SPAN_MS.day, hour: 30 * SPAN_MS.day, day: 360 * SPAN_MS.day };

/** The names of the meter's keys, which all lie in one hash slot. */
export interface UsageLayout {
  /** A batch that has been counted. */
  batch(id: string): string;
  /** Hash: `<start> <outcome>` → count; of a key also `tenant` → its tenant. */
  page(per: UsageSpan, at: number, keyId: string, tenantId: string): string;
  /** Sorted set: the keys of a stretch, of one tenant or (`''`) of all, by how many requests ended so. */
  rank(per: 'hour' | 'day', at: number, by: string, tenantId: string): string;
}

export function usageLayout(prefix: string): UsageLayout {
  const tag = hashTag(prefix, 'usage');
  return {
    batch: (id) => `${tag}batch:${id}`,
    page: (per, at, keyId, tenantId) => `${tag}${per}:${String(Math.floor(at / PAGE_MS[per]))}:${keyId === '' ? `t${tenantId}` : `k${keyId}`}`,
    rank: (per, at, by, tenantId) => `${tag}top:${per}:${String(at)}:${by}:${tenantId}`,
  };
}

/** The time in each page between two, one for each. */
export function pagesBetween(per: UsageSpan, from: number, to: number): number[] {
  const first = Math.floor(from / PAGE_MS[per]);
  const last = Math.floor((to - 1) / PAGE_MS[per]);
  return Array.from({ length: last - first + 1 }, (_, index) => (first + index) * PAGE_MS[per]);
}

/** When nothing in a page is wanted any more, in seconds since 1970. */
export const endOfPage = (per: UsageSpan, at: number, keep: Retention): number => Math.ceil(((Math.floor(at / PAGE_MS[per]) + 1) * PAGE_MS[per] + keep[per]) / 1_000);
export const endOfRank = (per: UsageSpan, at: number, keep: Retention): number => Math.ceil((at + SPAN_MS[per] + keep[per]) / 1_000);
