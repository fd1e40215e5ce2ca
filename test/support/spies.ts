import { memoryLimiter, type Clock, type Lease, type Limiter } from 'keystile';

/** A limiter that notes which leases it has given and taken back. */
export interface CountingLimiter extends Limiter {
  /** Leases given, and how often each has come back. */
  readonly leases: Map<Lease, number>;
  /** Leases that are out. */
  out(): number;
  /** Every lease that came back, came back once. */
  releasedOnce(): boolean;
}

export function countingLimiter(clock: Clock, inner: Limiter = memoryLimiter({ clock })): CountingLimiter {
  const leases = new Map<Lease, number>();
  return {
    ...inner,
    leases,
    async consume(buckets, cost) {
      const answer = await inner.consume(buckets, cost);
      if (answer.outcome === 'admitted' && answer.lease !== undefined) leases.set(answer.lease, 0);
      return answer;
    },
    release(lease) {
      leases.set(lease, (leases.get(lease) ?? 0) + 1);
      return inner.release(lease);
    },
    out: () => [...leases.values()].filter((times) => times === 0).length,
    releasedOnce: () => [...leases.values()].every((times) => times <= 1),
  };
}

/** A promise and its strings. */
export interface Gate<T = void> {
  readonly promise: Promise<T>;
  open(value: T): void;
}

export function gate<T = void>(): Gate<T> {
  let open: (value: T) => void = () => undefined;
  const promise = new Promise<T>((resolve) => (open = resolve));
  return { promise, open };
}

/** Waits for what the network brings, turn by turn of the event loop, without a clock. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  for (let turn = 0; turn < 100_000; turn++) {
    if (condition()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`never came: ${what}`);
}
