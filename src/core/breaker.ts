import type { Clock } from './ports.js';

/** A part of a keyring that may be somewhere else, and fail. */
export type Part = 'store' | 'limiter' | 'invalidation';

/**
 * Spares whoever would wait for a part that no longer answers: after slow faults in a row it is left alone for a moment, then asked
 * once. A part that fails at once may be asked every time, so that it is back as soon as it can be.
 */
export interface Breaker {
  /** Whether the part may be asked now. Whoever is told yes says how it went. */
  readonly mayAsk: () => boolean;
  readonly worked: () => void;
  /** `isSlow`: somebody has waited for this fault. */
  readonly failed: (error: unknown, isSlow: boolean) => void;
}

export interface BreakerSettings {
  readonly clock: Clock;
  /** Told once when the part keeps failing, with the last fault, and once when it is back. */
  readonly tell: (state: 'degraded' | 'recovered', error?: unknown) => void;
}

/** So many faults in a row are no accident. */
const FAULTS = 5;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5_000;

export function createBreaker({ clock, tell }: BreakerSettings): Breaker {
  let faults = 0;
  let slowFaults = 0;
  /** 0 while the part is asked. */
  let pauseMs = 0;
  let pausedAt = 0;
  let isTrying = false;

  const isOver = (): boolean => {
    const elapsed = clock.now() - pausedAt;
    // A clock that was set back must not keep a part out for long.
    return elapsed >= pauseMs || elapsed < 0;
  };
  const pause = (): void => {
    pauseMs = pauseMs === 0 ? FIRST_PAUSE_MS : Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
    pausedAt = clock.now();
  };
  return {
    mayAsk() {
      if (pauseMs === 0) return true;
      if (isTrying || !isOver()) return false;
      isTrying = true;
      return true;
    },
    worked() {
      if (faults === 0) return;
      if (faults >= FAULTS) tell('recovered');
      faults = 0;
      slowFaults = 0;
      pauseMs = 0;
      isTrying = false;
    },
    failed(error, isSlow) {
      faults++;
      slowFaults = isSlow ? slowFaults + 1 : 0;
      const wasTrying = isTrying;
      isTrying = false;
      if (faults === FAULTS) tell('degraded', error);
      if (!isSlow) pauseMs = 0;
      // What was asked before a pause and fails in it says nothing new.
      else if (slowFaults >= FAULTS && (pauseMs === 0 || wasTrying)) pause();
    },
  };
}

/** For what cannot fail by being elsewhere: always asked. */
export const noBreaker: Breaker = { mayAsk: () => true, worked: () => undefined, failed: () => undefined };
