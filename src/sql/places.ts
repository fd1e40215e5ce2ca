import { sql, type RawBuilder } from 'kysely';
import type { Names } from './names.js';

/**
 * SQLite's full-text index can be read in the order of its row numbers alone. So the number of a text says when its key was made: the
 * stretch of 128 milliseconds, and below that a number within the stretch, of which there are 16 million. Keys that one program makes
 * one after the other so have numbers close together, which the index keeps in a byte or two.
 */
const STRETCH_MS = 128;
const BITS_WITHIN = 24;
const LAST_WITHIN = 2 ** BITS_WITHIN - 1;
/** Two thousand years before and after 1970; what was made before or after that lies in the first or the last stretch. */
const STRETCHES = 2 ** 39;

/** From the first stretch to the last, both included. */
export interface Stretches {
  readonly first: number;
  readonly last: number;
}

export const ALL_STRETCHES: Stretches = { first: -STRETCHES, last: STRETCHES - 1 };

export function stretchOf(createdAt: number): number {
  return Math.max(ALL_STRETCHES.first, Math.min(ALL_STRETCHES.last, Math.floor(createdAt / STRETCH_MS)));
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
