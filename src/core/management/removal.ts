import { isKeystileError, KeystileError } from '../errors.js';
import type { ApiKey, KeyChanges, KeyRecord } from '../record.js';
import { readGuard, type Guard } from './attribution.js';
import type { Changes, ChangeSettings } from './changes.js';
import type { Lifecycle } from './lifecycle-options.js';

/** How keys go. */
export interface Removal {
  delete(id: string, guard?: Guard): Promise<boolean>;
  undelete(id: string, guard?: Guard): Promise<ApiKey>;
  purge(): Promise<number>;
}

const PAGE = 100;

export function createRemoval({ store, events, clock }: ChangeSettings, { change, forgetting, inTurn }: Changes, { retention }: Lifecycle): Removal {
  /** An invalid date is never over: what cannot be told apart is kept. */
  const isOver = ({ deletedAt = Infinity }: KeyRecord): boolean => clock.now() - deletedAt >= retention;

  /** Looks again: an `undelete` that came just in time may have ended since the key was listed. */
  const purgeOne = async (id: string): Promise<boolean> => {
    const record = await store.get(id);
    if (record === undefined || !isOver(record) || !(await forgetting(id, () => store.delete(id)))) return false;
    if (events.wanted('purged')) events.emit('purged', { at: clock.now(), id, tenantId: record.tenantId });
    return true;
  };

  return {
    async delete(id, guard = {}) {
      try {
        await change(id, 'deleted', () => ({ deletedAt: clock.now(), slot: undefined }), readGuard(guard, 'delete'));
        return true;
      } catch (error) {
        // Deleted before, or never there: either way it is gone.
        if (isKeystileError(error) && error.code === 'key_not_found') return false;
        throw error;
      }
    },

    async undelete(id, guard = {}) {
      const decide = (record: KeyRecord): KeyChanges | undefined => {
        if (record.deletedAt === undefined) return undefined;
        if (isOver(record)) throw new KeystileError('key_not_found', 'the key was deleted too long ago to be brought back', { status: 404 });
        return { deletedAt: undefined };
      };
      return change(id, 'undeleted', decide, readGuard(guard, 'undelete'));
    },

    async purge() {
      let purged = 0;
      let cursor: string | undefined;
      do {
        const page = await store.list({ deleted: true, limit: PAGE, now: clock.now(), ...(cursor !== undefined && { cursor }) });
        for (const record of page.records) if (isOver(record) && (await inTurn(record.id, () => purgeOne(record.id)))) purged++;
        cursor = page.nextCursor;
      } while (cursor !== undefined);
      return purged;
    },
  };
}
