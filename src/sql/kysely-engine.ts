import { CompiledQuery, type Kysely } from 'kysely';
import { driverFault } from '../core/driver-fault.js';
import type { Dialect } from './dialects.js';
import type { Engine } from './engine.js';
import type { Names } from './names.js';
import { RefusedError, runLater, type Outcome, type Row, type Statement, type Steps } from './steps.js';

/** A deadlock ends one transaction and lets the other go on: tried again, it seldom meets the same one. */
const ATTEMPTS = 5;

/** What keystile uses of a `pg` pool for statements that the server keeps ready. */
export interface PreparingPool {
  query(statement: { readonly name: string; readonly text: string; readonly values: unknown[] }): Promise<{ readonly rows: unknown[] }>;
}

/** An engine on a host's Kysely instance; with a pool, what is asked again and again goes past Kysely, which names no statements. */
export function kyselyEngine(db: Kysely<unknown>, names: Names, dialect: Dialect, pool?: PreparingPool): Engine {
  const executing = (on: Kysely<unknown>) => async (statement: Statement): Promise<Outcome> => {
    try {
      const compiled = 'compile' in statement ? statement.compile(on) : CompiledQuery.raw(statement.text, [...statement.values]);
      const { rows, numAffectedRows } = await on.executeQuery<Row>(compiled);
      return { rows, changes: Number(numAffectedRows ?? rows.length) };
    } catch (error) {
      if (dialect.isDuplicate(error)) return { rows: [], changes: 0 };
      throw driverFault(error);
    }
  };
  const outside = executing(db);
  const planned = async (statement: Statement): Promise<Outcome> => {
    if (pool === undefined || 'compile' in statement) return outside(statement);
    const { name, text, values } = statement;
    const { rows } = await pool.query({ name, text, values: [...values] }).catch((error: unknown) => {
      throw driverFault(error);
    });
    return { rows: rows as readonly Row[], changes: rows.length };
  };
  const transact = <T>(steps: Steps<T>): Promise<T> => {
    const transaction = dialect.name === 'sqlite' ? db.transaction() : db.transaction().setIsolationLevel('read committed');
    return transaction.execute((on) => runLater(steps, executing(on)));
  };
  return {
    names,
    dialect,
    textOf: (statement) => statement.compile(db).sql,
    run: (steps) => runLater(steps, planned),
    async atomically(steps) {
      for (let attempt = 1; ; attempt++) {
        try {
          return await transact(steps());
        } catch (error) {
          if (error instanceof RefusedError) return error.answer as never;
          if (attempt === ATTEMPTS || !dialect.isDeadlock(error)) throw error;
        }
      }
    },
  };
}
