import type { Awaitable } from '../core/ports.js';

/** Asks something that its first use opens; an opening that fails is tried again with the next. */
export function whenReady<T>(open: () => PromiseLike<T>): <R>(ask: (it: T) => Awaitable<R>) => Awaitable<R> {
  let ready: { readonly it: T } | undefined;
  let opening: PromiseLike<T> | undefined;
  const opened = (): PromiseLike<T> => {
    opening ??= open().then(
      (it) => {
        ready = { it };
        return it;
      },
      (error: unknown) => {
        opening = undefined;
        throw error;
      },
    );
    return opening;
  };
  return (ask) => (ready === undefined ? opened().then(ask) : ask(ready.it));
}
