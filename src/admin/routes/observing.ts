import type { ActivityOptions } from '../../core/guarded-activity.js';
import type { Engine, Keyring } from '../../core/keyring.js';
import type { Activity, UsageOfKey } from '../../core/observing.js';
import type { Caller } from '../caller.js';
import { EXPORTS, exportOf } from '../exports.js';
import { activityQuery, activityView, exportQuery, showEntry, showTop, showUsage, topQuery, topView, usageQuery, usageView } from '../observed.js';
import { ManagementError } from '../problems.js';
import { createReach, createSeesKey, type Whose } from '../reach.js';
import { route, type Route } from '../route.js';
import type { Sight } from '../sight.js';
import { placeOf, visiblePage, type Page, type Pages } from '../visible-page.js';

/** Asked for in the place of what is out of sight, so that everything else about a question is checked all the same. No name has such a character. */
const NOBODY = { keyId: '\u0001', tenantId: '\u0001' };
const MOST_TOP = 100;

/** Routes about what keys have done. What is not kept answers 404 `not_configured`. */
export function observingRoutes(keyring: Keyring, { keeps }: Pick<Engine, 'keeps'>, sight: Sight): readonly Route[] {
  return [...usageRoutes(keyring, keeps.usage, sight), ...activityRoutes(keyring, keeps.activity, sight)];
}

const checkKept = (isKept: boolean): void => {
  if (!isKept) throw new ManagementError('not_configured');
};

function usageRoutes(keyring: Keyring, isKept: boolean, sight: Sight): readonly Route[] {
  const reach = createReach(sight);
  return [
    route({
      method: 'get', path: '/usage', access: 'read', name: 'getUsage', summary: 'How much was used, of one key, one tenant or all; at most 1,500 stretches of time',
      query: usageQuery,
      success: { status: 200, description: 'Requests by how they ended.', view: usageView },
      problems: [404],
      async run({ caller, query: { keyId, tenantId, ...options } }) {
        checkKept(isKept);
        return { status: 200, body: showUsage(await keyring.usage({ ...options, ...((await reach(caller, { keyId, tenantId })) ?? NOBODY) })) };
      },
    }),

    route({
      method: 'get', path: '/usage/top', access: 'read', name: 'getTopKeys', summary: 'The keys that were used most, or limited or refused most',
      query: topQuery,
      success: { status: 200, description: 'The highest first.', view: topView },
      problems: [404],
      async run({ caller, query: { tenantId, limit = 10, ...options } }) {
        checkKept(isKept);
        const whose: Whose = (await reach(caller, { keyId: undefined, tenantId })) ?? NOBODY;
        const keys = await keyring.topKeys({ ...options, limit: caller.overlooks ? MOST_TOP : limit, ...(whose.tenantId !== undefined && { tenantId: whose.tenantId }) });
        return { status: 200, body: showTop((await visible(caller, sight, keys)).slice(0, limit)) };
      },
    }),
  ];
}

async function visible(caller: Caller, sight: Sight, keys: readonly UsageOfKey[]): Promise<readonly UsageOfKey[]> {
  if (!caller.overlooks) return keys;
  const sees = createSeesKey(sight, caller);
  const isSeen = await Promise.all(keys.map(({ keyId }) => sees(keyId)));
  return keys.filter((_, index) => isSeen[index]);
}

function activityRoutes(keyring: Keyring, isKept: boolean, sight: Sight): readonly Route[] {
  const reach = createReach(sight);
  /** The entries that a caller may see, from any place. */
  const pagesFor = async (caller: Caller, { keyId, tenantId, ...filters }: Asked): Promise<Pages<Activity>> => {
    checkKept(isKept);
    const options = { ...filters, ...((await reach(caller, { keyId, tenantId })) ?? NOBODY) };
    const list: Pages<Activity> = async (place) => {
      const { entries, ...rest } = await keyring.activity({ ...options, ...place });
      return { items: entries, ...rest };
    };
    const sees = createSeesKey(sight, caller);
    return (place): Promise<Page<Activity>> => visiblePage(caller, place, list, (entry) => sees(entry.keyId));
  };

  return [
    route({
      method: 'get', path: '/activity', access: 'read', name: 'listActivity', summary: 'What has happened to keys and with them, a page at a time',
      query: activityQuery,
      success: { status: 200, description: 'A page of entries, the newest first. Follow nextCursor to the end.', view: activityView },
      problems: [404],
      async run({ caller, query: { limit, cursor, ...filters } }) {
        const { items, ...rest } = await (await pagesFor(caller, filters))(placeOf({ limit, cursor }));
        return { status: 200, body: { entries: items.map(showEntry), ...rest } };
      },
    }),

    route({
      method: 'get', path: '/activity/export', access: 'read', name: 'exportActivity', summary: 'All of that as a file',
      query: exportQuery,
      success: { status: 200, description: 'Every entry that fits, the newest first.', types: Object.values(EXPORTS).map(({ type }) => type) },
      problems: [404],
      run: async ({ caller, query: { format, ...filters } }) => exportOf(format, await pagesFor(caller, filters)),
    }),
  ];
}

/** Filters as the schemas give them. */
type Asked = Omit<ActivityOptions, 'limit' | 'cursor' | 'keyId' | 'tenantId'> & { readonly keyId?: string; readonly tenantId?: string };
