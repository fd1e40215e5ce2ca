import { sql, type Kysely, type RawBuilder } from 'kysely';
import { ConfigurationError } from '../core/errors.js';
import type { Names } from './names.js';
import { COLUMN_NAMES, SIZES } from './rows.js';

/** What the engines do in ways of their own. */
export interface Dialect {
  readonly name: 'postgres' | 'mysql' | 'mariadb' | 'sqlite';
  /** `UPDATE ... RETURNING` is understood. */
  readonly returning: boolean;
  /** `(a, b) > (?, ?)` makes use of an index. */
  readonly comparesRows: boolean;
  /** Ends an insertion that is to change nothing where a unique index stands in its way; else the engine throws, see `isDuplicate`. */
  readonly unlessThere: RawBuilder<unknown>;
  readonly isDuplicate: (error: unknown) => boolean;
  /** The engine has undone a transaction for the sake of another one: it may be tried again. */
  readonly isDeadlock: (error: unknown) => boolean;
  readonly isMissingTable: (error: unknown) => boolean;
  /** A column in a condition that shall not lead the search for an index, in an engine that would choose without knowing its data. */
  readonly aside: (column: RawBuilder<unknown>) => RawBuilder<unknown>;
  /** What to select for `toRecord`, of the keys called `table` or standing alone. */
  readonly record: (table?: string) => RawBuilder<unknown>;
  /** A query for ids, which come one to a row, or all of them packed. */
  readonly gathered: (ids: RawBuilder<unknown>) => RawBuilder<unknown>;
  readonly among: (column: RawBuilder<unknown>, values: readonly string[]) => RawBuilder<unknown>;
  /** Whether there is an index for parts of texts. */
  readonly indexesSearch: boolean;
  readonly contains: (column: RawBuilder<unknown>, part: string) => RawBuilder<unknown>;
  /** So many uses are noted by one statement: some hundred kilobytes and soon over, since a revocation may have to wait for it. */
  readonly mostUses: number;
  /** Notes uses, `[id, at, ip]`, later ones only, in one statement. */
  readonly touch: (names: Names, uses: string) => RawBuilder<unknown>;
}

type Failure = { readonly code?: unknown; readonly errno?: unknown; readonly message?: unknown } | null | undefined;
const codeOf = (error: unknown): string => String((error as Failure)?.code);
const never = (): boolean => false;
const NOTHING = sql``;
const asItIs = (part: RawBuilder<unknown>): RawBuilder<unknown> => part;

const columnsOf = (table?: string): string => COLUMN_NAMES.map((column) => (table === undefined ? column : `${table}.${column}`)).join(', ');
const asColumns = (table?: string): RawBuilder<unknown> => sql.raw(columnsOf(table));

const postgres: Dialect = {
  name: 'postgres',
  returning: true,
  comparesRows: true,
  // An error would end the transaction.
  unlessThere: sql`on conflict do nothing`,
  isDuplicate: never,
  isDeadlock: (error) => ['40P01', '40001'].includes(codeOf(error)),
  isMissingTable: (error) => ['42P01', '3F000'].includes(codeOf(error)),
  aside: asItIs,
  // One text is read in half the time of thirty columns, each with its description.
  record: (table) => sql.raw(`json_build_array(${columnsOf(table)})::text as packed`),
  gathered: asItIs,
  among: (column, values) => sql`${column} in (select jsonb_array_elements_text(${JSON.stringify(values)}::jsonb))`,
  indexesSearch: true,
  contains: (column, part) => sql`${column} like ${`%${part.replace(/[\\%_]/g, '\\$&')}%`}`,
  mostUses: 2_000,
  // Rows are locked in one order, so that two processes that write the same keys wait for each other, not both for ever.
  touch: (names, uses) => sql`
    with given as (select u->>0 as id, (u->>1)::bigint as at, u->>2 as ip from jsonb_array_elements(${uses}::jsonb) as u),
    locked as (
      select k.id, given.at, given.ip from ${names.table('keys')} as k join given on k.id = given.id collate "C"
      where k.last_used_at is null or k.last_used_at < given.at order by k.id for no key update of k
    )
    update ${names.table('keys')} as k set last_used_at = locked.at, last_used_ip = coalesce(locked.ip, k.last_used_ip)
    from locked where k.id = locked.id`,
};

const sqlite: Dialect = {
  name: 'sqlite',
  returning: true,
  comparesRows: true,
  unlessThere: sql`on conflict do nothing`,
  isDuplicate: never,
  isDeadlock: never,
  isMissingTable: (error) => /no such table|unknown database/i.test(String((error as Failure)?.message)),
  aside: (column) => sql`+${column}`,
  gathered: (ids) => sql`select json_group_array(id) as packed from (${ids})`,
  // Its drivers take longer for thirty columns than SQLite for one text of them, and JavaScript to read that: libsql 54 µs against 22.
  record: (table) => sql.raw(`json_array(${columnsOf(table)}) as packed`),
  among: (column, values) => sql`${column} in (select value from json_each(${JSON.stringify(values)}))`,
  indexesSearch: true,
  contains: (column, part) => sql`instr(${column}, ${part}) > 0`,
  // Some milliseconds, in which nothing else runs in this process.
  mostUses: 100,
  touch: (names, uses) => sql`
    update ${names.table('keys')} as k set last_used_at = given.at, last_used_ip = coalesce(given.ip, k.last_used_ip)
    from (select value->>0 as id, value->>1 as at, value->>2 as ip from json_each(${uses})) as given
    where k.id = given.id and (k.last_used_at is null or k.last_used_at < given.at)`,
};

/** The ids of a `json_table`, which would otherwise be of the connection's collation, and found by no index. */
const givenId = (name: keyof typeof COLLATIONS): RawBuilder<unknown> => sql.raw(`id varchar(${String(SIZES.id)}) character set utf8mb4 collate ${COLLATIONS[name]}`);

const mysqlLike = (name: keyof typeof COLLATIONS): Dialect => ({
  name,
  returning: false,
  comparesRows: false,
  // IGNORE would let more pass than duplicates, and ON DUPLICATE KEY cannot say that it has changed nothing.
  unlessThere: NOTHING,
  isDuplicate: (error) => (error as Failure)?.errno === 1062,
  isDeadlock: (error) => (error as Failure)?.errno === 1213,
  isMissingTable: (error) => [1146, 1049].includes(Number((error as Failure)?.errno)),
  aside: asItIs,
  record: asColumns,
  gathered: asItIs,
  // Not a list of values: both would rather walk the whole table in order than look a thousand of them up and sort what they find.
  among: (column, values) => sql`${column} in (select given.id from json_table(${JSON.stringify(values)}, '$[*]' columns (${givenId(name)} path '$')) as given)`,
  indexesSearch: false,
  contains: (column, part) => sql`instr(${column}, ${part}) > 0`,
  mostUses: 2_000,
  touch: (names, uses) => sql`
    update ${names.table('keys')} as k join json_table(${uses}, '$[*]' columns (
      ${givenId(name)} path '$[0]', at bigint path '$[1]', ip varchar(64) path '$[2]'
    )) as given on k.id = given.id
    set k.last_used_at = given.at, k.last_used_ip = coalesce(given.ip, k.last_used_ip)
    where k.last_used_at is null or k.last_used_at < given.at`,
});

/** What compares texts by their characters and takes no trailing space for nothing: each of the two has its own. */
export const COLLATIONS = { mysql: 'utf8mb4_0900_bin', mariadb: 'utf8mb4_nopad_bin' } as const;

export const DIALECTS: Readonly<Record<Dialect['name'], Dialect>> = { postgres, sqlite, mysql: mysqlLike('mysql'), mariadb: mysqlLike('mariadb') };

/** Which engine a Kysely instance talks to, by what it says it can do: wrapped and bundled dialects bear other names. */
export async function dialectOf(db: Kysely<unknown>): Promise<Dialect | undefined> {
  const { supportsReturning, supportsTransactionalDdl } = db.getExecutor().adapter;
  if (supportsReturning) return supportsTransactionalDdl ? postgres : sqlite;
  if (supportsTransactionalDdl) return undefined;
  const { rows } = await sql<MysqlSession>`select version() as version, @@character_set_client as charset, @@sql_mode as modes, @@autocommit as autocommit`.execute(db);
  const session = rows[0];
  if (session === undefined) return undefined;
  checkSession(session);
  return DIALECTS[/mariadb/i.test(session.version) ? 'mariadb' : 'mysql'];
}

interface MysqlSession {
  readonly version: string;
  readonly charset: string;
  readonly modes: string;
  readonly autocommit: unknown;
}

/** Under other settings of a connection what is asked for would be done wrongly, without a word. */
function checkSession({ charset, modes, autocommit }: MysqlSession): void {
  const refuse = (message: string): never => {
    throw new ConfigurationError('invalid_option', 'db', message);
  };
  // Whatever another one lacks would be kept as a question mark.
  if (charset !== 'utf8mb4') refuse(`must talk to the server in utf8mb4, not in ${charset}: leave the pool's charset out`);
  // The driver escapes quotes by backslashes: where these are letters like others, a text would end its literal and go on as SQL.
  const mode = ['NO_BACKSLASH_ESCAPES', 'EMPTY_STRING_IS_NULL'].find((name) => modes.split(',').includes(name));
  if (mode !== undefined) refuse(`must not have ${mode} in its sql_mode`);
  // Nothing would be written for good, and every read would show what was there at the first one.
  if (Number(autocommit) !== 1) refuse('must have autocommit on');
}
