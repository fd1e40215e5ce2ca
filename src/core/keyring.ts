import type { ImportSource } from './management/importing.js';
import type { DraftContext, KeyPatch, KeySettings } from './management/draft.js';
import type { EventName, KeyringEvents } from './events.js';
import type { Explanation } from './management/explain.js';
import type { Health } from './health.js';
import type { FormatBook } from './format/format-book.js';
import type { ActivityOptions } from './guarded-activity.js';
import type { KeyFormat } from './format/key-format.js';
import type { RefusalCode } from './errors.js';
import type { LimitRule } from './limits/rules.js';
import type { Spender } from './limits/spender.js';
import type { CreatedKey } from './management/created-key.js';
import type { Attribution, Guard } from './management/attribution.js';
import type { BulkFilter } from './management/bulk.js';
import type { GetOptions, ListOptions, RevokeOptions } from './management/operations.js';
import type { StaleKey } from './management/reminders.js';
import type { RotateOptions, SlotSettings, Succession } from './management/succession.js';
import type { ActivityPage, UsageOfKey } from './observing.js';
import type { Awaitable, Clock } from './ports.js';
import type { ApiKey, KeySlot } from './record.js';
import type { Principal } from './principal.js';
import type { RequestFacts, VerifyRequest } from './request.js';
import type { ScopeBook } from './scopes.js';
import type { TopOptions, UsageOptions, UsageReport } from './usage/report.js';
import type { Refused, Verification } from './verification.js';
import type { Verify } from './verifier.js';
import type { Watches } from './watches.js';

/**
 * The service object of keystile: it issues keys, verifies them and manages them. Made by `createKeyring`; typed by its
 * scopes and plans, so that a misspelt one does not compile.
 *
 * Operations reject with a `ConfigurationError` for a wrong field, with a `KeystileError` for what cannot be done
 * (`key_not_found`, `key_exists`, `slot_taken`, `already_rotated`, `key_not_active`, `version_conflict`) and for faults
 * (`store_unavailable`, `limiter_unavailable`). A change holds for the very next verification, those under way included.
 */
export interface Keyring<Scope extends string = string, Plan extends string = string> {
  /** The format of new keys, with its `pattern` for secret scanners. */
  readonly format: KeyFormat;

  /**
   * Makes a key and stores its hash. The plaintext stands in the result and nowhere else. Rejects with `slot_taken` when
   * another key has the slot it is to have.
   *
   * @example
   * ```ts
   * const { key, apiKey } = await keyring.create({ name: 'Warehouse sync - production - Ops', scopes: ['read'] });
   * ```
   */
  create(settings: KeySettings<Scope, Plan>, attribution?: Attribution): Promise<CreatedKey>;

  /** Brings in a key issued elsewhere, by itself or by its hash; see `ImportSource`. Rejects with `key_exists`, `slot_taken`. */
  import(source: ImportSource & KeySettings<Scope, Plan>, attribution?: Attribution): Promise<ApiKey>;

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

  /** One key, or `undefined`; one that was deleted and not yet purged only with `deleted`. */
  get(id: string, options?: GetOptions): Promise<ApiKey | undefined>;

  /** A page of keys, newest first. */
  list(options?: ListOptions): Promise<{ readonly keys: readonly ApiKey[]; readonly nextCursor?: string }>;

  /** Changes settings; `null` clears one. With `version`, only if nobody has changed the key since (`version_conflict`). */
  update(id: string, patch: KeyPatch<Scope, Plan>, guard?: Guard): Promise<ApiKey>;

  /**
   * Makes a new key with all settings of an old one, its slot included. The old one works until its grace period is over (24
   * hours unless said), never longer than it would have anyway. Both happen in one step of the store.
   *
   * Rejects with `already_rotated` for a key that has a successor, in its grace period or after, with `key_not_active` for a
   * revoked one and for one that has expired, unless `expiresAt` gives the new key an end of its own, and with
   * `version_conflict` when the key no longer has the given `version`. The successor of a disabled key is disabled.
   *
   * @example
   * ```ts
   * const { key, apiKey, previous } = await keyring.rotate(id, { gracePeriod: 60 * 60_000 });
   * ```
   */
  rotate(id: string, options?: RotateOptions): Promise<Succession>;

  /**
   * Makes a new key for a tenant's slot and revokes the one before at once, in one step of the store. Settings that are not
   * given are taken over; the first key of a slot is made of them alone. A key that has left the slot, in its grace period, is
   * not touched.
   *
   * When two calls race, one wins and the other rejects with `slot_taken`. Rejects with `key_not_active` for a slot whose key has
   * expired, unless `expiresAt` gives the new key an end of its own. The successor of a disabled key is disabled.
   *
   * @example
   * ```ts
   * const { key } = await keyring.regenerate('customer-7', 'secondary');
   * ```
   */
  regenerate(tenantId: string, slot: KeySlot, settings?: SlotSettings<Scope, Plan>): Promise<Succession>;

  /**
   * Suspends a key until `enable`. Doing it twice changes nothing. A suspended key keeps its slot. As with every change of one key:
   * with `version`, only while the key has it (`version_conflict`).
   */
  disable(id: string, guard?: Guard): Promise<ApiKey>;
  enable(id: string, guard?: Guard): Promise<ApiKey>;

  /** Ends a key for good and frees its slot. A second revoke keeps the first one's time, reason and actor. */
  revoke(id: string, options?: RevokeOptions): Promise<ApiKey>;

  /** Takes a key out of use and out of sight and frees its slot; `false` if there was none. `undelete` brings it back. */
  delete(id: string, guard?: Guard): Promise<boolean>;

  /**
   * Brings a deleted key back as it was, but for its slot. One that is not deleted is left as it is. Rejects with
   * `key_not_found` after the retention time (30 days unless said).
   */
  undelete(id: string, guard?: Guard): Promise<ApiKey>;

  /** Removes for good what was deleted longer ago than the retention time. Answers how many keys those were. */
  purge(): Promise<number>;

  /**
   * The same for all keys of a tenant or owner, one after the other. Answers how many were changed. A fault ends it: what was done
   * stays, and calling again does the rest. A filter without tenant and owner is refused.
   */
  disableAll(filter: BulkFilter, attribution?: Attribution): Promise<number>;
  enableAll(filter: BulkFilter, attribution?: Attribution): Promise<number>;
  revokeAll(filter: BulkFilter, options?: RevokeOptions): Promise<number>;
  deleteAll(filter: BulkFilter, attribution?: Attribution): Promise<number>;

  /**
   * Active keys that are old, long unused or about to end, each also announced as a `stale` event. Runs by itself, a minute after
   * somebody begins to listen to `stale` and then once a day.
   */
  checkStale(): Promise<readonly StaleKey[]>;

  /** Every check a request with this key would meet, with its verdict; nothing is spent. */
  explain(id: string, request?: VerifyRequest<Scope>): Promise<Explanation>;

  /** Listens to an event; the answer stops listening. A listener that throws is reported as `fault`. */
  on<Name extends EventName>(name: Name, listener: (event: KeyringEvents[Name]) => void): () => void;

  /** How the keyring's parts are, for a readiness check. Asks store and limiter once, whatever they have done before. */
  health(): Promise<Health>;

  /** What has happened to keys and with them, newest first; needs the option `activity`. */
  activity(options?: ActivityOptions): Promise<ActivityPage>;

  /** How much keys were used, by the minute, the hour or the day, of one key, one tenant or all; needs the option `usage`. */
  usage(options?: UsageOptions): Promise<UsageReport>;

  /** The keys that were used most, or limited or refused most, the highest first; needs the option `usage`. */
  topKeys(options?: TopOptions): Promise<readonly UsageOfKey[]>;

  /** Writes down what is waiting: times of last use, activity, counts. Runs by itself every few seconds, and on `close`. */
  flush(): Promise<void>;

  /**
   * Flushes, gives back all leases, ends open sockets and event streams and stops timers; what is asked afterwards rejects with
   * `keyring_closed`. The store stays open.
   */
  close(): Promise<void>;
}

/** What the HTTP layer needs of a keyring beyond its public face. */
export interface Engine {
  /** Of the keyring, on all its principals. */
  readonly identity: symbol;
  readonly formats: FormatBook;
  readonly scopes: ScopeBook;
  /** By which keys that are made or changed are checked. */
  readonly context: DraftContext;
  /** Which records are kept of what keys do. */
  readonly keeps: { readonly activity: boolean; readonly usage: boolean };
  readonly spender: Spender;
  readonly clock: Clock;
  /** How long a host's callback may take. */
  readonly deadlineMs: number;
  readonly verify: Verify;
  /** The same for a key, by its id, to which the caller's right has been proven otherwise. */
  readonly vouch: Verify;
  /** The limits that hold for a key. Throws for a plan that has gone. */
  readonly limitsOf: (apiKey: ApiKey) => readonly LimitRule[];
  /** Counts a failed attempt with something made of a key, as failed keys are counted, and tells of it. */
  readonly failed: (facts: RequestFacts, refusal: Refused) => Awaitable<Refused>;
  /** Counts, writes down and tells that a route has refused a request that had been let in; without a principal, one that came without a key. */
  readonly refusedLater: (principal: Principal | undefined, facts: RequestFacts, refusal: Refused) => void;
  /** Counts a refusal of whoever has shown no key. */
  readonly unproven: (code: RefusalCode) => void;
  /** Ends what stays open with a key as soon as the key would no longer be let in. */
  readonly watch: Watches['watch'];
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
