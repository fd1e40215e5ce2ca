import type { Events, StaleReason } from '../events.js';
import type { GuardedStore } from '../guarded-store.js';
import type { Clock } from '../ports.js';
import type { ApiKey, KeyRecord } from '../record.js';
import type { Lifecycle } from './lifecycle-options.js';

/** A key that needs looking after. */
export interface StaleKey {
  readonly apiKey: ApiKey;
  readonly reason: StaleReason;
}

const MINUTE = 60_000;
const DAY = 86_400_000;
const PAGE = 500;

/** Looks for keys that are old, long unused or about to end, and announces them. */
export interface Reminders {
  /** One look through all active keys; each is announced as `stale`, once for every reason. */
  check(): Promise<readonly StaleKey[]>;
  /** Looks in a minute and then once a day, while somebody listens, without keeping the process alive; calling it again changes nothing. */
  start(): void;
  /** Looks no more, for good. */
  stop(): void;
}

export function createReminders(store: GuardedStore, events: Events, clock: Clock, lifecycle: Lifecycle, show: (record: KeyRecord) => ApiKey, report: (error: unknown) => void): Reminders {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  const check = async (): Promise<readonly StaleKey[]> => {
    const found: StaleKey[] = [];
    let cursor: string | undefined;
    do {
      const page = await store.list({ status: 'active', limit: PAGE, now: clock.now(), ...(cursor !== undefined && { cursor }) });
      for (const record of page.records) {
        const apiKey = show(record);
        for (const reason of reasonsOf(apiKey, lifecycle, clock.now())) found.push({ apiKey, reason });
      }
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    for (const stale of found) if (events.wanted('stale')) events.emit('stale', { at: clock.now(), ...stale });
    return found;
  };
  const lookIn = (ms: number): void => {
    timer = setTimeout(() => {
      if (events.wanted('stale')) check().catch(report);
      lookIn(DAY);
    }, ms).unref();
  };

  return {
    check,
    start() {
      // Soon, for many a process is started anew more often than once a day.
      if (timer === undefined && !stopped) lookIn(MINUTE);
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

function reasonsOf({ createdAt, notBefore = 0, lastUsedAt, expiresAt = Infinity, replacedBy }: ApiKey, lifecycle: Lifecycle, now: number): StaleReason[] {
  // A key in its grace period is meant to end.
  if (replacedBy !== undefined) return [];
  const reasons: Readonly<Record<StaleReason, boolean>> = {
    rotation_due: now - createdAt >= lifecycle.rotateAfter,
    unused: now - (lastUsedAt ?? Math.max(createdAt, notBefore)) >= lifecycle.unusedAfter,
    expiring: expiresAt - now <= lifecycle.expiringWithin,
  };
  return (Object.keys(reasons) as StaleReason[]).filter((reason) => reasons[reason]);
}
