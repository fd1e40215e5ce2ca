import { setImmediate as nextTurn } from 'node:timers/promises';
import { sql } from 'kysely';
import { ConfigurationError } from '../core/errors.js';
import type { Activity, ActivityLog } from '../core/observing.js';
import { listActivity } from './activity-list.js';
import type { Engine } from './engine.js';
import { cut, given } from './given.js';
import type { TableOptions } from './names.js';
import { createPruner } from './pruning.js';
import type { Steps } from './steps.js';
import { onEngine, type SqlTarget } from './target.js';

/** Settings of {@link sqlActivity}. */
export interface SqlActivityOptions extends TableOptions {
  /** Entries older than so many days are deleted, from 1 to 36,500. Default: none is. */
  readonly keepDays?: number;
}

const DAY_MS = 86_400_000;
const COLUMNS = ['n', 'at', 'action', 'result', 'key_id', 'tenant_id', 'actor', 'ip', 'method', 'path'] as const;
const WRITTEN = sql.raw(COLUMNS.slice(1).join(', '));

/**
 * Writes activity into a table of the host's database, or into the file of a `sqliteStore`. Entries are only ever added, and deleted when
 * they are older than `keepDays`. The table is made by `migrate(db)`; while it is missing, every call is a fault that says so.
 *
 * Throws a `ConfigurationError` (`unknown_option`, `invalid_option`).
 *
 * @example
 * ```ts
 * const keyring = createKeyring({ prefix: 'awx', store: sqlStore(db), activity: sqlActivity(db, { keepDays: 400 }) });
 * ```
 */
export function sqlActivity(target: SqlTarget, options: SqlActivityOptions = {}): ActivityLog {
  const on = onEngine(target, options, 'sqlActivity', ['keepDays']);
  const { keepDays } = options;
  if (keepDays !== undefined && !(Number.isInteger(keepDays) && keepDays >= 1 && keepDays <= 36_500)) throw new ConfigurationError('invalid_option', 'sqlActivity.keepDays', 'must be a whole number from 1 to 36,500');
  const prune = createPruner(keepDays === undefined ? [] : [{ table: 'activity', forMs: keepDays * DAY_MS, stepMs: DAY_MS / 24 }]);
  return {
    append: (entries) =>
      on(async (engine) => {
        for (let start = 0; start < entries.length; start += engine.dialect.mostUses) {
          if (start > 0) await nextTurn();
          await engine.run(append(engine, entries.slice(start, start + engine.dialect.mostUses)));
        }
        const latest = entries.at(-1);
        if (latest !== undefined) await prune(engine, latest.at);
      }),
    list: (query) => on((engine) => engine.run(listActivity(engine, query))),
  };
}

function* append({ names, dialect }: Pick<Engine, 'names' | 'dialect'>, entries: readonly Activity[]): Steps<void> {
  yield sql`insert into ${names.table('activity')} (${WRITTEN}) select ${WRITTEN} from ${given(dialect, COLUMNS, entries.map(rowOf))} order by g.n`;
}

function rowOf({ at, action, result, keyId, tenantId, by, ip, method, path }: Activity, n: number): unknown[] {
  const optional = (column: 'tenant_id' | 'actor' | 'ip' | 'method' | 'path', text: string | undefined): string | null => (text === undefined ? null : cut(column, text));
  return [
    n, Math.floor(at), cut('action', action), cut('result', result), cut('key_id', keyId),
    optional('tenant_id', tenantId), optional('actor', by), optional('ip', ip), optional('method', method), optional('path', path),
  ];
}
