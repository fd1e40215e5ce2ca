import { isPromise } from '../awaitable.js';
import type { Lease, Limiter } from '../ports.js';

/** Keeps the leases of requests under way alive, and gives each back once. */
export interface LeaseKeeper {
  /** Takes charge of a lease; the answer releases it, and does nothing when called again. */
  hold(limiter: Limiter, lease: Lease): () => void;
  /** Releases everything and stops the timer. */
  close(): void;
}

interface Held {
  readonly limiter: Limiter;
  readonly lease: Lease;
}

/** A lease is renewed at a third of its lifetime, so that two renewals may fail before it is lost. */
const RENEWALS_PER_LIFETIME = 3;

/** A longer timer would fire at once: Node keeps its delay in 32 bits. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** One timer for all leases, running only while some are held, and never keeping the process alive. */
export function createLeaseKeeper(onError: (error: unknown) => void): LeaseKeeper {
  const held = new Set<Held>();
  let timer: NodeJS.Timeout | undefined;
  let everyMs = Infinity;

  const attempt = (action: () => unknown): void => {
    try {
      const pending = action();
      if (isPromise(pending)) pending.then(undefined, onError);
    } catch (error) {
      onError(error);
    }
  };
  const stop = (): void => {
    clearInterval(timer);
    timer = undefined;
    everyMs = Infinity;
  };
  const renewAll = (): void => {
    if (held.size === 0) {
      stop();
      return;
    }
    // A keyring has its limiter and at most the one that steps in for it.
    for (const limiter of new Set([...held].map((entry) => entry.limiter))) {
      const leases = [...held].filter((entry) => entry.limiter === limiter).map((entry) => entry.lease);
      attempt(() => limiter.renew(leases));
    }
  };
  const keepGoing = (ttlMs: number): void => {
    const wanted = Math.min(MAX_TIMER_MS, Math.max(1_000, Math.floor(ttlMs / RENEWALS_PER_LIFETIME)));
    if (wanted >= everyMs) return;
    clearInterval(timer);
    everyMs = wanted;
    timer = setInterval(renewAll, wanted);
    timer.unref();
  };

  const release = (entry: Held): void => {
    if (held.delete(entry)) attempt(() => entry.limiter.release(entry.lease));
  };
  return {
    hold(limiter, lease) {
      const entry: Held = { limiter, lease };
      held.add(entry);
      if (lease.ttlMs / RENEWALS_PER_LIFETIME < everyMs) keepGoing(lease.ttlMs);
      return () => {
        release(entry);
      };
    },
    close() {
      stop();
      for (const entry of held) release(entry);
    },
  };
}
