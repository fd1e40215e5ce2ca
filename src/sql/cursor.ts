import type { KeySort } from '../core/ports.js';
import type { KeyRecord } from '../core/record.js';
import { isStorable } from './rows.js';

/** Where a record stands in an order: its value, `null` when it has none, and its id. */
export interface Position {
  readonly value: string | number | null;
  readonly id: string;
}

/** A cursor is the position of the page's last record, so that later inserts neither repeat nor hide one. */
export function writeCursor({ by, direction }: KeySort, last: KeyRecord): string {
  return Buffer.from(JSON.stringify([by, direction, last[by] ?? null, last.id])).toString('base64url');
}

/** The position that a cursor of this order names. */
export function readCursor({ by, direction }: KeySort, cursor: string): Position | 'unreadable' {
  try {
    const parts = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown;
    if (!Array.isArray(parts) || parts[0] !== by || parts[1] !== direction) return 'unreadable';
    const [, , value, id] = parts as unknown[];
    if (typeof id === 'string' && isStorable(id) && isValueOf(by, value)) return { value, id };
  } catch {
    // Not one of ours.
  }
  return 'unreadable';
}

function isValueOf(by: KeySort['by'], value: unknown): value is Position['value'] {
  if (by === 'name') return typeof value === 'string' && isStorable(value);
  return Number.isSafeInteger(value) || (value === null && by !== 'createdAt');
}
