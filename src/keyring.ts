import { createActivityBook } from './core/activity.js';
import { lifetimeOf } from './core/cache.js';
import { KeystileError } from './core/errors.js';
import { effectiveLimits } from './core/compile-entry.js';
import { createEvents, refusalTeller } from './core/events.js';
import { createExplain } from './core/management/explain.js';
import { guardStore } from './core/guarded-store.js';
import { resolveKeyringOptions, type KeyringOptions } from './core/keyring-options.js';
import { withEngine, type Engine, type Keyring } from './core/keyring.js';
import { createFailureGate } from './core/limits/failures.js';
import { createLeaseKeeper } from './core/limits/leases.js';
import { createSpender } from './core/limits/spender.js';
import { createOperations } from './core/management/operations.js';
import { chain } from './core/awaitable.js';
import type { Awaitable } from './core/ports.js';
import { toApiKey, type ApiKey, type KeyRecord } from './core/record.js';
import { NO_FACTS, toFacts } from './core/request.js';
import { NO_NAMES } from './core/redaction/named-values.js';
import { createRedact } from './core/redaction/redact-keys.js';
import { createReminders } from './core/management/reminders.js';
import { createUses } from './core/uses.js';
import { createWitness } from './core/witness.js';
import { createVerifiers } from './core/verifiers.js';
import type { Verify } from './core/verifier.js';
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
  const uses = createUses(store, context.lifecycle.flushEvery, report);
  const show = (record: KeyRecord): ApiKey => toApiKey(uses.latest(record), clock.now());
  const activity = createActivityBook({ log: resolved.activity, events, flushEvery: context.lifecycle.flushEvery, deadlineMs: storeMs, redact: createRedact(formats.all, NO_NAMES), report });
  const failures = createFailureGate(resolved.failureRules, spender);
  const told = refusalTeller(events, clock);
  const judging = { spender, failures, witness: createWitness(uses, activity.recorder, report), events, clock };
  const verifiers = createVerifiers({ formats, hashes, store, context, deadlineMs: storeMs, report }, caching, judging);
  const { mint: _mint, ...managed } = createOperations({ store, formats, hashes, context, events, clock, forget: verifiers.forget, show });
  const reminders = createReminders(store, events, clock, context.lifecycle, show, report);
  const explain = createExplain(store, spender, context, clock);
  const watches = createWatches({ store, events, context, clock, lifetimeMs: lifetimeOf(caching), report });

  let closed = false;
  const whileOpen = (verifier: Verify): Verify => (key, facts) => {
    if (closed) throw closedError();
    return verifier(key, facts);
  };
  const [verify, vouch] = [whileOpen(verifiers.verify), whileOpen(verifiers.vouch)];
  const promised = <T>(work: () => Awaitable<T>): Promise<T> => (closed ? Promise.reject(closedError()) : inPromise(work));
  const engine: Engine = { identity: context.identity, formats, scopes: context.scopes, limitsOf: (apiKey) => effectiveLimits(apiKey, context), spender, clock, deadlineMs: storeMs, verify, vouch, failed: (facts, refusal) => chain(failures.count(facts, refusal), told), watch: watches.watch, report };

  return withEngine<Keyring<Scope, Plan>>(
    {
      format: formats.current,
      ...whileOpenAll(managed, promised),
      verify(key, request) {
        try {
          // Already decided, nearly always: one promise, no closure.
          return Promise.resolve(verify(key, request === undefined ? NO_FACTS : toFacts(request)) as Awaitable<Verification<Scope>>);
        } catch (error) {
          return rejection(error);
        }
      },
      checkStale: () => promised(() => reminders.check()),
      explain: (id, request) => promised(() => explain(id, request === undefined ? NO_FACTS : toFacts(request))),
      on(name, listener) {
        const off = events.on(name, listener);
        if (name === 'stale') reminders.start();
        return off;
      },
      activity: (options) => promised(() => activity.list(options)),
      flush: () => promised(() => Promise.all([uses.flush(), activity.flush()]).then(() => undefined)),
      close() {
        closed = true;
        watches.close();
        leases.close();
        verifiers.clear();
        reminders.stop();
        return Promise.all([uses.close(), activity.close()]).then(() => undefined);
      },
    },
    engine,
  );
}

/** The same functions, each behind `promised`: one more operation is no more work here. */
function whileOpenAll<T extends Readonly<Record<keyof T, (...args: never[]) => Promise<unknown>>>>(operations: T, promised: <R>(work: () => Awaitable<R>) => Promise<R>): T {
  const entries = Object.entries<(...args: never[]) => Promise<unknown>>(operations);
  return Object.fromEntries(entries.map(([name, operation]) => [name, (...args: never[]) => promised(() => operation(...args))])) as T;
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
