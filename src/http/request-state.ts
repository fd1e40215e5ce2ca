import type { Principal } from '../core/entry.js';
import type { Engine } from '../core/keyring.js';
import type { CredentialSource } from './credentials.js';
import type { HostRequest } from './types.js';

// Shared by both copies of the package: a request must not be counted twice when they are mixed.
const COUNTED = Symbol.for('keystile.counted');
const TAKEN = Symbol.for('keystile.taken');

/** Whose limits have been spent; without an id, those of anonymous requests. */
interface Count {
  readonly engine: Engine;
  readonly keyId: string | undefined;
}

/** Whose key the principal at `req.apiKey` is. */
const KEYRING = Symbol.for('keystile.keyring');

type Marked = HostRequest & { [KEYRING]?: Engine; [COUNTED]?: readonly Count[]; [TAKEN]?: CredentialSource };

/** Notes that a request has been counted in the limits of a keyring's key. */
export function markCounted(req: HostRequest, engine: Engine, keyId: string | undefined): void {
  const before = (req as Marked)[COUNTED];
  const count = { engine, keyId };
  (req as Marked)[COUNTED] = before === undefined ? [count] : [...before, count];
}

/**
 * Whether an earlier pass, of a middleware mounted twice say, has counted this request for this key. Another key on the
 * same request (one of a gateway, say) has limits of its own.
 */
export function wasCounted(req: HostRequest, engine: Engine, keyId: string | undefined): boolean {
  return (req as Marked)[COUNTED]?.some((count) => count.engine === engine && count.keyId === keyId) === true;
}

/** Notes where the key stood that has been taken out of a request. */
export function markTaken(req: HostRequest, source: CredentialSource): void {
  (req as Marked)[TAKEN] = source;
}

export function takenFrom(req: HostRequest): CredentialSource | undefined {
  return (req as Marked)[TAKEN];
}

/** Puts the caller on the request; `undefined` for an anonymous one, which takes a caller of another keyring off again. */
export function setPrincipal(req: HostRequest, engine: Engine, principal: Principal | undefined): void {
  // A second pass of the same keyring, with the key already taken out of the request, leaves its caller in place.
  if (principal === undefined && (req.apiKey === undefined || (req as Marked)[KEYRING] === engine)) return;
  req.apiKey = principal;
  (req as Marked)[KEYRING] = engine;
}

/** The caller, if it is one of this keyring's keys: rights under another keyring's names are no rights here. */
export function principalFor(req: HostRequest, engine: Engine): Principal | undefined {
  return (req as Marked)[KEYRING] === engine ? req.apiKey : undefined;
}
