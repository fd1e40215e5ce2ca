import type { Keyring } from '../../core/keyring.js';
import type { ListOptions } from '../../core/management/operations.js';
import type { ApiKey } from '../../core/record.js';
import { ManagementError } from '../problems.js';
import { route, type Route } from '../route.js';
import { explainInput, listQuery, type SORTS } from '../schemas.js';
import type { Sight } from '../sight.js';
import { etag } from '../versions.js';
import { placeOf, visiblePage, type Pages } from '../visible-page.js';
import { apiKeyView, explanationView, listView, meView, showExplanation, showKey, showMe } from '../views.js';

/** Routes that change nothing. */
export function readingRoutes(keyring: Keyring, sight: Sight): readonly Route[] {
  return [
    route({
      method: 'get', path: '/keys', access: 'read', name: 'listKeys', summary: 'List keys, a page at a time',
      query: listQuery,
      success: { status: 200, description: 'A page of keys. Follow nextCursor to the end; a page may hold fewer keys than its limit.', view: listView },
      async run({ caller, query: { sort, ownerType, ownerId, tenantId, limit, cursor, ...filters } }) {
        // Somebody else's tenant has as many keys as one that does not exist.
        if (tenantId !== undefined && caller.tenantId !== undefined && tenantId !== caller.tenantId) return { status: 200, body: { keys: [] } };
        const tenant = caller.tenantId ?? tenantId;
        const options: ListOptions = {
          ...filters,
          ...(tenant !== undefined && { tenantId: tenant }),
          ...(ownerType !== undefined && ownerId !== undefined && { owner: { type: ownerType, id: ownerId } }),
          ...(sort !== undefined && { sort: readSort(sort) }),
        };
        const pages: Pages<ApiKey> = async (place) => {
          const { keys, ...rest } = await keyring.list({ ...options, ...place });
          return { items: keys, ...rest };
        };
        const page = await visiblePage(caller, placeOf({ limit, cursor }), pages, (apiKey) => caller.sees(apiKey));
        return { status: 200, body: { keys: page.items.map(showKey), ...(page.nextCursor !== undefined && { nextCursor: page.nextCursor }) } };
      },
    }),

    route({
      method: 'get', path: '/keys/:id', access: 'read', name: 'getKey', summary: 'Show one key',
      success: { status: 200, description: 'The key.', view: apiKeyView, headers: ['ETag'] },
      problems: [404],
      async run({ caller, params }) {
        const apiKey = await sight.live(caller, params['id']);
        return { status: 200, body: showKey(apiKey), headers: etag(apiKey) };
      },
    }),

    route({
      method: 'post', path: '/keys/:id/explain', access: 'explain', name: 'explainRequest', summary: 'Tell which check would refuse a request with this key',
      body: explainInput,
      success: { status: 200, description: 'Every check with its verdict, in the order they are asked. Nothing is spent.', view: explanationView },
      problems: [404],
      async run({ caller, params, body: { tenantId, ...request } }) {
        const { id } = await sight.live(caller, params['id']);
        return { status: 200, body: showExplanation(await keyring.explain(id, { ...request, ...(tenantId !== undefined && { tenant: tenantId }) })) };
      },
    }),

    route({
      method: 'get', path: '/me', access: 'key', name: 'getCallingKey', summary: 'Show the calling key to itself',
      success: { status: 200, description: 'The key that this request was made with.', view: meView },
      async run({ principal }) {
        const apiKey = await keyring.get(principal.id);
        // It has been deleted since it was verified.
        if (apiKey === undefined) throw new ManagementError('invalid_key');
        return { status: 200, body: showMe(principal, apiKey) };
      },
    }),
  ];
}

function readSort(sort: string): NonNullable<ListOptions['sort']> {
  const falling = sort.startsWith('-');
  return { by: (falling ? sort.slice(1) : sort) as (typeof SORTS)[number], direction: falling ? 'desc' : 'asc' };
}
