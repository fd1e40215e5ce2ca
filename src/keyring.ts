import { createKeyCache, lifetimeOf } from './core/cache.js';
import { ConfigurationError, KeystileError } from './core/errors.js';
import { createEvents } from './core/events.js';
import { createExplain } from './core/management/explain.js';
import { guardActivity, toActivityQuery } from './core/guarded-activity.js';
import { guardStore } from './core/guarded-store.js';
import { resolveKeyringOptions, type KeyringOptions } from './core/keyring-options.js';
import { withEngine, type Engine, type Keyring } from './core/keyring.js';
import { createFailureGate } from './core/limits/failures.js';
import { createLeaseKeeper } from './core/limits/leases.js';
import { createSpender } from './core/limits/spender.js';
import { createIdLookup } from './core/id-lookup.js';
import { createLookup } from './core/lookup.js';
import { createOperations } from './core/management/operations.js';
import type { Awaitable } from './core/ports.js';
import { toApiKey, type ApiKey, type KeyRecord } from './core/record.js';
import { NO_FACTS, toFacts } from './core/request.js';
import { createReminders } from './core/management/reminders.js';
import { createRecorder } from './core/recorder.js';
import { createUses } from './core/uses.js';
import { createWitness } from './core/witness.js';
import { createVerifier, type Verify } from './core/verifier.js';
import type { Verification } from './core/verification.js';
import { createWatches } from './core/watches.js';
import { memoryLimiter } from './memory/limiter.js';
import { memoryStore } from './memory/store.js';

/**
 * Makes a keyring: the service that issues, verifies, restricts, limits and revokes API keys. In memory by default.
 *
 * Throws a `ConfigurationError` that names the option, before anything is made.
 *
 * @example
 * ```ts
 * const keyring = createKeyring({
 *   prefix: 'awx',
 *   scopes: { read: [], write: ['read'] },
 *   plans: { starter: [perMinute(60), perDay(10_000), concurrent(5)] },
 * });
 * const { key } = await keyring.create({ name: 'production-backend', scopes: ['read'], plan: 'starter' });
 * ```
 */
export function createKeyring<const Scope extends string = never, const Plan extends string = never>(options: KeyringOptions<Scope, Plan>): Keyring<Scope, Plan> {
  const resolved = resolveKeyringOptions(options);
  const { formats, hashes, context, storeMs, clock = Date } = resolved;
  const events = createEvents();
  const report = (error: unknown): void => {
    if (events.wanted('fault')) events.emit('fault', { at: clock.now(), error });
  };
  const store = guardStore(resolved.store ?? memoryStore(), storeMs);
  const leases = createLeaseKeeper(report);
  const spender = createSpender({
    // Without a clock of the host's choice a limiter goes by its own, which nobody can set back.
    limiter: resolved.limiter ?? memoryLimiter(resolved.clock && { clock }),
    fallback: memoryLimiter(resolved.clock && { clock }),
    onLimiterError: resolved.onLimiterError,
    deadlineMs: resolved.limiterMs,
    leases,
    report,
  });
  // Nobody else can change a store that no one else has.
  const caching = { ...(resolved.store === undefined && { ttlMs: Infinity }), ...resolved.cache };
  const [cache, idCache] = [createKeyCache(caching), createKeyCache(caching)];
  const lookup = createLookup({ formats, hashes, store, cache, context, deadlineMs: storeMs, report });
  const idLookup = createIdLookup({ store, cache: idCache, context });
  const forget = (id: string): void => {
    lookup.forget(id);
    idLookup.forget(id);
  };
  const uses = createUses(store, context.lifecycle.flushEvery, report);
  const show = (record: KeyRecord): ApiKey => toApiKey(uses.latest(record), clock.now());
  const activity = resolved.activity && guardActivity(resolved.activity, storeMs);
  const recorder = activity && createRecorder(activity, events, context.lifecycle.flushEvery, report);
  const operations = createOperations({ store, formats, hashes, context, events, clock, forget, show });
  const reminders = createReminders(store, events, clock, context.lifecycle, show, report);
  const explain = createExplain(store, spender, context, clock);
  const judging = { spender, failures: createFailureGate(resolved.failureRules, spender), witness: createWitness(uses, recorder, report), events, clock };
  const watches = createWatches({ store, events, context, clock, lifetimeMs: lifetimeOf(caching), report });

  let closed = false;
  const whileOpen = (verifier: Verify): Verify => (key, facts) => {
    if (closed) throw closedError();
    return verifier(key, facts);
  };
  const verify = whileOpen(createVerifier({ lookup, ...judging }));
  const vouch = whileOpen(createVerifier({ lookup: idLookup, ...judging }));
  const promised = <T>(work: () => Awaitable<T>): Promise<T> => (closed ? Promise.reject(closedError()) : inPromise(work));
  const engine: Engine = { identity: context.identity, formats, scopes: context.scopes, spender, clock, deadlineMs: storeMs, verify, vouch, watch: watches.watch, report };

  return withEngine<Keyring<Scope, Plan>>(
    {
      format: formats.current,
      create: (...args) => promised(() => operations.create(...args)),
      import: (...args) => promised(() => operations.import(...args)),
      verify(key, request) {
        try {
          // Already decided, nearly always: one promise, no closure.
          return Promise.resolve(verify(key, request === undefined ? NO_FACTS : toFacts(request)) as Awaitable<Verification<Scope>>);
        } catch (error) {
          return rejection(error);
        }
      },
      get: (...args) => promised(() => operations.get(...args)),
      list: (...args) => promised(() => operations.list(...args)),
      update: (...args) => promised(() => operations.update(...args)),
      rotate: (...args) => promised(() => operations.rotate(...args)),
      regenerate: (...args) => promised(() => operations.regenerate(...args)),
      disable: (...args) => promised(() => operations.disable(...args)),
      enable: (...args) => promised(() => operations.enable(...args)),
      revoke: (...args) => promised(() => operations.revoke(...args)),
      delete: (...args) => promised(() => operations.delete(...args)),
      undelete: (...args) => promised(() => operations.undelete(...args)),
      purge: (...args) => promised(() => operations.purge(...args)),
      disableAll: (...args) => promised(() => operations.disableAll(...args)),
      enableAll: (...args) => promised(() => operations.enableAll(...args)),
      revokeAll: (...args) => promised(() => operations.revokeAll(...args)),
      deleteAll: (...args) => promised(() => operations.deleteAll(...args)),
      checkStale: () => promised(() => reminders.check()),
      explain: (id, request) => promised(() => explain(id, request === undefined ? NO_FACTS : toFacts(request))),
      on(name, listener) {
        const off = events.on(name, listener);
        if (name === 'stale') reminders.start();
        return off;
      },
      async activity(options = {}) {
        if (activity === undefined) throw new ConfigurationError('invalid_option', 'activity', 'is not kept: give createKeyring an activity log');
        const query = toActivityQuery(options);
        await promised(() => recorder?.flush());
        return activity.list(query);
      },
      flush: () => promised(async () => { await Promise.all([uses.flush(), recorder?.flush()]); }),
      close() {
        closed = true;
        watches.close();
        leases.close();
        cache.clear();
        idCache.clear();
        reminders.stop();
        return Promise.all([uses.close(), recorder?.close()]).then(() => undefined);
      },
    },
    engine,
  );
}

const closedError = (): KeystileError => new KeystileError('keyring_closed', 'the keyring has been closed', { status: 503 });

function rejection(error: unknown): Promise<never> {
  return Promise.reject(error instanceof Error ? error : new Error('a part of the keyring threw', { cause: error }));
}

/** Operations answer with promises, whatever their parts answer with. */
function inPromise<T>(work: () => Awaitable<T>): Promise<T> {
  try {
    return Promise.resolve(work());
  } catch (error) {
    return rejection(error);
  }
}
