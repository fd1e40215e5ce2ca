import { COLLATIONS, type Dialect } from './dialects.js';
import type { Names, TableName } from './names.js';
import { createIndex, endOf, isMysql, tableText } from './schema.js';

type DialectName = Dialect['name'];

/** The name under which the tables below are known to the migrator. Later versions add migrations and leave this one as it is. */
export const SECOND = '0002_activity_usage';

/** Most characters of a text; what is longer is cut. */
export const WIDTHS = { id: 64, action: 64, result: 64, key_id: 255, tenant_id: 256, actor: 256, ip: 64, method: 32, path: 512, outcome: 64 } as const;

interface Index {
  readonly name: string;
  readonly columns: readonly string[];
  /** Entries only where this holds, in engines that can leave the others out: nearly all entries are of requests that went well. */
  readonly where?: string;
}

export const NO_REQUEST = "action <> 'request'";
export const NOT_OK = "result <> 'ok'";

const ACTIVITY_INDEXES: readonly Index[] = [
  { name: 'at', columns: ['at'] },
  { name: 'key', columns: ['key_id', 'at'] },
  { name: 'tenant', columns: ['tenant_id', 'at'], where: 'tenant_id is not null' },
  { name: 'actor', columns: ['actor', 'at'], where: 'actor is not null' },
  { name: 'action', columns: ['action', 'at'], where: NO_REQUEST },
  { name: 'tenant_action', columns: ['tenant_id', 'action', 'at'], where: NO_REQUEST },
  { name: 'result', columns: ['result', 'at'], where: NOT_OK },
  { name: 'tenant_result', columns: ['tenant_id', 'result', 'at'], where: NOT_OK },
];

/** One for a key, one for a tenant's keys, one for all keys and for what is too old. */
const USAGE_INDEXES: readonly Index[] = [
  { name: 'tenant', columns: ['span', 'tenant_id', 'at'] },
  { name: 'at', columns: ['span', 'at'] },
];

/** The statements that make the tables. Each may run again, as those of the keys may. */
export function observingSchemaOf(dialect: DialectName, names: Names): string[] {
  const text = textOf(dialect);
  const seq = { postgres: 'bigint generated always as identity primary key', sqlite: 'integer primary key', mysql: 'bigint not null auto_increment primary key' };
  const activity = [
    `seq ${seq[isMysql(dialect) ? 'mysql' : dialect]}`, 'at bigint not null',
    ...(['action', 'result', 'key_id'] as const).map((column) => `${text(column)} not null`),
    ...(['tenant_id', 'actor', 'ip', 'method', 'path'] as const).map(text),
  ];
  const usage = [
    'span smallint not null', `${text('key_id')} not null`, `${text('tenant_id')} not null`, 'at bigint not null', `${text('outcome')} not null`, 'amount bigint not null',
    'primary key (span, key_id, tenant_id, at, outcome)',
  ];
  const batches = [`${text('id')} not null primary key`, 'at bigint not null'];
  return [
    // MySQL's indexes end with the primary key by themselves, as SQLite's with the row's number.
    ...table(dialect, names, 'activity', activity, ACTIVITY_INDEXES.map((index) => (dialect === 'postgres' ? { ...index, columns: [...index.columns, 'seq'] } : index))),
    ...table(dialect, names, 'usage', usage, USAGE_INDEXES),
    ...table(dialect, names, 'usage_batches', batches, [{ name: 'at', columns: ['at'] }]),
  ];
}

/** Texts compare by code point, in every engine. */
function textOf(dialect: DialectName): (column: keyof typeof WIDTHS) => string {
  if (dialect === 'postgres') return (column) => `${column} text collate "C"`;
  return (column) => (isMysql(dialect) ? `${column} varchar(${String(WIDTHS[column])})` : `${column} text`);
}

function table(dialect: DialectName, names: Names, name: TableName, columns: readonly string[], indexes: readonly Index[]): string[] {
  const inside = isMysql(dialect) ? indexes.map((index) => `index ${names.prefix}${name}_${index.name} (${index.columns.join(', ')})`) : [];
  const made = `create table if not exists ${tableText(dialect, names, name)} (\n  ${[...columns, ...inside].join(',\n  ')}\n)${endOf(dialect)}`;
  if (isMysql(dialect)) return [made];
  return [made, ...indexes.map((index) => createIndex(dialect, names, `${name}_${index.name}`, name, index.columns) + (index.where === undefined ? '' : ` where ${index.where}`))];
}

/** The type of a text that MySQL is given, which it would otherwise take for one of the connection's. */
export const mysqlText = (dialect: keyof typeof COLLATIONS, column: keyof typeof WIDTHS): string => `varchar(${String(WIDTHS[column])}) character set utf8mb4 collate ${COLLATIONS[dialect]}`;
