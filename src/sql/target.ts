import { ConfigurationError } from '../core/errors.js';
import type { Awaitable } from '../core/ports.js';
import type { Engine } from './engine.js';
import { engineIn } from './file-engine.js';
import { kyselyEngine } from './kysely-engine.js';
import { plainDatabase, readyDialect, type HostDatabase } from './migrations.js';
import { readNames, type TableOptions } from './names.js';
import { whenReady } from './ready.js';
import type { SqliteStore } from './sqlite-store.js';

/** Where something may be kept: a host's Kysely instance, or the file that a `sqliteStore` has opened. */
export type SqlTarget = HostDatabase | SqliteStore;

/** Asks the engine of a target, once its tables are known to be right. */
export function onEngine(target: SqlTarget, options: TableOptions, path: string, others: readonly string[]): <R>(ask: (engine: Engine) => Awaitable<R>) => Awaitable<R> {
  const names = readNames(options, path, others);
  const engine = engineIn(target);
  if (engine === undefined) {
    const plain = plainDatabase(target as HostDatabase, path);
    return whenReady(async () => kyselyEngine(plain, names, await readyDialect(plain, names)));
  }
  if (options.tablePrefix !== undefined || options.schema !== undefined) throw new ConfigurationError('invalid_option', path, 'the tables of a sqliteStore have their names: leave tablePrefix and schema out');
  return (ask) => ask(engine);
}
