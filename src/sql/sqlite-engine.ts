import { DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler, type RawBuilder } from 'kysely';
import { DIALECTS } from './dialects.js';
import type { Engine } from './engine.js';
import type { Names } from './names.js';
import type { SqliteHandle, SqliteStatement } from './sqlite-driver.js';
import { RefusedError, runNow, type Outcome, type Prepared, type Statement, type Steps } from './steps.js';

/** Statements that are kept ready: every shape that keys are asked for in, and no more than that. */
const MOST_PREPARED = 100;
const READS = /^\s*(?:select|pragma)\b|\breturning\b/i;

/** An engine on a file of its own, which answers at once. */
export interface SqliteEngine extends Engine {
  readonly close: () => void;
}

export function sqliteEngine(database: SqliteHandle, names: Names): SqliteEngine {
  const compiler = createCompiler();
  const compiled = (statement: RawBuilder<unknown>): Omit<Prepared, 'name'> => {
    const { sql: text, parameters: values } = statement.compile(compiler);
    return { text, values };
  };
  const prepared = new Map<string, SqliteStatement>();
  let closed = false;
  const prepare = (text: string): SqliteStatement => {
    const before = prepared.get(text);
    if (before !== undefined) return before;
    if (prepared.size >= MOST_PREPARED) prepared.clear();
    const statement = database.prepare(text);
    prepared.set(text, statement);
    return statement;
  };
  const execute = (statement: Statement): Outcome => {
    const { text, values } = 'compile' in statement ? compiled(statement) : statement;
    // Not every driver minds statements that were prepared before the file was closed.
    if (closed) throw new Error('the file has been closed');
    const ready = prepare(text);
    if (!READS.test(text)) return { rows: [], changes: Number(ready.run(...values).changes) };
    const rows = ready.all(...values) as Outcome['rows'];
    return { rows, changes: rows.length };
  };
  return {
    names,
    dialect: DIALECTS.sqlite,
    textOf: (statement) => statement.compile(compiler).sql,
    run: (steps) => runNow(steps, execute),
    atomically: <T>(steps: () => Steps<T>) => {
      try {
        return inTransaction(database, () => runNow(steps(), execute));
      } catch (error) {
        if (error instanceof RefusedError) return error.answer as T;
        throw error;
      }
    },
    close() {
      if (!closed) database.close();
      closed = true;
      prepared.clear();
    },
  };
}

/** All of it or nothing; nobody else writes meanwhile. */
export function inTransaction<T>(database: SqliteHandle, work: () => T): T {
  database.exec('begin immediate');
  try {
    const answer = work();
    database.exec('commit');
    return answer;
  } catch (error) {
    rollBack(database);
    throw error;
  }
}

function rollBack(database: SqliteHandle): void {
  try {
    database.exec('rollback');
  } catch {
    // A full disk, for one, has undone it already; the reason is what the caller hears.
  }
}

/** Writes statements, connected to nothing. */
function createCompiler(): Kysely<unknown> {
  return new Kysely<unknown>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  });
}
