import type { Keyring } from '../core/keyring.js';
import type { ListOptions } from '../core/management/operations.js';
import type { ApiKey } from '../core/record.js';
import type { Caller } from './caller.js';

/** A page of keys that the caller may see. */
export interface VisiblePage {
  readonly keys: readonly ApiKey[];
  readonly nextCursor?: string;
}

const DEFAULT_LIMIT = 50;
const LOOK_AT_ONCE = 500;
/** So many pages are looked through for one answer: keys beyond are not shown, rather than everything being read again and again. */
const MOST_LOOKS = 100;

/**
 * A cursor names the last key of its page, and a page with nothing on it tells that something is hidden there. So where keys may be out
 * of sight, the page is made of visible ones only, its cursor names one of them, and there is none when no visible one follows.
 */
export async function visiblePage(keyring: Keyring, caller: Caller, options: ListOptions): Promise<VisiblePage> {
  if (!caller.overlooks) return keyring.list(options);
  const { limit = DEFAULT_LIMIT } = options;
  const kept: ApiKey[] = [];
  let place = options;
  let last: ListOptions | undefined;
  for (let look = 0; look < MOST_LOOKS; look++) {
    const page = await keyring.list({ ...place, limit: LOOK_AT_ONCE });
    for (const [index, apiKey] of page.keys.entries()) {
      if (!caller.sees(apiKey)) continue;
      if (kept.length === limit) {
        const { nextCursor } = await keyring.list({ ...options, ...last });
        return { keys: kept, ...(nextCursor !== undefined && { nextCursor }) };
      }
      kept.push(apiKey);
      last = { ...(place.cursor !== undefined && { cursor: place.cursor }), limit: index + 1 };
    }
    if (page.nextCursor === undefined) break;
    place = { ...options, cursor: page.nextCursor };
  }
  return { keys: kept };
}
