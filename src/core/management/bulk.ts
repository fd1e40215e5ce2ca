import { ConfigurationError, isKeystileError } from '../errors.js';
import { checkOptions } from '../options.js';
import type { ApiKey } from '../record.js';

/** Whose keys a bulk operation is for: all of a tenant, of an owner, or of both together. */
export interface BulkFilter {
  readonly tenantId?: string;
  readonly owner?: { readonly type: string; readonly id: string };
  readonly environment?: string;
}

/** Pages of keys that fit a filter. */
export type Pages = (filter: BulkFilter, cursor: string | undefined) => Promise<{ readonly keys: readonly ApiKey[]; readonly nextCursor?: string }>;

/**
 * Does one thing to every key of a tenant or owner, one after the other, and answers how many were changed. A key that has
 * gone in the meantime is passed over; any other failure ends it, and what was changed until then stays.
 */
export async function forAll(filter: BulkFilter, pages: Pages, act: (apiKey: ApiKey) => Promise<boolean>): Promise<number> {
  checkOptions(filter, 'filter', ['tenantId', 'owner', 'environment']);
  // An empty filter would mean every key of every customer, and is most often a variable without a value.
  if (filter.tenantId === undefined && filter.owner === undefined) throw new ConfigurationError('invalid_option', 'filter', 'must name a tenantId or an owner');
  let changed = 0;
  let cursor: string | undefined;
  do {
    const page = await pages(filter, cursor);
    for (const apiKey of page.keys) {
      try {
        if (await act(apiKey)) changed++;
      } catch (error) {
        if (!isKeystileError(error) || error.code !== 'key_not_found') throw error;
      }
    }
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return changed;
}
