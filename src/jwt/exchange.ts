import { randomUUID } from 'node:crypto';
import { KeystileError, storeUnavailable } from '../core/errors.js';
import { guarded } from '../core/guarded-store.js';
import type { Engine, Keyring } from '../core/keyring.js';
import type { Awaitable } from '../core/ports.js';
import { isOf, type Principal } from '../core/principal.js';
import type { ApiKey } from '../core/record.js';
import { isDelegated } from '../http/judge-again.js';
import type { HostRequest } from '../http/types.js';
import type { IssuerEngine, TokenIssuer } from './issuer.js';

/** Settings of `tokenExchange`. */
export interface TokenExchangeOptions<Scope extends string = string> {
  readonly issuer: TokenIssuer;
  /**
   * Whether this key may act for this user, whose id the caller has named and nobody has checked: is there such a user, in the
   * key's tenant? Only `true` is a yes. `req` is absent where `exchange` was called without it.
   */
  mayActFor(principal: Principal<Scope>, subject: string, req: HostRequest | undefined): Awaitable<boolean>;
}

/** What a token is asked for. */
export interface ExchangeRequest {
  /** The user's id, 1 to 256 characters. */
  readonly subject: string;
  /** Some of the key's scopes, implied ones included. Default: all of them; an empty list: none. */
  readonly scopes?: readonly string[] | undefined;
  /** Some of the issuer's audiences. Default: its first. */
  readonly audience?: string | readonly string[] | undefined;
}

/** A token was made. */
export interface Exchanged {
  readonly ok: true;
  readonly token: string;
  /** `jti` of the token. */
  readonly tokenId: string;
  readonly subject: string;
  readonly scopes: readonly string[];
  readonly audience: readonly string[];
  /** Epoch milliseconds. */
  readonly expiresAt: number;
  readonly expiresInSeconds: number;
}

export type ExchangeRefusalCode = 'invalid_subject' | 'subject_not_allowed' | 'invalid_scope' | 'invalid_target' | 'key_not_active' | 'not_a_key';

/** No token, and why. `status` is what fits an endpoint of one's own; the RFC 8693 endpoint has its own rules. */
export interface ExchangeRefused {
  readonly ok: false;
  readonly code: ExchangeRefusalCode;
  readonly status: number;
  readonly description: string;
}

/** Makes a token in a user's name for the key that is calling. */
export type Exchange = (principal: Principal, request: ExchangeRequest, req?: HostRequest) => Promise<Exchanged | ExchangeRefused>;

const REFUSALS: Readonly<Record<ExchangeRefusalCode, ExchangeRefused>> = {
  invalid_subject: no('invalid_subject', 400, 'The user must be named by an id of 1 to 256 characters.'),
  subject_not_allowed: no('subject_not_allowed', 403, 'This API key may not act for this user.'),
  invalid_scope: no('invalid_scope', 400, 'The API key lacks a requested scope.'),
  invalid_target: no('invalid_target', 400, 'Tokens for this audience are not issued here.'),
  key_not_active: no('key_not_active', 401, 'The API key no longer works.'),
  not_a_key: no('not_a_key', 401, 'A token cannot be exchanged for another one: send the API key.'),
};

export function createExchange(keyring: Pick<Keyring, 'get'>, engine: Engine, issuer: IssuerEngine, mayActFor: TokenExchangeOptions['mayActFor']): Exchange {
  const isAllowed = async (principal: Principal, subject: string, req: HostRequest | undefined): Promise<boolean> => guarded(() => mayActFor(principal, subject, req), readYes, 'mayActFor', engine.deadlineMs);

  /** The key as it is now; `undefined` when it no longer works. */
  const working = async (id: string): Promise<ApiKey | undefined> => {
    const apiKey = await keyring.get(id);
    return apiKey?.status === 'active' ? apiKey : undefined;
  };

  return async (principal, request, req) => {
    if (!isOf(principal, engine.identity)) throw new KeystileError('no_principal', 'exchange() needs a principal of its own keyring: is apiKeyAuth() mounted before this route, with required keys?');
    if (isDelegated(principal)) return REFUSALS.not_a_key;
    const { subject } = request;
    if (!isSubject(subject)) return REFUSALS.invalid_subject;
    const scopes = narrowed(request.scopes, principal.scopes);
    if (scopes === undefined) return REFUSALS.invalid_scope;
    const audience = narrowed(typeof request.audience === 'string' ? [request.audience] : request.audience ?? issuer.audiences.slice(0, 1), issuer.audiences);
    if (audience === undefined || audience.length === 0) return REFUSALS.invalid_target;
    if (!(await isAllowed(principal, subject, req))) return REFUSALS.subject_not_allowed;

    const before = await working(principal.id);
    const now = issuer.clock.now();
    const [issuedAtSeconds, expiresAtSeconds] = [now, Math.min(now + issuer.lifetimeMs, before === undefined ? 0 : endOfKey(before))].map((ms) => Math.floor(ms / 1_000)) as [number, number];
    // Written so that an invalid clock makes no token.
    if (!(expiresAtSeconds > issuedAtSeconds)) return REFUSALS.key_not_active;
    const { id, tenantId, environment } = principal;
    const tokenId = randomUUID();
    const token = await issuer.sign({ subject, keyId: id, scopes, audience, tenantId, environment, tokenId, issuedAtSeconds, expiresAtSeconds });
    // Changed since the request began: others, who cannot ask the keyring, would go on accepting the token.
    const after = await working(id);
    if (after === undefined) return REFUSALS.key_not_active;
    const held = engine.scopes.expand(after.scopes);
    if (!scopes.every((scope) => held.has(scope))) return REFUSALS.invalid_scope;
    return { ok: true, token, tokenId, subject, scopes, audience, expiresAt: expiresAtSeconds * 1_000, expiresInSeconds: expiresAtSeconds - issuedAtSeconds };
  };
}

function no(code: ExchangeRefusalCode, status: number, description: string): ExchangeRefused {
  return Object.freeze({ ok: false, code, status, description });
}

const endOfKey = ({ expiresAt = Infinity, graceExpiresAt = Infinity }: ApiKey): number => Math.min(expiresAt, graceExpiresAt);

/** The wanted ones, once each, if all of them are there to be had. */
function narrowed(wanted: unknown, all: readonly string[]): readonly string[] | undefined {
  if (wanted === undefined) return all;
  if (!Array.isArray(wanted) || !wanted.every((one): one is string => all.includes(one as string))) return undefined;
  return [...new Set(wanted)];
}

/** Control characters and broken surrogates have no place in an id, and some logs and headers have none for them. */
const isSubject = (subject: unknown): subject is string => typeof subject === 'string' && subject.length <= 256 && subject.isWellFormed() && /^[^\p{Cc}]+$/u.test(subject);

function readYes(answer: unknown): boolean {
  if (typeof answer === 'boolean') return answer;
  throw storeUnavailable('mayActFor answered with something that is neither true nor false');
}
