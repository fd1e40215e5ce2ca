import type { Json, Owner } from './record.js';

/** Who is calling, as a handler sees it at `req.apiKey`: frozen, without hash or secret. */
export interface Principal<Scope extends string = string> {
  /** The key's public id. */
  readonly id: string;
  readonly name: string;
  readonly environment: string;
  readonly tenantId: string | undefined;
  readonly owner: Owner | undefined;
  /** Everything the key may do, implied scopes included. */
  readonly scopes: readonly Scope[];
  readonly plan: string | undefined;
  /** Whether the key may open WebSockets and event streams. */
  readonly realtime: boolean;
  readonly metadata: { readonly [key: string]: Json };
  /** Epoch milliseconds. */
  readonly expiresAt: number | undefined;
}

/** On each principal, unseen: its keyring's identity. Shared by the ESM and the CommonJS copy. */
const KEYRING = Symbol.for('keystile.keyring');

/** Freezes a principal and notes whose it is. A copy or a look-alike is nobody's. */
export const signed = (principal: Principal, keyring: symbol): Principal => Object.freeze(Object.defineProperty(principal, KEYRING, { value: keyring }));

/** Whether this, which may be anything that a host has put there, is a principal made by the keyring of this identity. */
export const isOf = (caller: unknown, keyring: symbol): caller is Principal => (caller as { [KEYRING]?: symbol } | null | undefined)?.[KEYRING] === keyring;
