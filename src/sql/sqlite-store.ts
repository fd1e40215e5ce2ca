import { closeSync, openSync } from 'node:fs';
import { ConfigurationError, isKeystileError, storeUnavailable } from '../core/errors.js';
import { checkOptions } from '../core/options.js';
import type { KeyStore } from '../core/ports.js';
import { createKeyStore } from './key-store.js';
import { migrateNow } from './migrations.js';
import { readNames } from './names.js';
import { withEngine } from './file-engine.js';
import { findSqlite, type OpenSqlite, type SqliteHandle } from './sqlite-driver.js';
import { sqliteEngine } from './sqlite-engine.js';

/** A store that has opened a file of its own. */
export interface SqliteStore extends KeyStore {
  /** Closes the file; to be called after `keyring.close()`, which writes the last notes of use. */
  close(): void;
}

/** Settings of {@link sqliteStore}. */
export interface SqliteStoreOptions {
  /** Opens the file with a driver of your choice: `(path) => new Database(path)`. Default: `node:sqlite`, better-sqlite3 or libsql, whichever is there first. */
  readonly open?: OpenSqlite;
}

/** How long a write waits for another process's, in milliseconds. This process waits with it: no write of keystile's takes long. */
const BUSY_MS = 2_000;

/**
 * Keys in a file, so that one process keeps them over restarts and needs no server. Makes the file (readable by its owner alone) and
 * its tables when they are not there, and answers at once. Several processes of one machine may share the file, which must not be on
 * a network drive.
 *
 * Throws a `ConfigurationError` when there is no driver, and a `store_unavailable` error when the file cannot be used or is of a newer
 * version of keystile.
 *
 * @example
 * ```ts
 * const store = sqliteStore('./keys.db');
 * const keyring = createKeyring({ prefix: 'awx', store });
 * process.once('SIGTERM', () => void keyring.close().then(() => store.close()));
 * ```
 */
export function sqliteStore(path: string, options: SqliteStoreOptions = {}): SqliteStore {
  if (typeof path !== 'string' || path === '' || path.includes('\0')) throw new ConfigurationError('invalid_option', 'sqliteStore.path', "must be the path of a file, or ':memory:'");
  checkOptions(options, 'sqliteStore', ['open']);
  const { open = findSqlite() } = options;
  if (typeof open !== 'function') throw new ConfigurationError('invalid_option', 'sqliteStore.open', 'must be a function that opens a file');

  const names = readNames({}, 'sqliteStore');
  const database = opened(path, open);
  try {
    // Write-ahead: readers wait for nobody. `full`: what was acknowledged is on the disk, also when the power fails.
    database.exec(`pragma busy_timeout = ${String(BUSY_MS)}; pragma journal_mode = wal; pragma synchronous = full; pragma cache_size = -16384`);
    migrateNow(database, names);
  } catch (error) {
    database.close();
    throw isKeystileError(error) ? error : storeUnavailable(`'${path}' cannot be used as a store of keys`, error);
  }
  const engine = sqliteEngine(database, names);
  return withEngine({ ...createKeyStore(engine), close: engine.close }, engine);
}

function opened(path: string, open: OpenSqlite): SqliteHandle {
  try {
    // Made before SQLite makes it; the files beside it take over its mode. One that is there keeps its own.
    if (path !== ':memory:') closeSync(openSync(path, 'a', 0o600));
    return open(path);
  } catch (error) {
    throw storeUnavailable(`'${path}' cannot be opened as a store of keys`, error);
  }
}
