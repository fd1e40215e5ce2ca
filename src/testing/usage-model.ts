import type { TopQuery, UsageCount, UsageOfKey, UsagePoint, UsageQuery, UsageSpan } from '../core/observing.js';

/** What a meter must answer, worked out the long way. */

export const MS: Readonly<Record<UsageSpan, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };
export const SPANS: readonly UsageSpan[] = ['minute', 'hour', 'day'];
/** A midnight. */
export const START = 1_800_057_600_000;
export const WHENEVER = { from: START - 2 * MS.day, to: START + 2 * MS.day };

const OUTCOMES = ['allowed', 'limited', 'invalid_key', 'insufficient_scope', 'expired_key'];
const KEYS: readonly Pick<UsageCount, 'keyId' | 'tenantId'>[] = [{ keyId: 'a' }, { keyId: 'b', tenantId: 't' }, { keyId: 'c', tenantId: 't' }, { keyId: 't', tenantId: 'T' }, { keyId: 'd', tenantId: 'a' }, {}];

/** Counts of a day and a half; the same for everybody, so that a failure can be had again. */
export function randomCounts(length: number): UsageCount[] {
  let state = 2026;
  const below = (most: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * most);
  };
  return Array.from({ length }, () => ({ at: START - MS.day / 2 + below(1.5 * 1_440) * MS.minute, ...KEYS[below(KEYS.length)], outcome: OUTCOMES[below(OUTCOMES.length)] ?? 'allowed', count: 1 + below(50) }));
}

/** The same counts, none of the same minute, key and outcome as another: what a batch is. */
export function bySpan(counts: readonly UsageCount[]): UsageCount[] {
  const sums = new Map<string, UsageCount>();
  for (const one of counts) {
    const name = JSON.stringify([one.at, one.keyId, one.outcome]);
    sums.set(name, { ...one, count: one.count + (sums.get(name)?.count ?? 0) });
  }
  return [...sums.values()];
}

type Row = readonly [at: number, outcome: string, count: number];

/** Points in one order, to be compared. */
export const pointsOf = (points: readonly UsagePoint[]): Row[] => points.map(({ at, outcome, count }): Row => [at, outcome, count]).sort((a, b) => a[0] - b[0] || (a[1] < b[1] ? -1 : 1));

export function expectedPoints(counts: readonly UsageCount[], { per, from, to, keyId, tenantId }: UsageQuery): Row[] {
  const sums = new Map<string, UsagePoint>();
  for (const one of counts) {
    const at = Math.floor(one.at / MS[per]) * MS[per];
    const isWanted = at >= from && at < to && (keyId === undefined || one.keyId === keyId) && (tenantId === undefined || one.tenantId === tenantId);
    const name = `${String(at)} ${one.outcome}`;
    if (isWanted) sums.set(name, { at, outcome: one.outcome, count: one.count + (sums.get(name)?.count ?? 0) });
  }
  return pointsOf([...sums.values()]);
}

export function expectedTop(counts: readonly UsageCount[], { per, from, to, tenantId, by, limit }: TopQuery): UsageOfKey[] {
  const keys = [...new Set(counts.map(({ keyId }) => keyId))].filter((keyId) => keyId !== undefined);
  const sums = keys.map((keyId): UsageOfKey => {
    const rows = expectedPoints(counts, { per, from, to, keyId, ...(tenantId !== undefined && { tenantId }) });
    const sumOf = (fits: (outcome: string) => boolean): number => rows.filter(([, outcome]) => fits(outcome)).reduce((sum, [, , count]) => sum + count, 0);
    const owner = counts.find((one) => one.keyId === keyId)?.tenantId;
    return { keyId, ...(owner !== undefined && { tenantId: owner }), allowed: sumOf((outcome) => outcome === 'allowed'), limited: sumOf((outcome) => outcome === 'limited'), refused: sumOf((outcome) => outcome !== 'allowed' && outcome !== 'limited') };
  });
  return sums.filter((sum) => sum[by] > 0).sort((a, b) => b[by] - a[by] || (a.keyId < b.keyId ? -1 : 1)).slice(0, limit);
}
