import { isPromise, withDeadline } from './awaitable.js';
import type { Invalidation } from './ports.js';

/** Word of changed keys, to and from other processes. */
export interface Notices {
  /** Tells the others. Never rejects: what cannot be told is reported, and ends with the lifetime of their caches. */
  readonly publish: (id: string) => Promise<void>;
  /** Whether changes made elsewhere are heard of at this moment; `undefined` without an invalidation. */
  readonly isListening: () => boolean | undefined;
  close(): Promise<void>;
}

export interface NoticeSettings {
  readonly invalidation: Invalidation | undefined;
  /** Somebody else has changed these keys. */
  readonly changed: (ids: readonly string[]) => void;
  /** Some change may have gone unheard. */
  readonly missed: () => void;
  readonly tell: (state: 'degraded' | 'recovered', error?: unknown) => void;
  readonly report: (error: unknown) => void;
}

/** A change waits no longer to be told: it holds here already. */
const PUBLISH_MS = 1_000;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;

export function createNotices({ invalidation, changed, missed, tell, report }: NoticeSettings): Notices {
  if (invalidation === undefined) return { publish: () => Promise.resolve(), isListening: () => undefined, close: () => Promise.resolve() };
  let stop: (() => unknown) | undefined;
  let closed = false;
  let listening = false;
  let told = false;
  let timer: NodeJS.Timeout | undefined;

  const heard = (): void => {
    if (closed || listening) return;
    listening = true;
    // Nobody knows what was said before.
    missed();
    if (told) tell('recovered');
    told = false;
  };
  const lost = (error?: unknown): void => {
    if (closed) return;
    listening = false;
    missed();
    if (!told) tell('degraded', error);
    told = true;
  };
  const subscribe = async (retryMs: number): Promise<void> => {
    try {
      const off = await invalidation.subscribe({ changed, lost, restored: heard });
      if (closed) await off();
      else {
        stop = off;
        heard();
      }
    } catch (error) {
      report(error);
      lost(error);
      if (!closed) timer = setTimeout(() => void subscribe(Math.min(LONGEST_RETRY_MS, retryMs * 2)), retryMs).unref();
    }
  };
  void subscribe(FIRST_RETRY_MS);

  return {
    async publish(id) {
      try {
        const sent = invalidation.publish([id]);
        if (isPromise(sent)) await withDeadline(sent, PUBLISH_MS, () => new Error(`a notice was not taken within ${String(PUBLISH_MS)} ms`));
      } catch (error) {
        report(error);
      }
    },
    isListening: () => listening,
    async close() {
      closed = true;
      clearTimeout(timer);
      try {
        await stop?.();
      } catch (error) {
        report(error);
      }
    },
  };
}
