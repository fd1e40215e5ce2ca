import type { KeyPage, KeyQuery, KeySort } from './ports.js';
import { statusOf, type KeyRecord } from './record.js';

/** What a slot is unique in, as one text. */
export const slotOf = ({ tenantId, environment, slot }: KeyRecord): string => JSON.stringify([tenantId, environment, slot]);

/** Whether every filter that is present holds. */
export function fits(record: KeyRecord, query: KeyQuery): boolean {
  const { tenantId, owner, environment, tag, slot, deleted = false, status, search, now } = query;
  return (
    (record.deletedAt !== undefined) === deleted &&
    (tenantId === undefined || record.tenantId === tenantId) &&
    (owner === undefined || (record.owner?.type === owner.type && record.owner.id === owner.id)) &&
    (environment === undefined || record.environment === environment) &&
    (tag === undefined || record.tags?.includes(tag) === true) &&
    (slot === undefined || record.slot === slot) &&
    (status === undefined || statusOf(record, now) === status) &&
    (search === undefined || searched(record).includes(search.toLowerCase()))
  );
}

/** The texts a search looks in, apart by a character that none of them can hold. */
const searched = (record: KeyRecord): string => [record.id, record.name, record.tenantId, record.owner?.id].join('\n').toLowerCase();

export const NEWEST_FIRST: KeySort = { by: 'createdAt', direction: 'desc' };

/** Where a record stands in an order. */
export interface Position {
  readonly value: string | number | undefined;
  readonly id: string;
}

/** The page of a query among records that fit it. */
export function pageOf(records: readonly KeyRecord[], { cursor, limit, sort = NEWEST_FIRST }: KeyQuery): KeyPage {
  const compare = orderOf(sort);
  const placed = records.map((record) => ({ record, value: record[sort.by], id: record.id })).sort(compare);
  const after = cursor === undefined ? undefined : readCursor(cursor, sort);
  const rest = after === undefined ? placed : after === 'unreadable' ? [] : placed.filter((place) => compare(place, after) > 0);
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  const found = page.map(({ record }) => record);
  if (last === undefined || rest.length <= limit) return { records: found };
  return { records: found, nextCursor: writeCursor(sort, last) };
}

/** A cursor is the position of the page's last record, so that later inserts neither repeat nor hide one. */
export function writeCursor(sort: KeySort, { value, id }: Position): string {
  return Buffer.from(JSON.stringify([sort.by, sort.direction, value ?? null, id])).toString('base64url');
}

function orderOf({ direction }: KeySort): (a: Position, b: Position) => number {
  const before = direction === 'asc' ? -1 : 1;
  return (a, b) => {
    if (a.value === b.value) return a.id === b.id ? 0 : a.id < b.id ? before : -before;
    // Last, whichever way.
    if (a.value === undefined || b.value === undefined) return a.value === undefined ? 1 : -1;
    return a.value < b.value ? before : -before;
  };
}

/** The position that a cursor of this order names. */
export function readCursor(cursor: string, sort: KeySort): Position | 'unreadable' {
  try {
    const [by, direction, value, id] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];
    const fitting = value === null || typeof value === (sort.by === 'name' ? 'string' : 'number');
    if (by === sort.by && direction === sort.direction && fitting && typeof id === 'string') return { value: (value as Position['value'] | null) ?? undefined, id };
  } catch {
    // Not one of ours.
  }
  return 'unreadable';
}
