import type { Awaitable } from './ports.js';

/** Whether a value is a promise, of any realm. */
export function isPromise<T>(value: Awaitable<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}

/** Takes in a promise that came where none is understood: its rejection must not end the process. */
export function disown(value: unknown): void {
  if (isPromise(value)) value.then(undefined, () => undefined);
}

/** `next(value)` now, or when the promise settles: what is synchronous stays so. */
export function chain<T, R>(value: Awaitable<T>, next: (value: T) => Awaitable<R>): Awaitable<R> {
  return isPromise(value) ? value.then(next) : next(value);
}

/**
 * The promise, or a rejection made by `late` when `ms` milliseconds pass first. What comes in after that is handed to
 * `discard`, so that nothing it holds is lost; a late rejection is swallowed.
 */
export function withDeadline<T>(promise: PromiseLike<T>, ms: number, late: () => Error, discard?: (value: T) => void): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let over = false;
    const timer = setTimeout(() => {
      over = true;
      reject(late());
    }, ms);
    promise.then(
      (value) => {
        clearTimeout(timer);
        if (over) discard?.(value);
        else resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        if (!over) reject(error instanceof Error ? error : new Error('rejected without an Error', { cause: error }));
      },
    );
  });
}
