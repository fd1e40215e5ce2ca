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

const DAY = 86_400_000;
const PAGE = 500;

/** Looks for keys that are old, long unused or about to end, and announces them. */
export interface Reminders {
  /** One look through all keys; each is announced as `stale`, once for every reason. */
  check(): Promise<readonly StaleKey[]>;
  /** Looks once a day from now on, without keeping the process alive; calling it again changes nothing. */
  start(): void;
  stop(): void;
}

export function createReminders(store: GuardedStore, events: Events, clock: Clock, lifecycle: Lifecycle, show: (record: KeyRecord) => ApiKey, report: (error: unknown) => void): Reminders {
  let timer: NodeJS.Timeout | undefined;

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

  return {
    check,
    start() {
      timer ??= setInterval(() => {
        check().catch(report);
      }, DAY).unref();
    },
    stop() {
      clearInterval(timer);
      timer = undefined;
    },
  };
}

function reasonsOf({ createdAt, lastUsedAt = createdAt, expiresAt = Infinity, graceExpiresAt, replacedBy }: ApiKey, lifecycle: Lifecycle, now: number): StaleReason[] {
  const due = now - createdAt >= lifecycle.rotateAfter && replacedBy === undefined;
  const unused = now - lastUsedAt >= lifecycle.unusedAfter;
  // A key in its grace period is meant to end.
  const expiring = expiresAt - now <= lifecycle.expiringWithin && graceExpiresAt === undefined;
  return [...(due ? (['rotation_due'] as const) : []), ...(unused ? (['unused'] as const) : []), ...(expiring ? (['expiring'] as const) : [])];
}
