import { COLLATIONS, type Dialect } from './dialects.js';
import type { Names, TableName } from './names.js';
import { SIZES } from './rows.js';

type DialectName = Dialect['name'];
type Sized = keyof typeof SIZES;

/** The name under which the tables below are known to the migrator. Later versions add migrations and leave this one as it is. */
export const FIRST = '0001_keys';

/** An end for what has none, so that one comparison tells whether a key has ended. */
const NEVER = Number.MAX_SAFE_INTEGER;

/** What a list may be sorted by: one index each, for all keys and for those of one tenant. */
const SORTED = ['created_at', 'name', 'last_used_at', 'expires_at'] as const;

/** What each index covers. `having`: entries only where this column has a value, in engines that can leave the others out. */
const INDEXES: readonly { readonly name: string; readonly columns: readonly string[]; readonly having?: string }[] = [
  ...SORTED.map((column) => ({ name: `all_${column}`, columns: ['deleted', column] })),
  ...SORTED.map((column) => ({ name: `tenant_${column}`, columns: ['tenant_id', 'deleted', column], having: 'tenant_id' })),
  { name: 'owner', columns: ['owner_id', 'owner_type', 'deleted', 'created_at'], having: 'owner_id' },
  { name: 'environment', columns: ['environment', 'deleted', 'created_at'] },
  { name: 'slot', columns: ['slot', 'deleted', 'created_at'], having: 'slot' },
  { name: 'halted', columns: ['halted', 'deleted', 'created_at'], having: 'halted' },
  { name: 'ends', columns: ['deleted', 'halted', 'ends_at'] },
  { name: 'starts', columns: ['deleted', 'not_before'], having: 'not_before' },
];

/** The statements that make the tables. Each may run again: MySQL, and SQLite under Kysely, keep those that ran before one failed. */
export function schemaOf(dialect: DialectName, names: Names): string[] {
  const table = (name: TableName): string => tableText(dialect, names, name);
  return [
    keysTable(dialect, names, table('keys')),
    ...indexStatements(dialect, names),
    tagsTable(dialect, names, table('tags')),
    ...(isMysql(dialect) ? [] : [createIndex(dialect, names, 'tags_key', 'tags', ['key_id'])]),
    searchTable(dialect, names, table('search')),
    ...searchIndex(dialect, names),
  ];
}

export const isMysql = (dialect: DialectName): dialect is keyof typeof COLLATIONS => dialect === 'mysql' || dialect === 'mariadb';
export const quoteOf = (dialect: DialectName): string => (isMysql(dialect) ? '`' : '"');

/** A table's quoted name, with its schema. */
export function tableText(dialect: DialectName, { schema, name }: Names, table: TableName): string {
  const quoted = (text: string): string => quoteOf(dialect) + text + quoteOf(dialect);
  return (schema === undefined ? '' : `${quoted(schema)}.`) + quoted(name(table));
}

/** Texts compare by code point, in every engine. */
function textOf(dialect: DialectName): (column: Sized) => string {
  return (column) => {
    if (dialect === 'postgres') return `${column} text collate "C"`;
    return isMysql(dialect) ? `${column} varchar(${String(SIZES[column])})` : `${column} text`;
  };
}

/** How a table's texts compare, for engines that say so at its end. */
export const endOf = (dialect: DialectName): string => (isMysql(dialect) ? ` character set utf8mb4 collate ${COLLATIONS[dialect]}` : '');

function keysTable(dialect: DialectName, names: Names, table: string): string {
  const text = textOf(dialect);
  const json = isMysql(dialect) ? 'mediumtext' : 'text';
  const lines = [
    `${text('id')} not null primary key`,
    'version bigint not null',
    `${text('hash')} not null`,
    `${text('masked')} not null`,
    `${text('name')} not null`,
    `${text('environment')} not null`,
    text('tenant_id'),
    text('owner_type'),
    text('owner_id'),
    `scopes ${json} not null`,
    text('plan'),
    ...['limits', 'access', 'metadata', 'tags'].map((column) => `${column} ${json}`),
    'created_at bigint not null',
    'updated_at bigint not null',
    ...['not_before', 'expires_at', 'disabled_at', 'revoked_at', 'grace_expires_at', 'deleted_at', 'last_used_at'].map((column) => `${column} bigint`),
    ...(['revoked_reason', 'revoked_by', 'replaced_by', 'rotated_from', 'slot', 'last_used_ip'] as const).map(text),
    // Derived by the database itself, for indexes; nobody writes them.
    `deleted smallint generated always as (case when deleted_at is null then 0 else 1 end) stored`,
    `halted ${isMysql(dialect) ? 'varchar(16)' : 'text'} generated always as (case when revoked_at is not null then 'revoked' when disabled_at is not null then 'disabled' end) stored`,
    `ends_at bigint generated always as (case when expires_at is null then coalesce(grace_expires_at, ${String(NEVER)}) when grace_expires_at < expires_at then grace_expires_at else expires_at end) stored`,
    ...(isMysql(dialect) ? [...uniqueIndexes(names), ...INDEXES.map((index) => `index ${names.prefix}keys_${index.name} (${index.columns.join(', ')})`)] : []),
  ];
  return `create table if not exists ${table} (\n  ${lines.join(',\n  ')}\n)${endOf(dialect)}`;
}

const UNIQUE = { hash: ['hash'], claim: ['tenant_id', 'environment', 'slot'] } as const;
const uniqueIndexes = (names: Names): string[] => Object.entries(UNIQUE).map(([name, columns]) => `unique index ${names.prefix}keys_${name} (${columns.join(', ')})`);

function indexStatements(dialect: DialectName, names: Names): string[] {
  if (isMysql(dialect)) return [];
  return [
    ...Object.entries(UNIQUE).map(([name, columns]) => createIndex(dialect, names, `keys_${name}`, 'keys', columns, 'unique ')),
    // MySQL's indexes end with the primary key by themselves.
    ...INDEXES.map(({ name, columns, having }) => createIndex(dialect, names, `keys_${name}`, 'keys', [...columns, 'id']) + (having === undefined ? '' : ` where ${having} is not null`)),
  ];
}

export function createIndex(dialect: DialectName, names: Names, name: string, on: TableName, columns: readonly string[], unique = ''): string {
  return `create ${unique}index if not exists "${names.prefix}${name}" on ${tableText(dialect, names, on)} (${columns.join(', ')})`;
}

/** `created_at` never changes, so that the keys with a tag can be listed in their usual order. */
function tagsTable(dialect: DialectName, names: Names, table: string): string {
  const text = textOf(dialect);
  const lines = [
    `${text('tag')} not null`,
    'created_at bigint not null',
    `${text('id').replace(/^id/, 'key_id')} not null`,
    'primary key (tag, created_at, key_id)',
    ...(isMysql(dialect) ? [`index ${names.prefix}tags_key (key_id)`] : []),
  ];
  return `create table if not exists ${table} (\n  ${lines.join(',\n  ')}\n)${endOf(dialect)}`;
}

/**
 * Apart from the keys, so that noting their use leaves the index for parts of texts alone, and a scan reads little. In the order of
 * creation: in SQLite by the row number, see places.ts.
 */
function searchTable(dialect: DialectName, names: Names, table: string): string {
  const keyId = textOf(dialect)('id').replace(/^id/, 'key_id');
  const lines = [
    ...(dialect === 'sqlite' ? ['seq integer primary key', `${keyId} not null unique`] : [`${keyId} not null primary key`, 'created_at bigint not null']),
    `content text${dialect === 'postgres' ? ' collate "C"' : ''} not null`,
    ...(isMysql(dialect) ? [`index ${names.prefix}search_order (created_at, key_id)`] : []),
  ];
  return `create table if not exists ${table} (\n  ${lines.join(',\n  ')}\n)${endOf(dialect)}`;
}

function searchIndex(dialect: DialectName, names: Names): string[] {
  if (dialect === 'postgres') return [createIndex(dialect, names, 'search_order', 'search', ['created_at', 'key_id']), trigramIndex(names)];
  return dialect === 'sqlite' ? fullTextIndex(names) : [];
}

/** An index of three-letter parts, where the extension is there or may be made; without it a search reads the table of texts. */
function trigramIndex(names: Names): string {
  return `do $keystile$
declare home text;
begin
  begin
    create extension if not exists pg_trgm;
  exception when others then null;
  end;
  select n.nspname into home from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_trgm';
  if home is not null then
    execute format('create index if not exists "${names.prefix}search_content" on ${tableText('postgres', names, 'search')} using gin (content %I.gin_trgm_ops)', home);
  end if;
end
$keystile$`;
}

/** SQLite's full-text index of three-letter parts, kept by triggers, and the list of its terms. */
function fullTextIndex(names: Names): string[] {
  const [index, terms, search] = [names.name('search_index'), names.name('search_terms'), names.name('search')];
  const added = `insert into "${index}"(rowid, content) values (new.seq, new.content);`;
  const removed = `insert into "${index}"("${index}", rowid, content) values ('delete', old.seq, old.content);`;
  const trigger = (name: string, event: string, body: string): string =>
    `create trigger if not exists "${names.prefix}search_${name}" after ${event} on "${search}" begin ${body} end`;
  return [
    `create virtual table if not exists "${index}" using fts5(content, content='${search}', content_rowid='seq', tokenize='trigram case_sensitive 1', detail='none')`,
    `create virtual table if not exists "${terms}" using fts5vocab('${index}', 'row')`,
    trigger('added', 'insert', added),
    trigger('removed', 'delete', removed),
    trigger('changed', 'update of content', `${removed} ${added}`),
  ];
}
