import type { Keyring } from '../core/keyring.js';
import type { ApiKey } from '../core/record.js';
import type { Caller } from './caller.js';
import { ManagementError } from './problems.js';

/** The only way from an id to a key: what the caller does not see answers exactly as what is not there. */
export interface Sight {
  /** The key, or `undefined`. */
  find(caller: Caller, id: string | undefined): Promise<ApiKey | undefined>;
  /** The key, or `key_not_found`. */
  live(caller: Caller, id: string | undefined): Promise<ApiKey>;
  /** A deleted key that has not been purged, or `undefined`. */
  deleted(caller: Caller, id: string | undefined): Promise<ApiKey | undefined>;
}

export function createSight(keyring: Keyring): Sight {
  const find: Sight['find'] = async (caller, id) => {
    const apiKey = isId(id) ? await keyring.get(id) : undefined;
    return apiKey !== undefined && caller.sees(apiKey) ? apiKey : undefined;
  };
  return {
    find,

    async live(caller, id) {
      const apiKey = await find(caller, id);
      if (apiKey === undefined) throw new ManagementError('key_not_found');
      return apiKey;
    },

    async deleted(caller, id) {
      const apiKey = isId(id) ? await keyring.get(id, { deleted: true }) : undefined;
      return apiKey?.deletedAt !== undefined && caller.sees(apiKey) ? apiKey : undefined;
    },
  };
}

/** Everything else the keyring would refuse as a wrong option, and a store might not bear. */
const isId = (id: string | undefined): id is string => id !== undefined && /^[^\u0000-\u001f\u007f]{1,128}$/.test(id) && id.isWellFormed();
