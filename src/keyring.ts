import { createActivityBook } from './core/activity.js';
import { createBreaker, noBreaker, type Breaker, type Part } from './core/breaker.js';
import { lifetimeOf } from './core/cache.js';
import { KeystileError, type RefusalCode } from './core/errors.js';
import { effectiveLimits } from './core/compile-entry.js';
import { createEvents, refusalTeller } from './core/events.js';
import { createExplain } from './core/management/explain.js';
import { guardStore } from './core/guarded-store.js';
import { resolveKeyringOptions, type KeyringOptions, type ResolvedKeyringOptions } from './core/keyring-options.js';
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
import { createHealth } from './core/health.js';
import { createNotices, type NoticeSettings } from './core/notices.js';
import { createReminders } from './core/management/reminders.js';
import { createUsageBook } from './core/usage/book.js';
import { createUses } from './core/uses.js';
import { createWitness } from './core/witness.js';
import { createVerifiers, type Verifiers } from './core/verifiers.js';
import type { Verify } from './core/verifier.js';
import type { Verification } from './core/verification.js';
import { createWatches, type Watches } from './core/watches.js';
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
  const parts = createParts(resolved);
  const { events, verifiers, reminders, activity, usage, uses, watches, notices, leases, clock } = parts;

  let closed = false;
  const whileOpen = (verifier: Verify): Verify => (key, facts) => {
    if (closed) throw closedError();
    return verifier(key, facts);
  };
  const [verify, vouch] = [whileOpen(verifiers.verify), whileOpen(verifiers.vouch)];
  const promised = <T>(work: () => Awaitable<T>): Promise<T> => (closed ? Promise.reject(closedError()) : inPromise(work));
  const { context, formats, storeMs: deadlineMs } = resolved;
  const { spender, report, failed, refusedLater, unproven } = parts;
  const keeps = { activity: resolved.activity !== undefined, usage: resolved.usage !== undefined };
  const limitsOf: Engine['limitsOf'] = (apiKey) => effectiveLimits(apiKey, context);
  const engine: Engine = { identity: context.identity, formats, scopes: context.scopes, context, keeps, limitsOf, spender, clock, deadlineMs, verify, vouch, failed, refusedLater, unproven, watch: watches.watch, report };

  return withEngine<Keyring<Scope, Plan>>(
    {
      format: formats.current,
      ...whileOpenAll(parts.operations, promised),
      verify(key, request) {
        try {
          // Already decided, nearly always: one promise, no closure.
          return Promise.resolve(verify(key, request === undefined ? NO_FACTS : toFacts(request)) as Awaitable<Verification<Scope>>);
        } catch (error) {
          return rejection(error);
        }
      },
      checkStale: () => promised(() => reminders.check()),
      explain: (id, request) => promised(() => parts.explain(id, request === undefined ? NO_FACTS : toFacts(request))),
      on(name, listener) {
        const off = events.on(name, listener);
        if (name === 'stale') reminders.start();
        if (name === 'unusual') usage.listen();
        return off;
      },
      health: () => promised(parts.health),
      // What is unusual is found when uses are counted, and then written down.
      activity: (wanted) => promised(() => usage.flush().then(() => activity.list(wanted))),
      usage: (wanted) => promised(() => usage.read(wanted)),
      topKeys: (wanted) => promised(() => usage.top(wanted)),
      flush: () => promised(() => Promise.all([uses.flush(), usage.flush().then(() => activity.flush())]).then(() => undefined)),
      close() {
        closed = true;
        watches.close();
        leases.close();
        verifiers.forgetAll();
        reminders.stop();
        return Promise.all([uses.close(), usage.close().then(() => activity.close()), notices.close()]).then(() => undefined);
      },
    },
    engine,
  );
}

/** Everything a keyring is made of, joined. */
function createParts(resolved: ResolvedKeyringOptions) {
  const { formats, hashes, context, storeMs, limiterMs, onLimiterError, clock = Date } = resolved;
  const events = createEvents();
  const report = (error: unknown): void => {
    if (events.wanted('fault')) events.emit('fault', { at: clock.now(), error });
  };
  const tellerOf = (part: Part) => (state: 'degraded' | 'recovered', error?: unknown): void => {
    if (events.wanted(state)) events.emit(state, { at: clock.now(), part, error });
  };
  const breakerOf = (part: Part, isOwn: boolean): Breaker => (isOwn ? noBreaker : createBreaker({ clock, tell: tellerOf(part) }));

  const plainStore = resolved.store ?? memoryStore();
  const store = guardStore(plainStore, storeMs, breakerOf('store', resolved.store === undefined));
  const leases = createLeaseKeeper(report);
  // Without a clock of the host's choice a limiter goes by its own, which nobody can set back.
  const limiter = resolved.limiter ?? memoryLimiter(resolved.clock && { clock });
  const fallback = memoryLimiter(resolved.clock && { clock });
  const spender = createSpender({ limiter, fallback, onLimiterError, deadlineMs: limiterMs, leases, breaker: breakerOf('limiter', resolved.limiter === undefined), report });

  // Nobody else can change a store that no one else has.
  const caching = { ...(resolved.store === undefined && { ttlMs: Infinity }), ...resolved.cache };
  const uses = createUses(store, context.lifecycle.flushEvery, report);
  const show = (record: KeyRecord): ApiKey => toApiKey(uses.latest(record), clock.now());
  const activity = createActivityBook({ log: resolved.activity, events, flushEvery: context.lifecycle.flushEvery, deadlineMs: storeMs, redact: createRedact(formats.all, NO_NAMES), report });
  const { history } = activity;
  const usage = createUsageBook({ meter: resolved.usage, unusual: context.lifecycle.unusual, history, events, clock, flushEvery: context.lifecycle.flushEvery, deadlineMs: storeMs, report });
  const unproven = (code: RefusalCode): void => usage.tallies()?.noteUnproven(code);
  const failures = createFailureGate(resolved.failureRules, spender);
  const witness = createWitness(uses, activity.recorder, usage, report);
  const judging = { spender, failures, witness, unproven, events, clock };
  const verifiers = createVerifiers({ formats, hashes, store, context, deadlineMs: storeMs, report }, caching, judging);
  const watches = createWatches({ store, events, context, clock, lifetimeMs: lifetimeOf(caching), report });
  const notices = createNotices({ invalidation: resolved.cache.invalidation, ...hearing(verifiers, watches), tell: tellerOf('invalidation'), report });
  const { mint: _mint, ...operations } = createOperations({ store, formats, hashes, context, events, clock, forget: verifiers.forget, publish: notices.publish, show });
  const told = refusalTeller(events, clock, unproven);
  const failed: Engine['failed'] = (facts, refusal) => chain(failures.count(facts, refusal), told);
  const refusedLater: Engine['refusedLater'] = (principal, facts, refusal) => {
    if (principal !== undefined) witness.refusedLater(principal, facts, clock.now(), refusal);
    told(refusal);
  };
  return {
    events, report, clock, leases, spender, uses, activity, usage, verifiers, watches, notices, operations, failed, refusedLater, unproven,
    reminders: createReminders(store, events, clock, context.lifecycle, show, report),
    explain: createExplain(store, spender, context, clock),
    health: createHealth({ store: plainStore, limiter, onLimiterError, storeMs, limiterMs, isListening: notices.isListening }),
  };
}

/** What becomes of word from other processes. */
function hearing(verifiers: Verifiers, watches: Watches): Pick<NoticeSettings, 'changed' | 'missed'> {
  return {
    changed(ids) {
      for (const id of ids) verifiers.forget(id);
      watches.changedElsewhere(ids);
    },
    missed() {
      verifiers.forgetAll();
      watches.lookAtAll();
    },
  };
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
