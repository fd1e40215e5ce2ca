import { sqliteStore } from '../../../src/sql/sqlite-store.js';
import { sqlStore } from '../../../src/sql/store.js';
import { postgresNotices } from '../../../src/sql/postgres-notices.js';
import type { KeyringOptions } from '../../../src/core/keyring-options.js';
import { mysqlDatabase, mysqlPool } from '../../support/services/mariadb.js';
import { postgresDatabase, postgresPool } from '../../support/services/postgres.js';
import type { FilledEngine } from '../suites/filling.js';

/** What a keyring needs to work on one database, in a process of its own. */
export function opened(engine: FilledEngine, where: string): Pick<KeyringOptions, 'store' | 'cache'> {
  if (engine === 'sqlite') return { store: sqliteStore(where) };
  if (engine === 'mariadb') return { store: sqlStore(mysqlDatabase(mysqlPool(where, { connectionLimit: 4 }))) };
  const pool = postgresPool(where, { max: 4 });
  return { store: sqlStore(postgresDatabase(pool)), cache: { invalidation: postgresNotices(pool) } };
}
