import type { Awaitable, Limiter } from '../core/ports.js';
import { fakeClock, type FakeClock } from './fake-clock.js';
import { answerCases } from './limiter-answers.js';
import type { LimiterCase } from './limiter-cases.js';
import { leaseCases } from './limiter-leases.js';
import { promiseCases } from './limiter-promise.js';
import type { TestRunner } from './runner.js';

/** Makes a fresh limiter that shares nothing with any other; `close`, where there is one, is called at the end of its test. */
export type MakeLimiter = (options: {
  readonly clock: FakeClock;
  readonly leaseMs: number;
}) => Awaitable<{ readonly limiter: Limiter; readonly close?: () => Awaitable<void> }>;

const LEASE_MS = 60_000;

/**
 * What every limiter must do, for the author of one: the promise of {@link Limiter} against a log that forgets nothing,
 * under random and hostile traffic, and the meaning of each method. Time stands still but for the given clock.
 *
 * @example
 * ```ts
 * import { describe, it } from 'node:test';
 *
 * limiterContract({ describe, it }, ({ clock, leaseMs }) => ({ limiter: memoryLimiter({ clock, leaseMs }) }));
 * ```
 */
export function limiterContract({ describe, it }: TestRunner, make: MakeLimiter): void {
  const run = (name: string, test: LimiterCase): void => {
    it(name, async () => {
      const clock = fakeClock();
      const { limiter, close } = await make({ clock, leaseMs: LEASE_MS });
      try {
        await test({ limiter, clock, leaseMs: LEASE_MS });
      } finally {
        await close?.();
      }
    });
  };
  const groups = { 'limiter: the promise': promiseCases, 'limiter: answers': answerCases, 'limiter: leases': leaseCases };
  for (const [title, cases] of Object.entries(groups)) {
    describe(title, () => {
      for (const [name, test] of Object.entries(cases)) run(name, test);
    });
  }
}
