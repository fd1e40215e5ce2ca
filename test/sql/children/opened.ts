import { sqliteStore } from '../../../src/sql/sqlite-store.js';
import { sqlStore } from '../../../src/sql/store.js';
import type { SqlTarget } from '../../../src/sql/target.js';
import { postgresNotices } from '../../../src/sql/postgres-notices.js';
import type { KeyringOptions } from '../../../src/core/keyring-options.js';
import { mysqlDatabase, mysqlPool } from '../../support/services/mariadb.js';
import { postgresDatabase, postgresPool } from '../../support/services/postgres.js';
import { isMysql } from '../../../src/sql/schema.js';
import type { FilledEngine } from '../suites/filling.js';

/** What a keyring needs to work on one database, in a process of its own. */
export function opened(engine: FilledEngine, where: string): Pick<KeyringOptions, 'store' | 'cache'> {
  if (engine === 'sqlite') return { store: sqliteStore(where) };
  if (isMysql(engine)) return { store: sqlStore(mysqlDatabase(mysqlPool(where, { connectionLimit: 4 }))) };
  const pool = postgresPool(where, { max: 4 });
  return { store: sqlStore(postgresDatabase(pool)), cache: { invalidation: postgresNotices(pool) } };
}

/** The same database, for what is kept beside keys. */
export function databaseOf(engine: FilledEngine, where: string): SqlTarget {
  if (engine === 'sqlite') return sqliteStore(where);
  return isMysql(engine) ? mysqlDatabase(mysqlPool(where, { connectionLimit: 4 })) : postgresDatabase(postgresPool(where, { max: 4 }));
}
