import type { Engine, Keyring } from '../../core/keyring.js';
import { checkChange } from '../../core/management/fields.js';
import type { ApiKey } from '../../core/record.js';
import type { Answer } from '../answer.js';
import { grantAfter } from '../grants.js';
import { ManagementError } from '../problems.js';
import { route, type Route } from '../route.js';
import { noInput, revokeInput, rotateInput, updateInput } from '../schemas.js';
import type { Sight } from '../sight.js';
import { boundTo, etag } from '../versions.js';
import { apiKeyView, showKey, successionView } from '../views.js';
import { created, slotRefused } from './creating.js';

const changed = (apiKey: ApiKey): Answer => ({ status: 200, body: showKey(apiKey), headers: etag(apiKey) });
const success = { status: 200, description: 'The key after the change.', view: apiKeyView, headers: ['ETag'] } as const;

/** Routes that change a key which exists. Those that end or suspend heed `If-Match` without asking for it: an emergency must not wait. */
export function changingRoutes(keyring: Keyring, { context }: Engine, sight: Sight): readonly Route[] {
  const toggle = (action: 'disable' | 'enable', summary: string): Route =>
    route({
      method: 'post', path: `/keys/:id/${action}`, access: action, name: `${action}Key`, summary,
      body: noInput, ifMatch: 'heeded', success, problems: [404],
      async run({ caller, params, version, attribution }) {
        const apiKey = await sight.live(caller, params['id']);
        return changed(await keyring[action](apiKey.id, { ...boundTo(apiKey, version, caller.bound), ...attribution }));
      },
    });

  return [
    route({
      method: 'patch', path: '/keys/:id', access: 'update', name: 'updateKey', summary: 'Change settings of a key; null clears one',
      body: updateInput, ifMatch: 'needed', success, problems: [404],
      async run({ caller, params, body, version, attribution }) {
        const apiKey = await sight.live(caller, params['id']);
        caller.checkGrant(grantAfter(apiKey, body));
        // What has been looked at is what is changed: nobody may give it more rights in between.
        return changed(await keyring.update(apiKey.id, body, { ...boundTo(apiKey, version, true), ...attribution }));
      },
    }),

    route({
      method: 'post', path: '/keys/:id/check', access: 'update', name: 'checkChange', summary: 'Tell what updateKey would say to this, and change nothing',
      body: updateInput, success: { status: 204, description: 'Nothing is wrong with it.' }, problems: [404],
      async run({ caller, params, body }) {
        const apiKey = await sight.live(caller, params['id']);
        caller.checkGrant(grantAfter(apiKey, body));
        checkChange(apiKey, body, context);
        return { status: 204 };
      },
    }),

    route({
      method: 'post', path: '/keys/:id/rotate', access: 'rotate', name: 'rotateKey', summary: 'Make a new key with the same settings; the old one works until its grace period is over',
      body: rotateInput, ifMatch: 'needed',
      success: { status: 201, description: 'The new key, and the old one.', view: successionView, headers: ['ETag', 'Location'] },
      problems: [404, 409],
      async run({ caller, params, body: { gracePeriodSeconds, ...rest }, version, attribution, base }) {
        const apiKey = await sight.live(caller, params['id']);
        // Rotating is regenerating by another door.
        if (apiKey.slot !== undefined && !caller.mayTakeSlots) throw slotRefused();
        caller.checkGrant(grantAfter(apiKey, rest));
        // Under a longest life the keyring would give the successor a fresh one: a key cannot prolong itself so.
        const end = caller.keepsEnds && rest.expiresAt === undefined && apiKey.expiresAt !== undefined ? { expiresAt: apiKey.expiresAt } : {};
        const gracePeriod = gracePeriodSeconds === undefined ? {} : { gracePeriod: gracePeriodSeconds * 1_000 };
        return created(await keyring.rotate(apiKey.id, { ...rest, ...end, ...gracePeriod, ...boundTo(apiKey, version, true), ...attribution }), base);
      },
    }),

    toggle('disable', 'Suspend a key; doing it twice changes nothing'),
    toggle('enable', 'End the suspension of a key'),

    route({
      method: 'post', path: '/keys/:id/revoke', access: 'revoke', name: 'revokeKey', summary: 'End a key for good; a second time changes nothing',
      body: revokeInput, ifMatch: 'heeded', success, problems: [404],
      async run({ caller, params, body, version, attribution }) {
        const apiKey = await sight.live(caller, params['id']);
        return changed(await keyring.revoke(apiKey.id, { ...body, ...boundTo(apiKey, version, caller.bound), ...attribution }));
      },
    }),

    ...removalRoutes(keyring, sight),
  ];
}

function removalRoutes(keyring: Keyring, sight: Sight): readonly Route[] {
  return [
    route({
      method: 'delete', path: '/keys/:id', access: 'delete', name: 'deleteKey', summary: 'Take a key out of use and out of sight; a second time changes nothing',
      ifMatch: 'heeded', success: { status: 204, description: 'The key is gone. Until it is purged, undelete brings it back.' }, problems: [404],
      async run({ caller, params, version, attribution }) {
        const apiKey = await sight.find(caller, params['id']);
        if (apiKey === undefined) {
          if ((await sight.deleted(caller, params['id'])) === undefined) throw new ManagementError('key_not_found');
          return { status: 204 };
        }
        await keyring.delete(apiKey.id, { ...boundTo(apiKey, version, caller.bound), ...attribution });
        return { status: 204 };
      },
    }),

    route({
      method: 'post', path: '/keys/:id/undelete', access: 'undelete', name: 'undeleteKey', summary: 'Bring a deleted key back as it was, but for its slot',
      body: noInput, ifMatch: 'heeded', success, problems: [404],
      async run({ caller, params, version, attribution }) {
        const gone = await sight.deleted(caller, params['id']);
        // Back already, or never gone.
        if (gone === undefined) return changed(await sight.live(caller, params['id']));
        return changed(await keyring.undelete(gone.id, { ...boundTo(gone, version, caller.bound), ...attribution }));
      },
    }),
  ];
}
