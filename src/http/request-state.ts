import { isOf, type Principal } from '../core/principal.js';
import type { Engine } from '../core/keyring.js';
import type { CredentialSource } from './credentials.js';
import type { HostRequest } from './types.js';

/** What `req.apiKey` cannot tell about the passes that a request has made; absent after the usual one. */
interface State {
  /** Callers that a later pass, with another key, has replaced. */
  readonly replaced: Principal[];
  /** Keyrings in whose anonymous limits the request has been counted. */
  readonly anonymous: Engine[];
  /** Where the key stood that has been taken out of the request. */
  taken: CredentialSource | undefined;
}

// Shared by both copies of the package: a request must not be counted twice when they are mixed.
const STATE = Symbol.for('keystile.state');

type Marked = HostRequest & { [STATE]?: State };

function stateOf(req: HostRequest): State {
  const made = (req as Marked)[STATE] ?? { replaced: [], anonymous: [], taken: undefined };
  (req as Marked)[STATE] = made;
  return made;
}

/** Notes that a request has been counted in a keyring's anonymous limits. */
export function markAnonymous(req: HostRequest, engine: Engine): void {
  stateOf(req).anonymous.push(engine);
}

export const wasAnonymous = (req: HostRequest, engine: Engine): boolean => (req as Marked)[STATE]?.anonymous.includes(engine) === true;

/** Notes where the key stood that has been taken out of a request. */
export function markTaken(req: HostRequest, source: CredentialSource): void {
  stateOf(req).taken = source;
}

export const takenFrom = (req: HostRequest): CredentialSource | undefined => (req as Marked)[STATE]?.taken;

/** Puts the caller on the request; `undefined` for an anonymous one, which takes a caller of another keyring off again. */
export function setPrincipal(req: HostRequest, engine: Engine, principal: Principal | undefined): void {
  const before = req.apiKey;
  // A second pass of the same keyring, with the key already taken out of the request, leaves its caller in place.
  if (principal === undefined && (before === undefined || isOf(before, engine.identity))) return;
  if (before !== undefined && before !== principal) stateOf(req).replaced.push(before);
  req.apiKey = principal;
}

/**
 * Whether an earlier pass, of a middleware mounted twice say, has let this request on, and so counted it, with this key.
 * Another key on the same request (one of a gateway, say) has limits of its own.
 */
export function wasCounted(req: HostRequest, engine: Engine, keyId: string): boolean {
  const isIt = (caller: unknown): boolean => isOf(caller, engine.identity) && caller.id === keyId;
  return isIt(req.apiKey) || (req as Marked)[STATE]?.replaced.some(isIt) === true;
}

/** The caller, if it is one of this keyring's keys: rights under another keyring's names are no rights here. */
export const principalFor = (req: HostRequest, engine: Engine): Principal | undefined => (isOf(req.apiKey, engine.identity) ? req.apiKey : undefined);
