import { readSlot, takeBlock, writeSlot } from './blocks.js';
import { BLOCK, FLAGS, NEXT, offsetOf, SLOT, takeRow, USED, WIDE, windowOf, wordsOf, type Table } from './rows.js';
import { RING_SLOTS } from './ticks.js';

/** A chain of its own that has spent what the chain at `head` has; its leases stay where they are. */
export function inheritChain(table: Table, head: number): number {
  const words = wordsOf(table, head);
  const at = offsetOf(head);
  const next = words[at + NEXT] as number;
  const rest = next < 0 ? -1 : inheritChain(table, next);
  const windowMs = windowOf(words, at);
  const row = takeRow(table, windowMs);
  const copy = wordsOf(table, row);
  const to = offsetOf(row);
  copy[to + NEXT] = rest;
  if (windowMs === 0) return row;
  for (let field = USED; field <= SLOT; field++) copy[to + field] = words[at + field] as number;
  if ((words[at + BLOCK] as number) < 0) return row;
  takeBlock(table, copy, to, ((words[at + FLAGS] as number) & WIDE) !== 0);
  for (let slot = 0; slot < RING_SLOTS; slot++) writeSlot(table, copy, to, slot, readSlot(table, words, at, slot));
  return row;
}
