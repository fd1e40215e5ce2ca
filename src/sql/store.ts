import type { KeyStore } from '../core/ports.js';
import { ConfigurationError } from '../core/errors.js';
import { createKeyStore } from './key-store.js';
import { kyselyEngine, type PreparingPool } from './kysely-engine.js';
import { plainDatabase, readyDialect, type HostDatabase } from './migrations.js';
import { readNames, type TableOptions } from './names.js';
import { whenReady } from './ready.js';

/** Settings of {@link sqlStore}. */
export interface SqlStoreOptions extends TableOptions {
  /**
   * With PostgreSQL, the pool of `pg` that `db` stands on: single keys are then looked up by a statement that the server has planned
   * once for each connection. Kysely has every statement planned anew, which takes as long as the rest of a look-up.
   */
  readonly pool?: PreparingPool;
}

/**
 * A store in a relational database that the host already has, through its Kysely instance: PostgreSQL (pg), MySQL or MariaDB (mysql2),
 * SQLite (better-sqlite3, libsql). The tables are made by `migrate(db)` or by hand from `migrationSql(...)`; while they are missing, or of
 * another version, every call is a fault that says so. The connection stays the host's: `keyring.close()` leaves it open.
 *
 * Throws a `ConfigurationError` (`unknown_option`, `invalid_option`).
 *
 * @example
 * ```ts
 * const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });
 * await migrate(db);
 * const keyring = createKeyring({ prefix: 'awx', store: sqlStore(db, { pool }) });
 * ```
 */
export function sqlStore(db: HostDatabase, options: SqlStoreOptions = {}): KeyStore {
  const names = readNames(options, 'sqlStore', ['pool']);
  const plain = plainDatabase(db, 'sqlStore');
  const { pool } = options;
  if (pool !== undefined && typeof (pool as Partial<PreparingPool> | null)?.query !== 'function') throw new ConfigurationError('invalid_option', 'sqlStore.pool', 'must be a pool of pg, with query()');
  const on = whenReady(async () => {
    const dialect = await readyDialect(plain, names);
    if (pool !== undefined && dialect.name !== 'postgres') throw new ConfigurationError('invalid_option', 'sqlStore.pool', 'is for PostgreSQL alone');
    return createKeyStore(kyselyEngine(plain, names, dialect, pool));
  });
  return {
    insert: (record) => on((store) => store.insert(record)),
    find: (lookup) => on((store) => store.find(lookup)),
    update: (...args) => on((store) => store.update(...args)),
    replace: (...args) => on((store) => store.replace(...args)),
    delete: (id) => on((store) => store.delete(id)),
    list: (query) => on((store) => store.list(query)),
    touch: (uses) => on((store) => store.touch(uses)),
  };
}
