import { sql, type RawBuilder } from 'kysely';
import type { Names } from './names.js';

/**
 * SQLite's full-text index can be read in the order of its row numbers alone. So the number of a text says when its key was made: the
 * stretch of sixteen milliseconds, and below that a number within the stretch, up to 67 million.
 */
const STRETCH_MS = 16;
const BITS_WITHIN = 26;
const LAST_WITHIN = 2 ** BITS_WITHIN - 1;
/** From 1970 to 2109; what was made before or after lies in the first or last of them. */
const STRETCHES = 2 ** 38;

/** From the first stretch to the last, both included. */
export interface Stretches {
  readonly first: number;
  readonly last: number;
}

export const ALL_STRETCHES: Stretches = { first: -STRETCHES / 2, last: STRETCHES / 2 - 1 };

export function stretchOf(createdAt: number): number {
  return Math.max(0, Math.min(STRETCHES - 1, Math.floor(createdAt / STRETCH_MS))) + ALL_STRETCHES.first;
}

/** The stretch of a row number. */
export const stretchIn = (seq: RawBuilder<unknown>): RawBuilder<unknown> => sql`${seq} >> ${sql.lit(BITS_WITHIN)}`;

/** The drivers give whole numbers as fractions, which do not shift. */
const start = (stretch: number): RawBuilder<unknown> => sql`(cast(${stretch} as integer) << ${sql.lit(BITS_WITHIN)})`;
const end = (stretch: number): RawBuilder<unknown> => sql`(${start(stretch)} | ${sql.lit(LAST_WITHIN)})`;

export const isWithin = (seq: RawBuilder<unknown>, { first, last }: Stretches): RawBuilder<unknown> => sql`${seq} >= ${start(first)} and ${seq} <= ${end(last)}`;

/** The row number of a new text: one more than the last of its stretch. */
export function nextPlace(names: Names, createdAt: number): RawBuilder<unknown> {
  const stretch = stretchOf(createdAt);
  return sql`(select coalesce(max(seq), ${start(stretch)}) + 1 from ${names.table('search')} where ${isWithin(sql.ref('seq'), { first: stretch, last: stretch })})`;
}
