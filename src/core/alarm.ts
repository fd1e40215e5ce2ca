import type { Clock } from './ports.js';

/** One timer for many points in time: it rings at the earliest of those it has been told. */
export interface Alarm {
  /** Rings at this time (epoch milliseconds) at the latest; `Infinity` and dates that are none are no time. */
  by(at: number): void;
  stop(): void;
}

/** Clocks are set and machines sleep, of which a timer knows nothing; and beyond 2^31 ms it would fire at once. */
const LONGEST_WAIT_MS = 60_000;

/** May ring early: whoever hears it looks at the clock, and says again what is still to come. Never keeps the process alive. */
export function createAlarm(clock: Clock, ring: () => void): Alarm {
  let setFor = Infinity;
  let timer: NodeJS.Timeout | undefined;
  const stop = (): void => {
    clearTimeout(timer);
    setFor = Infinity;
  };
  return {
    by(at) {
      if (!(at < setFor)) return;
      clearTimeout(timer);
      setFor = at;
      const waitMs = Math.min(LONGEST_WAIT_MS, Math.max(0, at - clock.now()));
      timer = setTimeout(() => {
        setFor = Infinity;
        ring();
      }, waitMs).unref();
    },
    stop,
  };
}
