import { emptyRow, NEXT, offsetOf, windowOf, wordsOf, type Table } from './rows.js';
import { isIdle } from './windows.js';

/** Frees the rows of a bucket that count nothing any more. The first row that stays, or -1. */
function sweepBucket(table: Table, head: number, now: number): number {
  let first = -1;
  let kept = -1;
  for (let row = head; row >= 0; ) {
    const words = wordsOf(table, row);
    const at = offsetOf(row);
    const next = words[at + NEXT] as number;
    if (isIdle(table, row, windowOf(words, at), now)) {
      emptyRow(table, words, at);
      table.rows.give(row);
    } else {
      if (kept < 0) first = row;
      else wordsOf(table, kept)[offsetOf(kept) + NEXT] = row;
      words[at + NEXT] = -1;
      kept = row;
    }
    row = next;
  }
  return first;
}

/**
 * Looks at the next `count` buckets and forgets what has expired; each call goes on where the last one stopped,
 * round and round. Never more work than asked for, whatever the size of the table.
 */
export function createSweep(table: Table): (count: number, now: number) => void {
  // A Map's iterator survives insertions and deletions, rehashing included.
  let position: Iterator<[string, number]> | undefined;
  return (count, now) => {
    for (let seen = 0; seen < count; seen++) {
      position ??= table.heads.entries();
      const step = position.next();
      if (step.done === true) {
        position = undefined;
        break;
      }
      const [id, head] = step.value;
      const first = sweepBucket(table, head, now);
      if (first < 0) forget(table, id);
      else if (first !== head) table.heads.set(id, first);
    }
    if (table.heads.size === 0) {
      position = undefined;
      table.rows.clear();
      table.narrow.clear();
      table.wide.clear();
    }
  };
}

function forget(table: Table, id: string): void {
  table.heads.delete(id);
  if (table.shared.size > 0) table.shared.delete(id);
}
