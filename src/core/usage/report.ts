import { ConfigurationError } from '../errors.js';
import type { TopQuery, UsagePoint, UsageQuery, UsageSpan } from '../observing.js';
import { checkOptions } from '../options.js';
import { epochMs } from './epoch.js';
import { SPAN_MS, SPANS, startOf } from './spans.js';

/** Which part of the usage is asked for. Times are widened to whole stretches. */
export interface UsageOptions {
  /** How long the stretches are, in UTC. Default: `hour`. */
  readonly per?: UsageSpan;
  /** `from <= at < to`, as a `Date` or epoch milliseconds. Default: two hours by the minute, a week by the hour, 90 days by the day, up to now. */
  readonly from?: Date | number;
  readonly to?: Date | number;
  readonly keyId?: string;
  readonly tenantId?: string;
}

/** Which keys are asked for. */
export interface TopOptions {
  /** Default: a week, up to now. Up to two days are looked at by the hour, more by the day. */
  readonly from?: Date | number;
  readonly to?: Date | number;
  readonly tenantId?: string;
  /** What is counted: requests that were allowed (the default), limited, or otherwise refused. */
  readonly by?: TopQuery['by'];
  /** 1 to 100. Default: 10. */
  readonly limit?: number;
}

/** Requests by how they ended. */
export interface UsageTotals {
  readonly allowed: number;
  /** Refused by the limits of the key: `rate_limited`, `concurrency_exceeded`. */
  readonly limited: number;
  /** Refused for other reasons, by code. */
  readonly refused: Readonly<Partial<Record<string, number>>>;
}

/** How much was used, and when. */
export interface UsageReport {
  readonly per: UsageSpan;
  readonly from: number;
  readonly to: number;
  /** One for each stretch that has seen a request, the oldest first. */
  readonly points: readonly (UsageTotals & { readonly at: number })[];
  readonly totals: UsageTotals;
}

/** As many stretches as fit into a picture; a day has 1,440 minutes. */
const MOST_POINTS = 1_500;
const DAY_MS = 86_400_000;
const USUAL_MS: Readonly<Record<UsageSpan, number>> = { minute: 7_200_000, hour: 7 * DAY_MS, day: 90 * DAY_MS };
const BY: readonly string[] = ['allowed', 'limited', 'refused'] satisfies TopQuery['by'][];

export function toUsageQuery(options: UsageOptions, now: number): UsageQuery {
  const given = checkOptions(options, 'usage', ['per', 'from', 'to', 'keyId', 'tenantId']);
  const { per = 'hour' } = options;
  if (!SPANS.includes(per)) throw wrong('usage.per', `must be one of ${SPANS.join(', ')}`);
  return { per, ...period(options, per, USUAL_MS[per], now, 'usage'), ...texts(given, ['keyId', 'tenantId'], 'usage') };
}

export function toTopQuery(options: TopOptions, now: number): TopQuery {
  const given = checkOptions(options, 'topKeys', ['from', 'to', 'tenantId', 'by', 'limit']);
  const { by = 'allowed', limit = 10 } = options;
  if (!BY.includes(by)) throw wrong('topKeys.by', `must be one of ${BY.join(', ')}`);
  if (!Number.isInteger(limit) || limit < 1 || limit > 100) throw wrong('topKeys.limit', 'must be a whole number from 1 to 100');
  const { from, to } = period(options, 'minute', 7 * DAY_MS, now, 'topKeys', Infinity);
  const per = to - from <= 2 * DAY_MS ? 'hour' : 'day';
  return { per, ...period({ from, to }, per, 0, now, 'topKeys'), ...texts(given, ['tenantId'], 'topKeys'), by, limit };
}

/** Whole stretches, no more than anybody could look at. */
function period({ from, to }: Pick<UsageOptions, 'from' | 'to'>, per: UsageSpan, usualMs: number, now: number, path: string, most = MOST_POINTS): { readonly from: number; readonly to: number } {
  // Unless said, this very moment is a part of it.
  const end = startOf(to === undefined ? now : epochMs(to, `${path}.to`) - 1, per) + SPAN_MS[per];
  const start = from === undefined ? Math.max(0, end - usualMs) : startOf(epochMs(from, `${path}.from`), per);
  if (!(start < end)) throw wrong(`${path}.from`, 'must be before the end');
  if ((end - start) / SPAN_MS[per] > most) throw wrong(`${path}.from`, `makes more than ${String(most)} points: ask for less, or for longer stretches`);
  return { from: start, to: end };
}

function texts(given: Record<string, unknown>, names: readonly string[], path: string): Record<string, string> {
  const found = names.flatMap((name): [string, string][] => {
    const value = given[name];
    if (value === undefined) return [];
    // An empty one must not mean everybody.
    if (typeof value === 'string' && value !== '') return [[name, value]];
    throw wrong(`${path}.${name}`, 'must be a text with something in it');
  });
  return Object.fromEntries(found);
}

const wrong = (option: string, message: string): ConfigurationError => new ConfigurationError('invalid_option', option, message);

/** A meter's answer, put together by the stretch. */
export function reportOf({ per, from, to }: UsageQuery, answer: readonly UsagePoint[]): UsageReport {
  const stretches = new Map<number, Sum>();
  const totals = newSum();
  for (const { at, outcome, count } of answer) {
    let stretch = stretches.get(at);
    if (stretch === undefined) stretches.set(at, (stretch = newSum()));
    addTo(stretch, outcome, count);
    addTo(totals, outcome, count);
  }
  const points = [...stretches].sort(([a], [b]) => a - b).map(([at, sum]) => ({ at, ...show(sum) }));
  return { per, from, to, points, totals: show(totals) };
}

interface Sum {
  allowed: number;
  limited: number;
  readonly refused: Map<string, number>;
}

const newSum = (): Sum => ({ allowed: 0, limited: 0, refused: new Map() });

function addTo(sum: Sum, outcome: string, count: number): void {
  if (outcome === 'allowed' || outcome === 'limited') sum[outcome] += count;
  else sum.refused.set(outcome, (sum.refused.get(outcome) ?? 0) + count);
}

const show = ({ allowed, limited, refused }: Sum): UsageTotals => ({ allowed, limited, refused: Object.fromEntries(refused) });
