import { ConfigurationError } from '../core/errors.js';
import type { TopQuery, UsageMeter, UsageOfKey, UsagePoint, UsageQuery, UsageSpan } from '../core/observing.js';
import { checkOptions } from '../core/options.js';
import { readRetention, SPAN_MS, SPANS, type Retention, type UsageRetention } from '../core/usage/spans.js';
import { eachRaise } from '../core/usage/spread.js';
import { createSums } from '../core/usage/top.js';

/** Settings of {@link memoryUsage}. */
export interface MemoryUsageOptions {
  /** Most counters: one for each stretch of time, key (or tenant, or all) and outcome. Default: 200,000, about 30 MB. */
  readonly max?: number;
  /** How many days of each detail are kept. Default: minutes for 2, hours for 90, days for 730. */
  readonly keepDays?: UsageRetention;
}

/** The counters of one key, of one tenant, or of all in one stretch of time. Nearly always there is one outcome, which needs no map. */
interface Subject {
  readonly tenantId: string;
  readonly outcome: string;
  count: number;
  others: Map<string, number> | undefined;
}

/** What is known of one stretch of time. */
interface Stretch {
  readonly all: Map<string, Subject>;
  readonly tenants: Map<string, Subject>;
  readonly keys: Map<string, Subject>;
  counters: number;
}

type Stretches = Map<number, Stretch>;

/** So many batches are known again. */
const REMEMBERED = 1_000;

/**
 * Counts the use of keys in this process's memory; a restart begins at zero. When there is no room, the oldest detail goes first: minutes,
 * then hours, then days; and when one day alone has too many keys, only its sum goes on.
 *
 * Throws a `ConfigurationError` (`unknown_option`, `invalid_option`).
 *
 * @example
 * ```ts
 * const keyring = createKeyring({ prefix: 'awx', usage: memoryUsage() });
 * ```
 */
export function memoryUsage(options: MemoryUsageOptions = {}): UsageMeter {
  checkOptions(options, 'memoryUsage', ['max', 'keepDays']);
  const { max = 200_000 } = options;
  if (!Number.isInteger(max) || max < 1_000 || max > 100_000_000) throw new ConfigurationError('invalid_option', 'memoryUsage.max', 'must be a whole number from 1,000 to 100,000,000');
  const keep = readRetention(options.keepDays, 'memoryUsage.keepDays');
  const all: Readonly<Record<UsageSpan, Stretches>> = { minute: new Map(), hour: new Map(), day: new Map() };
  const batches = new Set<string>();
  let counters = 0;
  /** There is nothing older that could go, until a new stretch begins. */
  let isFull = false;

  const drop = (stretches: Stretches, at: number): void => {
    counters -= stretches.get(at)?.counters ?? 0;
    stretches.delete(at);
    isFull = false;
  };
  const makeRoom = (): void => {
    for (const per of SPANS) {
      // The last stretch of each is the one that is being counted.
      for (const at of [...all[per].keys()].sort((a, b) => a - b).slice(0, -1)) {
        if (counters < max) return;
        drop(all[per], at);
      }
    }
    isFull = counters >= max;
  };
  const stretchOf = (per: UsageSpan, at: number): Stretch => {
    const known = all[per].get(at);
    if (known !== undefined) return known;
    const begun: Stretch = { all: new Map(), tenants: new Map(), keys: new Map(), counters: 0 };
    all[per].set(at, begun);
    isFull = false;
    return begun;
  };
  const raise = (per: UsageSpan, at: number, keyId: string, tenantId: string, outcome: string, count: number): void => {
    const stretch = stretchOf(per, at);
    const [subjects, id] = whose(stretch, keyId, tenantId);
    const subject = subjects.get(id);
    if (subject?.outcome === outcome) {
      subject.count += count;
      return;
    }
    const before = subject?.others?.get(outcome);
    if (before === undefined) {
      if (counters >= max && !isFull) makeRoom();
      if (counters >= max && subjects !== stretch.all) return;
      counters++;
      stretch.counters++;
    }
    if (subject === undefined) subjects.set(id, { tenantId, outcome, count, others: undefined });
    else (subject.others ??= new Map<string, number>()).set(outcome, (before ?? 0) + count);
  };
  return {
    add(batch) {
      if (batches.has(batch.id)) return;
      batches.add(batch.id);
      const [first] = batches;
      if (batches.size > REMEMBERED && first !== undefined) batches.delete(first);
      for (const [per, at] of outdated(all, keep, batch.at)) drop(all[per], at);
      eachRaise(batch, keep, raise);
    },
    read: (query) => read(all[query.per], query),
    top: (query) => top(all[query.per], query),
  };
}

function whose({ keys, tenants, all }: Stretch, keyId: string, tenantId: string): readonly [Map<string, Subject>, string] {
  if (keyId !== '') return [keys, keyId];
  return tenantId === '' ? [all, ''] : [tenants, tenantId];
}

const outcomesOf = ({ outcome, count, others }: Subject): (readonly [outcome: string, count: number])[] => [[outcome, count], ...(others ?? [])];

const outdated = (all: Readonly<Record<UsageSpan, Stretches>>, keep: Retention, now: number): (readonly [UsageSpan, number])[] =>
  SPANS.flatMap((per) => [...all[per].keys()].filter((at) => at < now - keep[per]).map((at) => [per, at] as const));

function read(stretches: Stretches, { per, from, to, keyId = '', tenantId }: UsageQuery): UsagePoint[] {
  const points: UsagePoint[] = [];
  for (let at = from; at < to; at += SPAN_MS[per]) {
    const stretch = stretches.get(at);
    if (stretch === undefined) continue;
    const [subjects, id] = whose(stretch, keyId, tenantId ?? '');
    const subject = subjects.get(id);
    if (subject === undefined || (tenantId !== undefined && subject.tenantId !== tenantId)) continue;
    for (const [outcome, count] of outcomesOf(subject)) points.push({ at, outcome, count });
  }
  return points;
}

function top(stretches: Stretches, query: TopQuery): UsageOfKey[] {
  const { from, to, tenantId: wanted } = query;
  const sums = createSums();
  for (const [at, { keys }] of stretches) {
    if (at < from || at >= to) continue;
    for (const [keyId, subject] of keys) {
      const { tenantId } = subject;
      if (wanted !== undefined && tenantId !== wanted) continue;
      for (const [outcome, count] of outcomesOf(subject)) sums.add({ keyId, tenantId, outcome, count });
    }
  }
  return sums.top(query);
}
