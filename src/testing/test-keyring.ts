import type { KeySettings } from '../core/management/draft.js';
import type { KeyringOptions } from '../core/keyring-options.js';
import type { Keyring } from '../core/keyring.js';
import { createKeyring } from '../keyring.js';
import { fakeClock, type FakeClock } from './fake-clock.js';

/** A keyring for the tests of an application. */
export interface TestKeyring<Scope extends string = string, Plan extends string = string> {
  readonly keyring: Keyring<Scope, Plan>;
  /** Time for keys and limits alike: an hour passes by `clock.advance(3_600_000)`. */
  readonly clock: FakeClock;
  /** Issues a key and gives its plaintext; its name is `test` unless said. */
  issue(settings?: Partial<KeySettings<Scope, Plan>>): Promise<string>;
}

/**
 * A keyring in memory whose clock stands still, for the tests of an application: with the application's own scopes and
 * plans, and any other option of `createKeyring` but the clock. Make one for every test; they share nothing.
 *
 * Throws a `ConfigurationError` like `createKeyring`.
 *
 * @example
 * ```ts
 * const { keyring, clock, issue } = testKeyring({ scopes: { read: [] } });
 * const key = await issue({ scopes: ['read'], expiresAt: clock.now() + 60_000 });
 * clock.advance(60_000);
 * await keyring.verify(key); // { ok: false, code: 'expired_key', … }
 * ```
 */
export function testKeyring<const Scope extends string = never, const Plan extends string = never>(
  options: Omit<KeyringOptions<Scope, Plan>, 'clock'> = {},
): TestKeyring<Scope, Plan> {
  const clock = fakeClock();
  // A cache of the usual size is 3 MB that lru-cache lays out at once: too much for every test.
  const keyring = createKeyring<Scope, Plan>({ prefix: 'test', cache: { max: 1_000 }, ...options, clock });
  return {
    keyring,
    clock,
    issue: async (settings = {}) => (await keyring.create({ name: 'test', ...settings })).key,
  };
}
