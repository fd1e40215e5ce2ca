import { chain, isPromise, withDeadline } from '../awaitable.js';
import type { Breaker } from '../breaker.js';
import { limiterUnavailable } from '../errors.js';
import type { Awaitable, Consumption, Lease, LimitBucket, Limiter, LimitState } from '../ports.js';
import { nothingToRelease } from '../verification.js';
import type { LeaseKeeper } from './leases.js';

/** What to do when the limiter fails: count in memory, refuse, or let pass. */
export type OnLimiterError = 'local' | 'closed' | 'open';

/** A consumption whose lease, if any, is in good hands. */
export type Spending =
  | { readonly outcome: 'admitted'; readonly states: readonly LimitState[]; readonly release: () => void }
  | Exclude<Consumption, { readonly outcome: 'admitted' }>;

/** The limiter as the core uses it: with a deadline, an answer to faults, and leases looked after. */
export interface Spender {
  /** Rejects with `limiter_unavailable` only under `'closed'`. */
  spend(buckets: readonly LimitBucket[], cost: number): Awaitable<Spending>;
  /** What `spend` would answer, without spending. */
  peek(buckets: readonly LimitBucket[], cost: number): Awaitable<Consumption>;
}

export interface SpenderSettings {
  readonly limiter: Limiter;
  /** Steps in under `'local'`. */
  readonly fallback: Limiter;
  readonly onLimiterError: OnLimiterError;
  readonly deadlineMs: number;
  readonly leases: LeaseKeeper;
  readonly breaker: Breaker;
  /** Told of every fault. */
  readonly report: (error: unknown) => void;
}

const letPass: Consumption = Object.freeze({ outcome: 'admitted', states: Object.freeze([]), lease: undefined });

export function createSpender({ limiter, fallback, onLimiterError, deadlineMs, leases, breaker, report }: SpenderSettings): Spender {
  type Done<T> = (answer: Consumption, from: Limiter) => T;

  const instead = <T>(error: unknown, method: 'consume' | 'peek', buckets: readonly LimitBucket[], cost: number, done: Done<T>): Awaitable<T> => {
    if (onLimiterError === 'closed') throw limiterUnavailable('the limiter does not answer', error);
    if (onLimiterError === 'open') return done(letPass, limiter);
    return chain(fallback[method](buckets, cost), (answer) => done(answer, fallback));
  };

  const fault = <T>(question: number, error: unknown, isSlow: boolean, ...rest: readonly [method: 'consume' | 'peek', buckets: readonly LimitBucket[], cost: number, done: Done<T>]): Awaitable<T> => {
    report(error);
    breaker.failed(question, error, isSlow);
    return instead(error, ...rest);
  };
  const worked = (question: number, answer: Consumption, buckets: readonly LimitBucket[], wasAwaited: boolean): Consumption => {
    const value = checked(answer, buckets);
    breaker.worked(question, wasAwaited);
    return value;
  };

  // A lease that arrives after its request has been answered goes straight back.
  const discard = (value: Consumption): void => {
    if (isConsumption(value, []) && value.outcome === 'admitted' && value.lease !== undefined) leases.hold(limiter, value.lease)();
  };
  const late = (): Error => new Error(`no answer within ${String(deadlineMs)} ms`);

  /** The first limiter's answer; on a fault, what `onLimiterError` says. */
  const ask = <T>(method: 'consume' | 'peek', buckets: readonly LimitBucket[], cost: number, done: Done<T>): Awaitable<T> => {
    // It was told when this began; a fault for every request would tell no more.
    const question = breaker.begin();
    if (question === 0) return instead(undefined, method, buckets, cost, done);
    let answer: Awaitable<Consumption>;
    try {
      answer = limiter[method](buckets, cost);
      if (!isPromise(answer)) return done(worked(question, answer, buckets, false), limiter);
    } catch (error) {
      return fault(question, error, false, method, buckets, cost, done);
    }
    const began = performance.now();
    return withDeadline(answer, deadlineMs, late, discard)
      .then((value) => worked(question, value, buckets, true))
      .then((value) => done(value, limiter), (error: unknown) => fault(question, error, performance.now() - began >= deadlineMs / 2, method, buckets, cost, done));
  };

  const settled = (answer: Consumption, from: Limiter): Spending =>
    answer.outcome !== 'admitted'
      ? answer
      : { outcome: 'admitted', states: answer.states, release: answer.lease === undefined ? nothingToRelease : leases.hold(from, answer.lease) };

  return {
    spend: (buckets, cost) => ask('consume', buckets, cost, settled),
    peek: (buckets, cost) => ask('peek', buckets, cost, (answer) => answer),
  };
}

function checked(value: Consumption, buckets: readonly LimitBucket[]): Consumption {
  if (isConsumption(value, buckets)) return value;
  throw new Error('the limiter answered with something that is no consumption');
}

/** Nonsense from an adapter must never read as a yes. */
function isConsumption(value: unknown, asked: readonly LimitBucket[]): value is Consumption {
  const answer = value as { outcome?: unknown; states?: unknown; lease?: Partial<Lease> | null; retryAfterMs?: unknown } | null | undefined;
  if (typeof answer !== 'object' || answer === null) return false;
  if (answer.outcome === 'full') return true;
  if (!Array.isArray(answer.states) || !areStates(answer.states, asked)) return false;
  if (answer.outcome === 'limited') return answer.retryAfterMs === undefined || isAmount(answer.retryAfterMs);
  return answer.outcome === 'admitted' && (answer.lease === undefined || isAmount(answer.lease?.ttlMs));
}

/** What becomes header text must have been looked at: a response that breaks while it is written would end the process. */
function areStates(states: readonly unknown[], asked: readonly LimitBucket[]): boolean {
  for (let index = 0; index < states.length; index++) {
    const { bucket, rule, remaining, resetMs } = (states[index] ?? {}) as Partial<LimitState>;
    if (!isAmount(remaining) || !isAmount(resetMs) || !isObject(bucket) || !isObject(rule)) return false;
    // The very rules that were asked for need no second look.
    if (!(asked.includes(bucket) && bucket.rules.includes(rule)) && !isRule(rule)) return false;
  }
  return true;
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

function isRule({ name, kind }: { name?: unknown; kind?: unknown }): boolean {
  return typeof name === 'string' && /^[\w.-]+$/.test(name) && (kind === 'window' || kind === 'concurrency');
}

const isAmount = (value: unknown): boolean => typeof value === 'number' && value >= 0 && value < Infinity;
