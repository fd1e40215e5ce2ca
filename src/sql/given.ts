import { sql, type RawBuilder } from 'kysely';
import type { Dialect } from './dialects.js';
import { mysqlText, WIDTHS } from './observing-schema.js';
import { isMysql } from './schema.js';

/** A column of rows that are given to a statement: a text, or a whole number. */
type Column = keyof typeof WIDTHS | 'n' | 'at' | 'span' | 'amount';

const isText = (column: Column): column is keyof typeof WIDTHS => column in WIDTHS;

/**
 * Rows as one parameter, however many, under the name `g`: the statement stays the same, so that it is prepared once, and no engine's
 * bound on parameters is met. Each row is a list in the order of the columns.
 */
export function given({ name }: Pick<Dialect, 'name'>, columns: readonly Column[], rows: readonly (readonly unknown[])[]): RawBuilder<unknown> {
  const json = JSON.stringify(rows);
  if (isMysql(name)) {
    const parts = columns.map((column, index) => `${column} ${isText(column) ? mysqlText(name, column) : 'bigint'} path '$[${String(index)}]'`);
    return sql`json_table(${json}, '$[*]' columns (${sql.raw(parts.join(', '))})) as g`;
  }
  if (name === 'sqlite') return sql`(select ${sql.raw(columns.map((column, index) => `value->>${String(index)} as ${column}`).join(', '))} from json_each(${json})) as g`;
  const parts = columns.map((column, index) => `${isText(column) ? '' : '('}u->>${String(index)}${isText(column) ? '' : ')::bigint'} as ${column}`);
  return sql`(select ${sql.raw(parts.join(', '))} from jsonb_array_elements(${json}::jsonb) as u) as g`;
}

/** A text that every engine takes, no longer than its column. */
export const cut = (column: keyof typeof WIDTHS, text: string): string => text.slice(0, WIDTHS[column]).toWellFormed().replaceAll('\0', '\ufffd');
