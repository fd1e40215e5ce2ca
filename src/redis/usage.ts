import type { TopQuery, UsageMeter, UsageOfKey, UsagePoint, UsageQuery } from '../core/observing.js';
import { checkOptions } from '../core/options.js';
import { readRetention, REMEMBERED_MS, SPAN_MS, type Retention, type UsageRetention } from '../core/usage/spans.js';
import { spread, type Raise } from '../core/usage/spread.js';
import { columnOf, topOf, type CountOfKey } from '../core/usage/top.js';
import { redisOf, type Redis, type RedisClient } from './client.js';
import { checkPrefix } from './names.js';
import { textsOf } from './store/writing.js';
import { endOfPage, endOfRank, pagesBetween, usageLayout, type UsageLayout } from './usage/layout.js';
import { addScript, hashScript, rankScript } from './usage/scripts.js';

/** Settings of {@link redisUsage}. */
export interface RedisUsageOptions {
  /** What the names of all keys begin with. Default: `keystile:`. */
  readonly prefix?: string;
  /** How many days of each detail are kept. Default: minutes for 2, hours for 90, days for 730. */
  readonly keepDays?: UsageRetention;
}

/** So many keys of each stretch are looked at for the ones that were used most. */
const RANKED = 1_000;

/**
 * Counts the use of keys in Redis or Valkey, for all processes together. A batch is one script; detail goes by itself when its time is
 * over. Everything lies in one hash slot, also on a cluster. `top` is exact while no stretch of time has seen more than 1,000 keys.
 *
 * Throws a `ConfigurationError` (`unknown_option`, `invalid_option`).
 *
 * @example
 * ```ts
 * const keyring = createKeyring({ prefix: 'awx', limiter: redisLimiter(client), usage: redisUsage(client) });
 * ```
 */
export function redisUsage(client: RedisClient, options: RedisUsageOptions = {}): UsageMeter {
  checkOptions(options, 'redisUsage', ['prefix', 'keepDays']);
  const redis = redisOf(client, 'redisUsage.client');
  const layout = usageLayout(checkPrefix(options.prefix ?? 'keystile:', 'redisUsage.prefix'));
  const keep = readRetention(options.keepDays, 'redisUsage.keepDays');
  return {
    async add(batch) {
      const keys = new Map([[layout.batch(batch.id), 1]]);
      const raises = spread(batch, keep).flatMap((raise) => raisesOf(layout, raise, keep)).map(([key, ...rest]) => [numberOf(keys, key), ...rest]);
      await addScript(redis, [...keys.keys()], [String(REMEMBERED_MS / 1_000), JSON.stringify(raises)]);
    },
    read: (query) => readPages(redis, layout, query),
    top: (query) => topKeys(redis, layout, query),
  };
}

function numberOf(keys: Map<string, number>, key: string): number {
  const number = keys.get(key) ?? keys.size + 1;
  keys.set(key, number);
  return number;
}

type Written = readonly [key: string, name: string, count: number, endsAt: number, kind: 'h' | 'z', tenantId?: string];

/** What one counter means for the server: a field of a hash and, of a key, its places among others. */
function raisesOf(layout: UsageLayout, { per, at, keyId, tenantId, outcome, count }: Raise, keep: Retention): Written[] {
  const counter = [layout.page(per, at, keyId, tenantId), `${String(at)} ${outcome}`, count, endOfPage(per, at, keep), 'h'] as const;
  const field: Written = keyId === '' ? counter : [...counter, tenantId];
  if (keyId === '' || per === 'minute') return [field];
  const member = `${keyId}\0${tenantId}`;
  const place = (tenant: string): Written => [layout.rank(per, at, columnOf(outcome), tenant), member, count, endOfRank(per, at, keep), 'z'];
  return [field, place(''), ...(tenantId === '' ? [] : [place(tenantId)])];
}

async function readPages(redis: Redis, layout: UsageLayout, { per, from, to, keyId = '', tenantId }: UsageQuery): Promise<UsagePoint[]> {
  const pages = await Promise.all(pagesBetween(per, from, to).map(async (at) => textsOf(await hashScript(redis, [layout.page(per, at, keyId, tenantId ?? '')], []))));
  return pages.flatMap((texts) => {
    const fields = pairsOf(texts);
    const tenant = fields.find(([name]) => name === 'tenant');
    if (tenant !== undefined && tenantId !== undefined && tenant[1] !== tenantId) return [];
    const points = fields.filter((field) => field !== tenant).map(([name, count]): UsagePoint => {
      const end = name.indexOf(' ');
      return { at: Number(name.slice(0, end)), outcome: name.slice(end + 1), count: Number(count) };
    });
    return points.filter(({ at }) => at >= from && at < to);
  });
}

/** The places tell which keys may be meant, their own counters how much they were used. */
async function topKeys(redis: Redis, layout: UsageLayout, query: TopQuery): Promise<UsageOfKey[]> {
  const { per, from, to, tenantId = '', by, limit } = query;
  const stretches = Array.from({ length: (to - from) / SPAN_MS[per] }, (_, index) => from + index * SPAN_MS[per]);
  const ranks = await Promise.all(stretches.map(async (at) => pairsOf(textsOf(await rankScript(redis, [layout.rank(per, at, by, tenantId)], [String(RANKED)])))));
  const ranked = ranks.flat().map(([member, count]): CountOfKey => {
    const end = member.indexOf('\0');
    return { keyId: member.slice(0, end), tenantId: member.slice(end + 1), outcome: by, count: Number(count) };
  });
  const counts = await Promise.all(topOf(ranked, { by, limit }).map(async ({ keyId, tenantId: tenant = '' }) => {
    const points = await readPages(redis, layout, { per, from, to, keyId });
    return points.map(({ outcome, count }): CountOfKey => ({ keyId, tenantId: tenant, outcome, count }));
  }));
  return topOf(counts.flat(), { by, limit });
}

/** Every second text belongs to the one before. */
function pairsOf(texts: readonly string[]): (readonly [string, string])[] {
  return texts.flatMap((text, index) => (index % 2 === 0 ? [[text, texts[index + 1] ?? ''] as const] : []));
}
