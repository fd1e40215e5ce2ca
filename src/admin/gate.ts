import type { ServerResponse } from 'node:http';
import { storeUnavailable } from '../core/errors.js';
import { guarded } from '../core/guarded-store.js';
import type { Engine, Keyring } from '../core/keyring.js';
import type { LimitRule } from '../core/limits/rules.js';
import type { Principal } from '../core/principal.js';
import type { ApiKey } from '../core/record.js';
import { createAuth } from '../http/auth.js';
import { isDelegated } from '../http/judge-again.js';
import { principalFor } from '../http/request-state.js';
import type { Host, HostRequest } from '../http/types.js';
import { readAuthorization } from './authorization.js';
import { keyCaller, personCaller, type Caller } from './caller.js';
import type { ResolvedAdminOptions } from './options.js';
import { ManagementError } from './problems.js';

/** Hands a promise on, or answers the request itself and never calls. */
type Enter<T> = (req: HostRequest, res: ServerResponse, enter: (who: () => Promise<T>) => void) => void;

/** The two ways in. */
export interface Gate {
  /** For whoever manages keys. */
  readonly manager: Enter<Caller>;
  /** For a key that asks about itself. */
  readonly key: Enter<Principal>;
}

export function createGate(keyring: Keyring, engine: Engine, { authorize, allowKeys, auth }: ResolvedAdminOptions, host: Host): Gate {
  const needed = createAuth(keyring, { ...auth, required: true }, host);
  const optional = createAuth(keyring, { ...auth, required: false }, host);
  const forbidKeys = optional.forbidApiKeys();

  const person = async (req: HostRequest): Promise<Caller> => {
    const answer = await guarded(() => authorize(req), readAuthorization, 'authorize', engine.deadlineMs);
    if (answer === 'nobody') throw new ManagementError('not_signed_in', { headers: { 'WWW-Authenticate': 'Bearer realm="management"' } });
    if (answer === 'refused') throw new ManagementError('forbidden');
    return personCaller(answer);
  };

  const people: Gate['manager'] = (req, res, enter) => {
    forbidKeys(req, res, () => {
      enter(() => person(req));
    });
  };
  const key = async ({ id, scopes }: Principal): Promise<Caller> => {
    if (allowKeys === undefined || !scopes.includes(allowKeys.scope)) throw new ManagementError('api_key_not_accepted');
    const apiKey = await keyring.get(id);
    // It has been deleted since it was verified.
    if (apiKey === undefined) throw new ManagementError('invalid_key');
    return keyCaller(apiKey, { ...apiKey, effectiveLimits: effectiveLimits(engine, apiKey) }, allowKeys.actions, engine.scopes);
  };

  return {
    manager(req, res, enter) {
      // A caller of another keyring has no rights here, and is no person either.
      if (allowKeys === undefined || (req.apiKey !== undefined && principalFor(req, engine) === undefined)) {
        people(req, res, enter);
        return;
      }
      optional(req, res, () => {
        const principal = principalFor(req, engine);
        // A token speaks for a person, with fewer rights than its key: it may neither act as the one nor as the other.
        if (principal === undefined || isDelegated(principal)) people(req, res, enter);
        else enter(() => key(principal));
      });
    },
    key(req, res, enter) {
      needed(req, res, () => {
        const principal = principalFor(req, engine);
        enter(() => (principal === undefined ? Promise.reject(storeUnavailable('a key was let in without a principal')) : Promise.resolve(principal)));
      });
    },
  };
}

/** The limits that hold for a key, be they its own, its plan's or the keyring's; `undefined` when its plan has gone. */
function effectiveLimits(engine: Engine, apiKey: ApiKey): readonly LimitRule[] | undefined {
  try {
    return engine.limitsOf(apiKey);
  } catch {
    return undefined;
  }
}
