import { setImmediate as nextTurn } from 'node:timers/promises';
import { sql, type RawBuilder } from 'kysely';
import type { Engine } from './engine.js';
import type { TableName } from './names.js';
import type { Steps } from './steps.js';

/** Rows that are kept for a time. */
export interface Kept {
  readonly table: TableName;
  /** Which rows of the table. Default: all. */
  readonly where?: RawBuilder<unknown>;
  readonly forMs: number;
  /** Rows of so long a time are deleted by one statement. */
  readonly stepMs: number;
}

const HOUR_MS = 3_600_000;
/** So many statements a time: whoever waits for the pruning has more to do. */
const STEPS = 20;

/** Deletes what is too old, a little at a time, once an hour and until all is done. `now` is the time of what is being written. */
export function createPruner(all: readonly Kept[]): (engine: Engine, now: number) => Promise<void> {
  let dueAt = -Infinity;
  return async (engine, now) => {
    if (now < dueAt) return;
    let steps = 0;
    for (const kept of all) {
      while ((await engine.atomically(() => deleteOldest(engine, kept, now))) !== 'none') {
        if (++steps === STEPS) return;
        await nextTurn();
      }
    }
    dueAt = now + HOUR_MS;
  };
}

function* deleteOldest({ names }: Pick<Engine, 'names'>, { table, where = sql`1 = 1`, forMs, stepMs }: Kept, now: number): Steps<'none' | 'some'> {
  const end = now - forMs;
  const { rows } = yield sql`select min(at) as oldest from ${names.table(table)} where ${where}`;
  const oldest = rows[0]?.['oldest'];
  if (oldest === null || oldest === undefined || Number(oldest) >= end) return 'none';
  yield sql`delete from ${names.table(table)} where ${where} and at < ${Math.min(end, Number(oldest) + stepMs)}`;
  return 'some';
}
