import { createKeyring, type HostRequest, type Keyring, type KeySettings, type Middleware } from 'keystile';
import { bearerToken, generateSigningKey, tokenExchange, tokenIssuer, tokenOf, type BearerToken, type BearerTokenOptions, type Exchanged, type Jwk, type SigningAlgorithm, type TokenExchange, type TokenExchangeOptions, type TokenIssuer } from 'keystile/jwt';
import { fakeClock, type FakeClock } from 'keystile/testing';
import type { KeyringOptions } from '../../src/core/keyring-options.js';
import { json, type Scope } from '../support/app.js';

export const ISSUER = 'https://auth.example.com';

/** Keys are made once for all tests: RSA ones take long. */
export const SIGNING_KEYS: Readonly<Record<SigningAlgorithm, Jwk>> = {
  EdDSA: await generateSigningKey(),
  ES256: await generateSigningKey('ES256'),
  RS256: await generateSigningKey('RS256'),
};

/** A keyring that exchanges its keys for tokens. */
export interface TokenBench {
  readonly keyring: Keyring<Scope>;
  readonly clock: FakeClock;
  readonly issuer: TokenIssuer;
  readonly exchange: TokenExchange;
  /** Whatever the keyring reported as a fault. */
  readonly faults: unknown[];
  accept(options?: Partial<BearerTokenOptions<Scope>>): BearerToken<Scope>;
  issue(settings?: Partial<KeySettings<Scope>>): Promise<{ readonly key: string; readonly id: string }>;
  /** A token for user `ada` from a new key, or from a key that there is. */
  token(settings?: Partial<KeySettings<Scope>> | { readonly key: string }, wanted?: { scopes?: readonly string[]; audience?: string }): Promise<Exchanged & { readonly keyId: string }>;
}

export interface BenchSettings {
  readonly keyring?: Omit<KeyringOptions, 'scopes'>;
  readonly issuer?: Partial<Parameters<typeof tokenIssuer>[0]>;
  mayActFor?(...args: Parameters<TokenExchangeOptions<Scope>['mayActFor']>): unknown;
}

export function bench(settings: BenchSettings = {}): TokenBench {
  const clock = fakeClock();
  const keyring = createKeyring<Scope, string>({ prefix: 'awx', scopes: { read: [], write: ['read'] }, clock, cache: { max: 1_000 }, ...settings.keyring });
  const faults: unknown[] = [];
  keyring.on('fault', ({ error }) => faults.push(error));
  const issuer = tokenIssuer({ issuer: ISSUER, keys: [SIGNING_KEYS.EdDSA], clock, ...settings.issuer });
  const exchange = tokenExchange(keyring, { issuer, mayActFor: (settings.mayActFor ?? (() => true)) as never });
  const issue: TokenBench['issue'] = async (wanted = {}) => {
    const { key, apiKey } = await keyring.create({ name: 'test', scopes: ['write'], ...wanted });
    return { key, id: apiKey.id };
  };
  return {
    keyring,
    clock,
    issuer,
    exchange,
    faults,
    accept: (options = {}) => bearerToken<Scope, string>(keyring, { issuer, ...options }),
    issue,
    async token(from = {}, wanted = {}) {
      const key = 'key' in from ? from.key : (await issue(from)).key;
      const verification = await keyring.verify(key, { environment: keyring.format.parse(key)?.environment ?? 'live' });
      if (!verification.ok) throw new Error(verification.code);
      verification.release();
      const made = await exchange.exchange(verification.principal, { subject: 'ada', ...wanted });
      if (!made.ok) throw new Error(made.code);
      return { ...made, keyId: verification.principal.id };
    },
  };
}

/** Tells what a handler sees. */
export const show: Middleware = (req: HostRequest, res) => {
  const token = tokenOf(req);
  json(res, { caller: req.apiKey?.id ?? null, scopes: req.apiKey?.scopes ?? null, subject: token?.subject ?? null, act: token?.act ?? null });
};

export const asBearer = (token: string): { Authorization: string } => ({ Authorization: `Bearer ${token}` });
