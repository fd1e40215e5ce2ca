import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ConfigurationError } from '../core/errors.js';

/** What keystile uses of an opened SQLite file; `node:sqlite`, better-sqlite3 and libsql all have it. */
export interface SqliteHandle {
  prepare(text: string): SqliteStatement;
  exec(text: string): unknown;
  close(): void;
}

export interface SqliteStatement {
  all(...parameters: unknown[]): unknown[];
  run(...parameters: unknown[]): { readonly changes: number | bigint };
}

/** Opens a file, making it when it is not there. */
export type OpenSqlite = (path: string) => SqliteHandle;

type Opener = new (path: string) => SqliteHandle;
type Load = (name: string) => unknown;

/** The first driver that is there: Node's own, where it is built in, else a package of the host's. */
export function findSqlite(): OpenSqlite {
  const own = process.getBuiltinModule('node:sqlite' as 'node:fs') as unknown as { readonly DatabaseSync: Opener } | undefined;
  if (own !== undefined) return (path) => new own.DatabaseSync(path);
  const failures: string[] = [];
  for (const load of loaders()) {
    for (const name of ['better-sqlite3', 'libsql']) {
      const found = tryLoad(load, name);
      if (typeof found === 'function') return (path) => new found(path);
      if (found !== 'missing') failures.push(`; ${name} is there, but does not load: ${found.reason}`);
    }
  }
  throw new ConfigurationError('invalid_option', 'sqliteStore', `needs a driver: Node 22.13 and later have one built in, else \`npm install libsql\` or better-sqlite3${failures[0] ?? ''}`);
}

/**
 * Optional packages are looked for from this package, where it is CommonJS and knows its place, then from the program that was started
 * and from the working folder: an import would have to be there always, and what loads later comes too late to fail at construction.
 */
function loaders(): Load[] {
  const places = [typeof __filename === 'string' ? __filename : undefined, process.argv[1], join(process.cwd(), 'index.js')];
  return places.filter((place) => place !== undefined).map((place) => createRequire(place));
}

/** A package made for another Node may be there and not load: no reason to pass over the next one. */
function tryLoad(load: Load, name: string): Opener | 'missing' | { readonly reason: string } {
  try {
    const found = load(name) as Opener | { readonly default: Opener };
    return typeof found === 'function' ? found : found.default;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'MODULE_NOT_FOUND' ? 'missing' : { reason: message };
  }
}
