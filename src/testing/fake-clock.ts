import type { Clock } from '../core/ports.js';

/** A clock that stands still until it is told otherwise. */
export interface FakeClock extends Clock {
  /** Moves on by so many milliseconds; a negative number steps back. */
  advance(ms: number): void;
  set(epochMs: number): void;
}

/**
 * A clock for tests, at `start` (epoch milliseconds; the beginning of 2030 unless said).
 *
 * @example
 * ```ts
 * const clock = fakeClock();
 * const limiter = memoryLimiter({ clock });
 * clock.advance(60_000);
 * ```
 */
export function fakeClock(start: number = Date.UTC(2030, 0, 1)): FakeClock {
  let time = start;
  return {
    now: () => time,
    advance(ms) {
      time += ms;
    },
    set(epochMs) {
      time = epochMs;
    },
  };
}
