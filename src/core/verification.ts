import type { Principal } from './principal.js';
import type { RefusalCode } from './errors.js';
import type { LimitState } from './ports.js';

/** The key may do this. */
export interface Accepted<Scope extends string = string> {
  readonly ok: true;
  readonly principal: Principal<Scope>;
  /** Where each limit stands after this request; empty for a key without limits. */
  readonly limits: readonly LimitState[];
  /** Gives back the place held under a concurrency cap; call it when the work is done. Calling it again does nothing. */
  readonly release: () => void;
}

/** An expected "no", with its reason. */
export interface Refused {
  readonly ok: false;
  readonly code: RefusalCode;
  /** Public id of the key, once its secret has been proven. */
  readonly keyId?: string;
  /** The scopes that were asked for and are missing. */
  readonly missingScopes?: readonly string[];
  /** Where limits stand; those with `violated` said no. Only with 429 codes. */
  readonly limits: readonly LimitState[];
  /** Whole seconds, at least 1, after which a lone client is admitted; absent when waiting does not help. */
  readonly retryAfterSeconds?: number;
}

/** What `keyring.verify` answers: look at `ok` first. Faults are thrown, as `KeystileError`. */
export type Verification<Scope extends string = string> = Accepted<Scope> | Refused;

const NO_LIMITS: readonly LimitState[] = Object.freeze([]);

/** The `release` of whatever holds no lease. */
export const nothingToRelease = (): void => undefined;

/** Refusals that say no more than their code, made once. */
export const MALFORMED_KEY = Object.freeze(refused('malformed_key'));
export const INVALID_KEY = Object.freeze(refused('invalid_key'));

export function accepted(principal: Principal, limits: readonly LimitState[] = NO_LIMITS, release: () => void = nothingToRelease): Accepted {
  return { ok: true, principal, limits, release };
}

export function refused(code: RefusalCode, about: Omit<Refused, 'ok' | 'code' | 'limits'> & { readonly limits?: readonly LimitState[] } = {}): Refused {
  return { ok: false, code, limits: NO_LIMITS, ...about };
}

/** The 429 for violated limits. */
export function limited(limits: readonly LimitState[], retryAfterMs: number | undefined, code?: RefusalCode, keyId?: string): Refused {
  const onlyConcurrency = limits.some((state) => state.violated) && limits.every((state) => !state.violated || state.rule.kind === 'concurrency');
  return refused(code ?? (onlyConcurrency ? 'concurrency_exceeded' : 'rate_limited'), {
    limits,
    ...(keyId !== undefined && { keyId }),
    ...(retryAfterMs !== undefined && { retryAfterSeconds: Math.max(1, Math.ceil(retryAfterMs / 1_000)) }),
  });
}
