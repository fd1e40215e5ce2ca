import { isPromise, withDeadline } from './awaitable.js';
import { isKeystileError } from './errors.js';
import { perMinute } from './limits/rules.js';
import type { OnLimiterError } from './limits/spender.js';
import type { KeyStore, LimitBucket, Limiter } from './ports.js';

/** How one part is. */
export interface PartHealth {
  readonly ok: boolean;
  /** How long its answer took, in milliseconds. */
  readonly ms: number;
  /** What went wrong, in one word that may be shown: a code of keystile's or of the system's (`ECONNREFUSED`), else `error`. */
  readonly error?: string;
}

/** How a keyring is, for a readiness check. */
export interface Health {
  /** Whether requests are being served: the store answers, and the limiter or what stands in for it does. */
  readonly ok: boolean;
  /** Some part is failing, though requests may be served. */
  readonly degraded: boolean;
  readonly store: PartHealth;
  readonly limiter: PartHealth;
  /** Whether changes made by other processes are heard of; absent where nobody listens. */
  readonly invalidation?: { readonly ok: boolean };
}

export interface HealthSettings {
  readonly store: KeyStore;
  readonly limiter: Limiter;
  readonly onLimiterError: OnLimiterError;
  readonly storeMs: number;
  readonly limiterMs: number;
  readonly isListening: () => boolean | undefined;
}

/** Asked for by nobody else, and never found. */
const NAME = 'keystile-health';
const BUCKET: LimitBucket = { id: `key:${NAME}`, group: NAME, rules: [perMinute(1)], whenFull: 'share' };

export function createHealth({ store, limiter, onLimiterError, storeMs, limiterMs, isListening }: HealthSettings): () => Promise<Health> {
  return async () => {
    const [stored, limited] = await Promise.all([probe(() => store.find({ by: 'id', id: NAME }), storeMs), probe(() => limiter.peek([BUCKET], 1), limiterMs)]);
    const listening = isListening();
    return {
      ok: stored.ok && (limited.ok || onLimiterError !== 'closed'),
      degraded: !stored.ok || !limited.ok || listening === false,
      store: stored,
      limiter: limited,
      ...(listening !== undefined && { invalidation: { ok: listening } }),
    };
  };
}

async function probe(ask: () => unknown, deadlineMs: number): Promise<PartHealth> {
  const began = performance.now();
  const ms = (): number => Math.round((performance.now() - began) * 10) / 10;
  try {
    const answer = ask();
    if (isPromise(answer)) await withDeadline(answer, deadlineMs, () => Object.assign(new Error('late'), { code: 'timeout' }));
    return { ok: true, ms: ms() };
  } catch (error) {
    return { ok: false, ms: ms(), error: wordFor(error) };
  }
}

/** A message may hold a connection string; a code holds none. */
function wordFor(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown };
  if (isKeystileError(error)) return error.code;
  return typeof code === 'string' && /^\w{1,64}$/.test(code) ? code : 'error';
}
