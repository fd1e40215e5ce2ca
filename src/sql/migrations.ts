import { Migrator, sql, type Kysely, type Migration } from 'kysely';
import { ConfigurationError, isKeystileError, storeUnavailable } from '../core/errors.js';
import { DIALECTS, dialectOf, type Dialect } from './dialects.js';
import { readNames, type Names, type TableOptions } from './names.js';
import { observingSchemaOf, SECOND } from './observing-schema.js';
import { FIRST, quoteOf, schemaOf, tableText } from './schema.js';
import type { SqliteHandle } from './sqlite-driver.js';
import { inTransaction } from './sqlite-engine.js';

/** What each migration of this version runs. */
const MIGRATIONS: Readonly<Record<string, (dialect: Dialect['name'], names: Names) => string[]>> = { [FIRST]: schemaOf, [SECOND]: observingSchemaOf };

/** Several processes may start at once: where the engine has no lock for that, whoever comes second looks again. */
const ATTEMPTS = 20;
const PAUSE_MS = 25;

/** Whose tables keystile's may stand beside: a Kysely instance of the host, whatever its types. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the host's tables are none of ours
export type HostDatabase = Kysely<any>;

/**
 * Makes keystile's tables, or brings them up to date, by Kysely's migrator with tables of its own. Does nothing where all is done;
 * several processes may do it at once.
 *
 * Rejects with a `store_unavailable` error when the tables are of a newer version of keystile, or the database refuses.
 *
 * @example
 * ```ts
 * const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });
 * await migrate(db);
 * const keyring = createKeyring({ prefix: 'awx', store: sqlStore(db) });
 * ```
 */
export async function migrate(db: HostDatabase, options: TableOptions = {}): Promise<void> {
  const names = readNames(options, 'migrate');
  const plain = plainDatabase(db, 'migrate');
  try {
    await bringUpToDate(plain, names);
  } catch (error) {
    throw isKeystileError(error) ? error : notMade(error);
  }
}

async function bringUpToDate(plain: Kysely<unknown>, names: Names): Promise<void> {
  const dialect = await knownDialect(plain, names);
  const migrator = new Migrator({
    db: plain,
    provider: { getMigrations: () => Promise.resolve(Object.fromEntries(Object.keys(MIGRATIONS).map((name) => [name, migrationOf(name, names, dialect)]))) },
    migrationTableName: names.name('migrations'),
    migrationLockTableName: names.name('migrations_lock'),
    ...(names.schema !== undefined && { migrationTableSchema: names.schema }),
  });
  for (let attempt = 1; ; attempt++) {
    const state = await stateOf(plain, names, dialect);
    if (state === 'current') return;
    if (state === 'newer') throw newerSchema();
    const { error } = await migrator.migrateToLatest();
    if (error === undefined) return;
    if (attempt === ATTEMPTS || dialect.name !== 'sqlite') {
      if ((await stateOf(plain, names, dialect)) === 'current') return;
      throw notMade(error);
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

function migrationOf(name: string, names: Names, dialect: Dialect): Migration {
  return {
    async up(db) {
      for (const statement of MIGRATIONS[name]?.(dialect.name, names) ?? []) await sql.raw(statement).execute(db);
    },
  };
}

/** Settings of {@link migrationSql}. */
export interface MigrationSqlOptions extends TableOptions {
  readonly dialect: 'postgres' | 'mysql' | 'mariadb' | 'sqlite';
}

/**
 * The SQL that `migrate` would run on an empty database, for teams that run migrations of their own: the tables, their indexes and the
 * note of their version, without which `sqlStore` refuses to work.
 *
 * Throws a `ConfigurationError` (`unknown_option`, `invalid_option`).
 *
 * @example
 * ```ts
 * await writeFile('migrations/0042_keystile.sql', migrationSql({ dialect: 'postgres' }));
 * ```
 */
export function migrationSql(options: MigrationSqlOptions): string {
  const names = readNames(options, 'migrationSql', ['dialect']);
  const { dialect } = options;
  if (!Object.hasOwn(DIALECTS, dialect)) throw new ConfigurationError('invalid_option', 'migrationSql.dialect', `must be one of ${Object.keys(DIALECTS).join(', ')}`);
  checkSchema(dialect, names);
  const schema = names.schema === undefined ? [] : [`create schema if not exists ${quoteOf(dialect)}${names.schema}${quoteOf(dialect)}`];
  return [...schema, ...statementsFor(dialect, names)].map((statement) => `${statement};\n`).join('\n');
}

/** All that a database lacks in which these migrations are done: the tables, and the migrator's note that they are there. */
function statementsFor(dialect: Dialect['name'], names: Names, done: readonly string[] = []): string[] {
  const notes = tableText(dialect, names, 'migrations');
  const missing = Object.entries(MIGRATIONS).filter(([name]) => !done.includes(name));
  return [
    ...missing.flatMap(([, statements]) => statements(dialect, names)),
    `create table if not exists ${notes} (name varchar(255) not null primary key, timestamp varchar(255) not null)`,
    ...missing.map(([name]) => `insert into ${notes} (name, timestamp) values ('${name}', '2026-01-01T00:00:00.000Z')`),
  ];
}

/** Makes the tables in a file of keystile's own, at once; whoever else opens it meanwhile waits. */
export function migrateNow(database: SqliteHandle, names: Names): void {
  inTransaction(database, () => {
    const known = database.prepare('select name from sqlite_master where name = ?').all(names.name('migrations'));
    const notes = known.length === 0 ? [] : (database.prepare(`select name from ${tableText('sqlite', names, 'migrations')}`).all() as { name: string }[]);
    const done = notes.map(({ name }) => name);
    const state = compare(done);
    if (state === 'newer') throw newerSchema();
    if (state !== 'current') for (const statement of statementsFor('sqlite', names, done)) database.exec(statement);
  });
}

type State = 'missing' | 'older' | 'current' | 'newer';

function compare(done: readonly string[]): State {
  if (done.some((name) => !Object.hasOwn(MIGRATIONS, name))) return 'newer';
  return Object.keys(MIGRATIONS).every((name) => done.includes(name)) ? 'current' : 'older';
}

/** How the tables of a database compare with what this version needs. */
async function stateOf(db: Kysely<unknown>, names: Names, { isMissingTable }: Dialect): Promise<State> {
  try {
    const { rows } = await sql<{ name: string }>`select name from ${names.table('migrations')}`.execute(db);
    return compare(rows.map(({ name }) => name));
  } catch (error) {
    if (isMissingTable(error)) return 'missing';
    throw error;
  }
}

/** The dialect of a database whose tables are what this version needs; rejects for any other. */
export async function readyDialect(db: Kysely<unknown>, names: Names): Promise<Dialect> {
  const dialect = await knownDialect(db, names);
  const state = await stateOf(db, names, dialect);
  if (state === 'newer') throw newerSchema();
  if (state !== 'current') throw storeUnavailable(`the tables of keystile ('${names.prefix}...') are ${state === 'older' ? 'of an older version' : 'not there'}: run migrate(db) first`);
  return dialect;
}

/** The host's instance without its plugins, which may rename columns. */
export function plainDatabase(db: HostDatabase, path: string): Kysely<unknown> {
  const given = db as unknown as Partial<Kysely<unknown>> | null | undefined;
  if (typeof given?.withoutPlugins !== 'function' || given.isTransaction === true) throw new ConfigurationError('invalid_option', `${path}.db`, 'must be an instance of Kysely, and no transaction');
  return given.withoutPlugins();
}

async function knownDialect(db: Kysely<unknown>, names: Names): Promise<Dialect> {
  const dialect = await dialectOf(db);
  if (dialect === undefined) throw new ConfigurationError('invalid_option', 'db', 'must be PostgreSQL, MySQL, MariaDB or SQLite');
  checkSchema(dialect.name, names);
  return dialect;
}

function checkSchema(dialect: Dialect['name'], { schema }: Names): void {
  if (dialect === 'sqlite' && schema !== undefined) throw new ConfigurationError('invalid_option', 'schema', 'SQLite has none: leave it out');
}

const notMade = (cause: unknown): Error => storeUnavailable('the tables of keystile could not be made', cause);
const newerSchema = (): Error => storeUnavailable('the tables of keystile are of a newer version than this one: upgrade the package');
