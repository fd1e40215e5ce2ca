import type { GuardedStore } from './guarded-store.js';
import { isPromise } from './awaitable.js';
import type { KeyUse } from './ports.js';

/** Uses of keys that are still to be written to the store. */
export interface Uses {
  note(use: KeyUse): void;
  /** The use of a key that the store does not know of yet. */
  pending(id: string): KeyUse | undefined;
  /** Writes what is due. What the store does not take is kept, and tried again with the next flush. */
  flush(): Promise<void>;
  /** Writes what is due, and stops. */
  close(): Promise<void>;
}

/** More keys than this are written before their time, so that a crowd of them does not fill the memory. */
const MOST = 10_000;

export function createUses(store: GuardedStore, flushEvery: number, report: (error: unknown) => void): Uses {
  let waiting = new Map<string, KeyUse>();
  let writing = new Map<string, KeyUse>();
  let timer: NodeJS.Timeout | undefined;
  let flushing: Promise<void> | undefined;

  const write = async (): Promise<void> => {
    if (waiting.size === 0) return;
    [writing, waiting] = [waiting, new Map()];
    try {
      const taken = store.touch([...writing.values()]);
      if (isPromise(taken)) await taken;
    } catch (error) {
      report(error);
      // A use that has come since is the later one. More than the bound is given up: these are notes, not keys.
      if (waiting.size < MOST) for (const [id, use] of writing) if (!waiting.has(id)) waiting.set(id, use);
    } finally {
      writing = new Map();
    }
  };
  const flush = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    // One after the other: what is waiting now goes with the next.
    flushing = (flushing ?? Promise.resolve()).then(write);
    return flushing;
  };
  const later = (): void => {
    timer ??= setTimeout(() => {
      void flush().then(() => {
        if (waiting.size > 0) later();
      });
    }, flushEvery).unref();
  };

  return {
    note(use) {
      waiting.set(use.id, use);
      if (waiting.size > MOST) void flush();
      else later();
    },
    pending: (id) => waiting.get(id) ?? writing.get(id),
    flush,
    async close() {
      await flush();
      clearTimeout(timer);
    },
  };
}
