import type { Clock } from './ports.js';

/** A part of a keyring that may be somewhere else, and fail. */
export type Part = 'store' | 'limiter' | 'invalidation';

/**
 * Spares whoever would wait for a part that no longer answers: after slow faults in a row, or where most answers come too late, it is
 * left alone for a moment, then asked by a few. A part that fails at once may be asked every time, so that it is back as soon as it can be.
 * One that answers others meanwhile is no part that does not answer: one of several servers may be away, or one question too hard.
 */
export interface Breaker {
  /** Asks for leave to ask the part: the number of the question, which comes back with how it went; 0 for not now. */
  readonly begin: () => number;
  /** `wasAwaited`: what is answered at once may be the adapter's own, and breaks no row of faults that others have waited for. */
  readonly worked: (question: number, wasAwaited: boolean) => void;
  /** `isSlow`: somebody has waited for this fault. */
  readonly failed: (question: number, error: unknown, isSlow: boolean) => void;
}

export interface BreakerSettings {
  readonly clock: Clock;
  /** Told once when the part keeps failing, with the last fault, and once when it is back. */
  readonly tell: (state: 'degraded' | 'recovered', error?: unknown) => void;
}

/** So many faults in a row are no accident. */
const FAULTS = 5;
/** A part is too busy when, of so many of its latest answers, more than three in four came too late. */
const LATEST = 64;
const TOO_MANY = 3 / 4;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5_000;
/** So many may ask when a pause is over: one alone might ask the only server of several that is away. */
const TRIALS = 5;

export function createBreaker({ clock, tell }: BreakerSettings): Breaker {
  /** Questions so far; those of them that had been put when the last answer came, when the pauses began, and when the last of them did. */
  let asked = 0;
  let askedAtAnswer = 0;
  let askedAtFirstPause = 0;
  let askedAtPause = 0;
  let faults = 0;
  let slowFaults = 0;
  let latest = 0;
  let latestSlow = 0;
  /** 0 while the part is asked. */
  let pauseMs = 0;
  let pausedAt = 0;

  const isOver = (): boolean => {
    const elapsed = clock.now() - pausedAt;
    // A clock that was set back must not keep a part out for long.
    return elapsed >= pauseMs || elapsed < 0;
  };
  const pause = (): void => {
    if (pauseMs === 0) askedAtFirstPause = asked;
    pauseMs = pauseMs === 0 ? FIRST_PAUSE_MS : Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
    pausedAt = clock.now();
    askedAtPause = asked;
  };
  const goOn = (): void => {
    pauseMs = 0;
    latest = 0;
    latestSlow = 0;
  };
  const count = (slow: 0 | 1): void => {
    if (latest === LATEST) {
      latest /= 2;
      latestSlow /= 2;
    }
    latest++;
    latestSlow += slow;
  };
  const isTooBusy = (): boolean => latest > LATEST / 2 && latestSlow > latest * TOO_MANY;

  return {
    begin() {
      return pauseMs === 0 || (asked - askedAtPause < TRIALS && isOver()) ? ++asked : 0;
    },
    worked(question, wasAwaited) {
      // What was asked before a pause and is answered in it is no sign of its end.
      if (pauseMs !== 0 && question <= askedAtFirstPause) return;
      if (pauseMs !== 0) goOn();
      else if (!wasAwaited && slowFaults > 0) return;
      if (wasAwaited) {
        count(0);
        askedAtAnswer = asked;
      }
      if (faults >= FAULTS) tell('recovered');
      faults = 0;
      slowFaults = 0;
    },
    failed(question, error, isSlow) {
      if (isSlow) count(1);
      if (question > askedAtAnswer) {
        faults++;
        slowFaults = isSlow ? slowFaults + 1 : 0;
        if (faults === FAULTS) tell('degraded', error);
      }
      // What was asked before a pause and comes too late in it says nothing new.
      if (isSlow && (pauseMs === 0 ? slowFaults >= FAULTS || isTooBusy() : question > askedAtPause)) pause();
      else if (!isSlow && pauseMs !== 0) goOn();
    },
  };
}

/** For what cannot fail by being elsewhere: always asked. */
export const noBreaker: Breaker = { begin: () => 1, worked: () => undefined, failed: () => undefined };
