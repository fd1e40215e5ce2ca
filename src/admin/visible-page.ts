import type { Caller } from './caller.js';

/** One page of a list, from a place in it. */
export type Pages<Item> = (place: Place) => Promise<Page<Item>>;

export interface Place {
  readonly cursor?: string;
  readonly limit?: number;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor?: string;
}

/** The place that a query names, without the parts that it does not. */
export const placeOf = ({ cursor, limit }: { readonly cursor?: string | undefined; readonly limit?: number | undefined }): Place => ({ ...(cursor !== undefined && { cursor }), ...(limit !== undefined && { limit }) });

const DEFAULT_LIMIT = 50;
const LOOK_AT_ONCE = 500;
/** So many pages are looked through for one answer: what is beyond is not shown, rather than everything being read again and again. */
const MOST_LOOKS = 100;

/**
 * A page of what the caller may see. A cursor names the last item of its page, and a page with nothing on it tells that something is
 * hidden there. So where things may be out of sight, the page is made of visible ones only, its cursor names one of them, and there is
 * none when no visible one follows.
 */
export async function visiblePage<Item>(caller: Caller, start: Place, pages: Pages<Item>, sees: (item: Item) => boolean | Promise<boolean>): Promise<Page<Item>> {
  if (!caller.overlooks) return pages(start);
  const kept: Item[] = [];
  let place = start;
  let last: Place = {};
  for (let look = 0; look < MOST_LOOKS; look++) {
    const page = await pages({ ...place, limit: LOOK_AT_ONCE });
    for (const [index, item] of page.items.entries()) {
      if (!(await sees(item))) continue;
      if (kept.length === (start.limit ?? DEFAULT_LIMIT)) {
        const { nextCursor } = await pages({ ...start, ...last });
        return { items: kept, ...(nextCursor !== undefined && { nextCursor }) };
      }
      kept.push(item);
      last = { ...(place.cursor !== undefined && { cursor: place.cursor }), limit: index + 1 };
    }
    if (page.nextCursor === undefined) break;
    place = { cursor: page.nextCursor };
  }
  return { items: kept };
}
