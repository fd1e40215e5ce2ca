import { setImmediate as nextTurn } from 'node:timers/promises';
import { sql, type RawBuilder } from 'kysely';
import type { UsageBatch, UsageMeter, UsagePoint, UsageQuery } from '../core/observing.js';
import { readRetention, REMEMBERED_MS, SPAN_MS, SPANS, type Retention, type UsageRetention } from '../core/usage/spans.js';
import { spread, type Raise } from '../core/usage/spread.js';
import type { Engine } from './engine.js';
import { cut, given } from './given.js';
import type { TableOptions } from './names.js';
import { createPruner, type Kept } from './pruning.js';
import { isStorable } from './rows.js';
import { isMysql } from './schema.js';
import type { Steps } from './steps.js';
import { NUMBERS, top, within } from './usage-top.js';
import { onEngine, type SqlTarget } from './target.js';

/** Settings of {@link sqlUsage}. */
export interface SqlUsageOptions extends TableOptions {
  /** How many days of each detail are kept. Default: minutes for 2, hours for 90, days for 730. */
  readonly keepDays?: UsageRetention;
}

type Base = Pick<Engine, 'names' | 'dialect'>;

const COLUMNS = ['n', 'span', 'key_id', 'tenant_id', 'at', 'outcome', 'amount'] as const;
const WRITTEN = sql.raw(COLUMNS.slice(1).join(', '));

/**
 * Counts the use of keys in tables of the host's database, or in the file of a `sqliteStore`, for all processes together. The tables are
 * made by `migrate(db)`; while they are missing, every call is a fault that says so. What is too old is deleted a little at a time.
 *
 * Throws a `ConfigurationError` (`unknown_option`, `invalid_option`).
 *
 * @example
 * ```ts
 * const keyring = createKeyring({ prefix: 'awx', store: sqlStore(db), usage: sqlUsage(db, { keepDays: { minute: 1 } }) });
 * ```
 */
export function sqlUsage(target: SqlTarget, options: SqlUsageOptions = {}): UsageMeter {
  const on = onEngine(target, options, 'sqlUsage', ['keepDays']);
  const keep = readRetention(options.keepDays, 'sqlUsage.keepDays');
  const prune = createPruner([
    ...SPANS.map((per): Kept => ({ table: 'usage', where: sql`span = ${NUMBERS[per]}`, forMs: keep[per], stepMs: SPAN_MS[per] })),
    { table: 'usage_batches', forMs: REMEMBERED_MS, stepMs: SPAN_MS.hour },
  ]);
  return {
    add: (batch) =>
      on(async (engine) => {
        await engine.atomically(() => add(engine, batch, keep));
        await prune(engine, batch.at);
        // Several batches may wait: whatever else waits has its turn between two of them.
        await nextTurn();
      }),
    read: (query) => on((engine) => engine.run(read(engine, query))),
    top: (query) => on((engine) => top(engine, query)),
  };
}

/** To be run in a transaction: counted and noted, or neither. */
function* add(base: Base, batch: UsageBatch, keep: Retention): Steps<void> {
  const { names, dialect } = base;
  const { changes } = yield sql`insert into ${names.table('usage_batches')} (id, at) values (${cut('id', batch.id)}, ${Math.floor(batch.at)}) ${dialect.unlessThere}`;
  const raises = changes === 0 ? [] : spread(batch, keep);
  if (raises.length > 0) yield raise(base, raises);
}

function raise({ names, dialect }: Base, raises: readonly Raise[]): RawBuilder<unknown> {
  const usage = names.table('usage');
  const rows = raises.map(({ per, at, keyId, tenantId, outcome, count }, n) => [n, NUMBERS[per], cut('key_id', keyId), cut('tenant_id', tenantId), at, cut('outcome', outcome), count]);
  const from = given(dialect, COLUMNS, rows);
  if (isMysql(dialect.name)) return sql`insert into ${usage} (${WRITTEN}) select ${sql.raw(COLUMNS.slice(1).map((column) => `g.${column}`).join(', '))} from ${from} order by g.n on duplicate key update amount = ${usage}.amount + g.amount`;
  return sql`
    insert into ${usage} as counted (${WRITTEN}) select ${WRITTEN} from ${from} where true order by g.n
    on conflict (span, key_id, tenant_id, at, outcome) do update set amount = counted.amount + excluded.amount`;
}

function* read({ names }: Base, query: UsageQuery): Steps<readonly UsagePoint[]> {
  const { keyId, tenantId } = query;
  if (![keyId, tenantId].every((text) => text === undefined || isStorable(text))) return [];
  // The counters of a key bear its tenant; those of a tenant, and of all, no key.
  const tenant = keyId !== undefined && tenantId === undefined ? sql`1 = 1` : sql`tenant_id = ${tenantId ?? ''}`;
  const { rows } = yield sql`select at, outcome, amount from ${names.table('usage')} where ${within(query)} and key_id = ${keyId ?? ''} and ${tenant}`;
  return rows.map(({ at, outcome, amount }) => ({ at: Number(at), outcome: String(outcome), count: Number(amount) }));
}
