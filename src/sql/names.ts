import { sql, type RawBuilder } from 'kysely';
import { ConfigurationError } from '../core/errors.js';
import { checkOptions } from '../core/options.js';

/** Where keystile's tables are. */
export interface TableOptions {
  /** What the names of all tables and indexes begin with. Default: `keystile_`. */
  readonly tablePrefix?: string;
  /** The schema (MySQL: the database) that the tables are in. Default: where the connection is. */
  readonly schema?: string;
}

export type TableName = 'keys' | 'tags' | 'search' | 'search_index' | 'search_terms' | 'activity' | 'usage' | 'usage_batches' | 'migrations' | 'migrations_lock';

/** The names that one pair of options makes. */
export interface Names {
  readonly prefix: string;
  readonly schema: string | undefined;
  /** The bare name, for what takes no schema. */
  readonly name: (table: TableName) => string;
  /** For a statement: quoted, with its schema. */
  readonly table: (table: TableName) => RawBuilder<unknown>;
}

/** Names that no engine needs to quote and that leave room for an index's own part within 63 bytes. */
const PREFIX = /^[a-z_][a-z0-9_]{0,29}$/;
const SCHEMA = /^[A-Za-z_][A-Za-z0-9_$-]{0,62}$/;
const TABLE_OPTIONS = ['tablePrefix', 'schema'] as const;

export function readNames(options: TableOptions, path: string, others: readonly string[] = []): Names {
  checkOptions(options, path, [...TABLE_OPTIONS, ...others]);
  const { tablePrefix: prefix = 'keystile_', schema } = options;
  if (typeof prefix !== 'string' || !PREFIX.test(prefix)) throw new ConfigurationError('invalid_option', `${path}.tablePrefix`, 'must be 1 to 30 of a-z 0-9 _, the first no digit');
  if (schema !== undefined && (typeof schema !== 'string' || !SCHEMA.test(schema))) throw new ConfigurationError('invalid_option', `${path}.schema`, 'must be a name of 1 to 63 letters, digits, _ $ -');
  const name = (table: TableName): string => prefix + table;
  return { prefix, schema, name, table: (table) => sql.table(schema === undefined ? name(table) : `${schema}.${name(table)}`) };
}
