import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kysely, SqliteDialect, type KyselyConfig } from 'kysely';
import Libsql from 'libsql';

export interface SqliteFile {
  readonly path: string;
  remove(): void;
}

/** A path for a database, in a folder of its own. */
export function sqliteFile(): SqliteFile {
  const folder = mkdtempSync(join(tmpdir(), 'keystile-sqlite-'));
  return { path: join(folder, 'keys.db'), remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A host's own Kysely on libsql, which has better-sqlite3's shape. */
export function sqliteDatabase(path: string, config: Omit<KyselyConfig, 'dialect'> = {}): Kysely<unknown> {
  const database = new Libsql(path);
  database.exec('pragma journal_mode = wal; pragma busy_timeout = 5000');
  return new Kysely<unknown>({ ...config, dialect: new SqliteDialect({ database: database }) });
}
