import { sql } from 'kysely';
import type { Names } from './names.js';
import type { Steps } from './steps.js';

/** So many three-letter parts may begin with one or two letters before these count as frequent. */
const FEW_TERMS = { ofOne: 10, ofTwo: 100 } as const;

/** Whether a text has a three-letter part. */
export const isWhole = (text: string): boolean => Array.from(text).length >= 3;

/** What to ask SQLite's full-text index for: all that has a text in it is found, and some more. `many`: the index is of no help. */
export function* matchFor(names: Names, part: string): Steps<string> {
  return isWhole(part) ? everyPart(part) : yield* beginnings(names, part);
}

const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;

/** A full-text query for all that has the three-letter parts of a text. Every third is enough: what is found is looked at anyway. */
function everyPart(text: string): string {
  const letters = Array.from(text);
  const starts = letters.map((_, index) => index).filter((index) => index % 3 === 0 && index < letters.length - 3);
  return [...starts, letters.length - 3].map((start) => quoted(letters.slice(start, start + 3).join(''))).join(' AND ');
}

/** What is too short for an index of three-letter parts is the beginning of some of them, or nowhere. */
function* beginnings(names: Names, part: string): Steps<string> {
  const most = Array.from(part).length === 1 ? FEW_TERMS.ofOne : FEW_TERMS.ofTwo;
  const { rows } = yield sql`select term from ${names.table('search_terms')} where term >= ${part} and term < ${`${part}\u{10ffff}`} limit ${sql.lit(most + 1)}`;
  if (rows.length === 0) return 'none';
  return rows.length > most ? 'many' : rows.map(({ term }) => quoted(term as string)).join(' OR ');
}
