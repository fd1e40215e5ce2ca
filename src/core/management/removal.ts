import { KeystileError } from '../errors.js';
import { checkOptions } from '../options.js';
import type { ApiKey } from '../record.js';
import { ATTRIBUTION_NAMES, type Attribution } from './attribution.js';
import type { Changes, ChangeSettings } from './changes.js';
import type { Lifecycle } from './lifecycle-options.js';

/** How keys go. */
export interface Removal {
  delete(id: string, attribution?: Attribution): Promise<boolean>;
  undelete(id: string, attribution?: Attribution): Promise<ApiKey>;
  purge(): Promise<number>;
}

const PAGE = 100;

export function createRemoval({ store, events, clock }: ChangeSettings, { change, forgetting }: Changes, { retention }: Lifecycle): Removal {
  return {
    async delete(id, attribution = {}) {
      checkOptions(attribution, 'delete', ATTRIBUTION_NAMES);
      try {
        await change(id, 'deleted', () => ({ deletedAt: clock.now(), slot: undefined }), attribution);
        return true;
      } catch (error) {
        // Deleted before, or never there: either way it is gone.
        if (error instanceof KeystileError && error.code === 'key_not_found') return false;
        throw error;
      }
    },

    undelete(id, attribution = {}) {
      checkOptions(attribution, 'undelete', ATTRIBUTION_NAMES);
      return change(
        id,
        'undeleted',
        ({ deletedAt = 0 }) => {
          if (clock.now() - deletedAt < retention) return { deletedAt: undefined };
          throw new KeystileError('key_not_found', 'the key was deleted too long ago to be brought back', { status: 404 });
        },
        attribution,
      );
    },

    async purge() {
      let purged = 0;
      let cursor: string | undefined;
      do {
        const page = await store.list({ deleted: true, limit: PAGE, now: clock.now(), ...(cursor !== undefined && { cursor }) });
        for (const { id, deletedAt = Infinity } of page.records) {
          if (!(clock.now() - deletedAt >= retention)) continue;
          if (!(await forgetting(id, () => store.delete(id)))) continue;
          purged++;
          if (events.wanted('purged')) events.emit('purged', { at: clock.now(), id });
        }
        cursor = page.nextCursor;
      } while (cursor !== undefined);
      return purged;
    },
  };
}
