/** The kinds of array a cell may live in. */
export type Words = Int32Array | Uint16Array;

/** Cells per chunk, as a power of two: a small server starts with a few dozen KiB, and growing never copies. */
export const CELL_BITS = 10;
export const CELL_MASK = (1 << CELL_BITS) - 1;

/**
 * A store of equal cells, addressed by number. Cell `n` begins at word `(n & CELL_MASK) * size` of
 * `chunks[n >>> CELL_BITS]`. A million small objects would cost the garbage collector a pass each; these cost none.
 */
export interface Slab<W extends Words> {
  readonly chunks: W[];
  /** A cell whose words are whatever its last user left. */
  take(): number;
  give(cell: number): void;
  /** Forgets every cell and returns the memory. */
  clear(): void;
}

/** A slab whose cells have `size` words each. */
export function slab<W extends Words>(size: number, makeChunk: (length: number) => W): Slab<W> {
  const chunks: W[] = [];
  const free: number[] = [];
  let untouched = 0;
  return {
    chunks,
    take() {
      const reused = free.pop();
      if (reused !== undefined) return reused;
      if (untouched >>> CELL_BITS === chunks.length) chunks.push(makeChunk(size << CELL_BITS));
      return untouched++;
    },
    give(cell) {
      free.push(cell);
    },
    clear() {
      chunks.length = 0;
      free.length = 0;
      untouched = 0;
    },
  };
}
