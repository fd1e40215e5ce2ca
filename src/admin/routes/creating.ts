import { hash } from 'node:crypto';
import type { z } from 'zod';
import type { CreatedKey } from '../../core/management/created-key.js';
import type { KeySettings } from '../../core/management/draft.js';
import { newFields } from '../../core/management/fields.js';
import type { Engine, Keyring } from '../../core/keyring.js';
import type { KeySlot } from '../../core/record.js';
import type { Answer } from '../answer.js';
import { faultOf } from '../faults.js';
import type { IdempotencyBook } from '../idempotency.js';
import { invalidInput, ManagementError, problem } from '../problems.js';
import { grantAfter } from '../grants.js';
import { route, type Call, type Route } from '../route.js';
import { createInput, regenerateInput } from '../schemas.js';
import { etag } from '../versions.js';
import { createdView, showKey, successionView } from '../views.js';

/** A new key in an answer: its plaintext stands here and nowhere else. */
export function created({ key, apiKey, previous }: CreatedKey & { readonly previous?: CreatedKey['apiKey'] | undefined }, base: string): Answer {
  return {
    status: 201,
    body: { key, apiKey: showKey(apiKey), ...(previous !== undefined && { previous: showKey(previous) }) },
    headers: { ...etag(apiKey), Location: locationOf(apiKey.id, base) },
  };
}

const locationOf = (id: string, base: string): string => `${base}/keys/${encodeURIComponent(id)}`;

/** Routes that make keys out of nothing. */
export function creatingRoutes(keyring: Keyring, { context, clock }: Engine, book: IdempotencyBook): readonly Route[] {
  /** A key that never works is a slip, often of a unit. Who wants one to end changes its end. */
  const checkEnd = ({ expiresAt }: { readonly expiresAt?: Date | null }): void => {
    if (expiresAt && !(clock.now() < expiresAt.getTime())) throw invalidInput({ field: '/expiresAt', message: 'must be in the future', code: 'invalid_option' });
  };
  /** What a new key will be, as far as it may be that. */
  const settingsOf = ({ caller, body }: Pick<Call<unknown, z.infer<typeof createInput>>, 'caller' | 'body'>): KeySettings => {
    checkEnd(body);
    const tenantId = caller.tenantFor(body.tenantId);
    const settings = { ...caller.defaults, ...body, ...(tenantId !== undefined && { tenantId }) };
    if (settings.slot !== undefined && !caller.mayTakeSlots) throw slotRefused();
    caller.checkGrant(grantAfter({ environment: 'live', scopes: [] }, settings));
    return settings;
  };
  return [
    route({
      method: 'post', path: '/keys', access: 'create', name: 'createKey', summary: 'Make a key; it is shown once',
      body: createInput,
      idempotent: true,
      success: { status: 201, description: 'The new key.', view: createdView, headers: ['ETag', 'Location'] },
      problems: [409],
      async run({ caller, body, attribution, idempotencyKey, base }) {
        const settings = settingsOf({ caller, body });
        const make = async (): Promise<CreatedKey> => keyring.create(settings, attribution);
        if (idempotencyKey === undefined) return created(await make(), base);
        const scope = JSON.stringify([caller.actor, caller.tenantId]);
        return once(book, { actor: scope, name: idempotencyKey, body: hash('sha256', JSON.stringify(body), 'base64url') }, make, base);
      },
    }),

    route({
      method: 'post', path: '/keys/check', access: 'create', name: 'checkNewKey', summary: 'Tell what createKey would say to this, and make nothing',
      body: createInput,
      success: { status: 204, description: 'Nothing is wrong with it.' },
      run(call) {
        newFields(settingsOf(call), 'create', context, clock);
        return { status: 204 };
      },
    }),

    route({
      method: 'post', path: '/tenants/:tenantId/slots/:slot/regenerate', access: 'regenerate', name: 'regenerateSlot',
      summary: 'Make a new key for a slot of a tenant, and end the one before at once',
      body: regenerateInput,
      success: { status: 201, description: 'The new key, and the one whose place it has taken.', view: successionView, headers: ['ETag', 'Location'] },
      problems: [404, 409],
      async run(call) {
        const { tenantId, slot } = slotOf(call);
        checkEnd(call.body);
        return created(await keyring.regenerate(tenantId, slot, { ...call.body, ...call.attribution }), call.base);
      },
    }),
  ];
}

export const slotRefused = (): ManagementError => new ManagementError('rights_exceeded', { errors: [{ field: '/slot', message: 'belongs to the tenant; no key may claim or renew one', code: 'rights_exceeded' }] });

/** The slot in the address; one of another tenant is not there. */
function slotOf({ caller, params: { tenantId = '', slot } }: Call): { readonly tenantId: string; readonly slot: KeySlot } {
  if (!caller.mayTakeSlots) throw slotRefused();
  if ((slot === 'primary' || slot === 'secondary') && (caller.tenantId ?? tenantId) === tenantId) return { tenantId, slot };
  throw new ManagementError('not_found');
}

/** Makes a key for the first of equal requests, and tells the others about it. */
async function once(book: IdempotencyBook, request: { readonly actor: string; readonly name: string; readonly body: string }, make: () => Promise<CreatedKey>, base: string): Promise<Answer> {
  const { actor, name, body } = request;
  const beginning = book.begin(actor, name, body);
  switch (beginning.state) {
    case 'mismatch':
      return problem('idempotency_key_mismatch');
    case 'busy':
      return problem('idempotency_key_busy', { headers: { 'Retry-After': '1' } });
    case 'full':
      return problem('idempotency_full', { headers: { 'Retry-After': '60' } });
    case 'done':
      if (beginning.id === undefined) return problem('idempotency_key_used', { detail: 'This request failed before, and a key may have been made all the same: look at the list.' });
      return problem('idempotency_key_used', { id: beginning.id, headers: { Location: locationOf(beginning.id, base) } });
    case 'new':
      break;
  }
  try {
    const made = await make();
    book.end(actor, name, { id: made.apiKey.id });
    return created(made, base);
  } catch (error) {
    // A store that failed may have kept the record before it did.
    book.end(actor, name, faultOf(error) === undefined ? undefined : 'unknown');
    throw error;
  }
}
