import type { ImportSource } from './importing.js';
import type { KeyPatch, KeySettings } from './draft.js';
import type { EventName, KeyringEvents } from './events.js';
import type { Explanation } from './explain.js';
import type { FormatBook } from './format/format-book.js';
import type { KeyFormat } from './format/key-format.js';
import type { Spender } from './limits/spender.js';
import type { CreatedKey } from './created-key.js';
import type { ListOptions, RevokeOptions } from './operations.js';
import type { Clock } from './ports.js';
import type { ApiKey } from './record.js';
import type { VerifyRequest } from './request.js';
import type { ScopeBook } from './scopes.js';
import type { Verification } from './verification.js';
import type { Verify } from './verifier.js';

/**
 * The service object of keystile: it issues keys, verifies them and manages them. Made by `createKeyring`; typed by its
 * scopes and plans, so that a misspelt one does not compile.
 *
 * Operations reject with a `ConfigurationError` for a wrong field, with a `KeystileError` for what cannot be done
 * (`key_not_found`, `key_exists`, `version_conflict`) and for faults (`store_unavailable`, `limiter_unavailable`).
 */
export interface Keyring<Scope extends string = string, Plan extends string = string> {
  /** The format of new keys, with its `pattern` for secret scanners. */
  readonly format: KeyFormat;

  /**
   * Makes a key and stores its hash. The plaintext stands in the result and nowhere else.
   *
   * @example
   * ```ts
   * const { key, apiKey } = await keyring.create({ name: 'Warehouse sync - production - Ops', scopes: ['read'] });
   * ```
   */
  create(settings: KeySettings<Scope, Plan>): Promise<CreatedKey>;

  /** Brings in a key issued elsewhere, by itself or by its hash; see `ImportSource`. */
  import(source: ImportSource & KeySettings<Scope, Plan>): Promise<ApiKey>;

  /**
   * Decides about a presented key, in the order of the documentation: secret, status, tenant, environment, ip, origin,
   * endpoint, realtime, scopes, limits. Refusals are values; faults reject. An accepted request holds its place under
   * concurrency caps until `release()` is called.
   *
   * @example
   * ```ts
   * const verification = await keyring.verify(key, { scopes: ['read'], ip: '203.0.113.7' });
   * if (!verification.ok) throw new Error(verification.code);
   * console.log(verification.principal.name);
   * verification.release();
   * ```
   */
  verify(key: string, request?: VerifyRequest<Scope>): Promise<Verification<Scope>>;

  /** One key, or `undefined`. */
  get(id: string): Promise<ApiKey | undefined>;

  /** A page of keys, newest first. */
  list(options?: ListOptions): Promise<{ readonly keys: readonly ApiKey[]; readonly nextCursor?: string }>;

  /** Changes settings; `null` clears one. With `version`, only if nobody has changed the key since (`version_conflict`). */
  update(id: string, patch: KeyPatch<Scope, Plan>, guard?: { readonly version?: number }): Promise<ApiKey>;

  /** Suspends a key until `enable`. Doing it twice changes nothing. */
  disable(id: string): Promise<ApiKey>;
  enable(id: string): Promise<ApiKey>;

  /** Ends a key for good. A second revoke keeps the first one's time, reason and actor. */
  revoke(id: string, options?: RevokeOptions): Promise<ApiKey>;

  /** Removes a key and its record; `false` if there was none. */
  delete(id: string): Promise<boolean>;

  /** Every check a request with this key would meet, with its verdict; nothing is spent. */
  explain(id: string, request?: VerifyRequest<Scope>): Promise<Explanation>;

  /** Listens to an event; the answer stops listening. A listener that throws is reported as `fault`. */
  on<Name extends EventName>(name: Name, listener: (event: KeyringEvents[Name]) => void): () => void;

  /** Gives back all leases and stops timers; what is asked afterwards rejects with `keyring_closed`. The store stays open. */
  close(): Promise<void>;
}

/** What the HTTP layer needs of a keyring beyond its public face. */
export interface Engine {
  /** Of the keyring, on all its principals. */
  readonly identity: symbol;
  readonly formats: FormatBook;
  readonly scopes: ScopeBook;
  readonly spender: Spender;
  readonly clock: Clock;
  /** How long a host's callback may take. */
  readonly deadlineMs: number;
  readonly verify: Verify;
  readonly report: (error: unknown) => void;
}

// Shared by the ESM and the CommonJS copy, so that a keyring of one works with middleware of the other.
const ENGINE = Symbol.for('keystile.engine');

/** Puts the engine where `engineOf` finds it; it shows neither in inspection nor in JSON. */
export function withEngine<K extends object>(keyring: K, engine: Engine): K {
  return Object.defineProperty(keyring, ENGINE, { value: engine });
}

/** The engine of a keyring, or `undefined` for anything else. */
export function engineOf(keyring: unknown): Engine | undefined {
  return typeof keyring === 'object' && keyring !== null ? (keyring as { [ENGINE]?: Engine })[ENGINE] : undefined;
}
