import { isPromise } from './awaitable.js';
import { storeUnavailable } from './errors.js';
import type { GuardedActivity } from './guarded-activity.js';
import type { Activity } from './observing.js';

/** Entries on their way to a log. */
export interface Unwritten {
  add(entry: Activity): void;
  /** Hands on what is there now, the oldest first. Never rejects: what the log does not take comes again with the next call. */
  send(): Promise<void>;
  count(): number;
}

/** What a log is given at once: one statement on every engine, so that what comes again has not been written in part. */
const AT_ONCE = 100;
/** What a log does not take is kept up to here. */
const MOST = 10_000;
/** Room is made for so many: to take away one at a time would mean moving all the others. */
const SLACK = 500;

export function createUnwritten(log: Pick<GuardedActivity, 'append'>, report: (error: unknown) => void): Unwritten {
  let waiting: Activity[] = [];
  let lost = 0;

  /** The oldest requests go first: nobody who floods a log that is down pushes out who did what to a key. */
  const makeRoom = (): void => {
    const before = waiting.length;
    let surplus = before - MOST;
    waiting = waiting.filter(({ action }) => action !== 'request' || surplus-- <= 0).slice(-MOST);
    lost += before - waiting.length;
  };
  return {
    add(entry) {
      waiting.push(entry);
      if (waiting.length >= MOST + SLACK) makeRoom();
    },
    async send() {
      if (lost > 0) report(storeUnavailable(`the activity log has taken nothing for long: ${String(lost)} entries are not written`));
      lost = 0;
      // No more than there is now: whoever waits for it must not wait for all that others go on adding.
      for (let turns = Math.ceil(waiting.length / AT_ONCE); turns > 0; turns--) {
        const batch = waiting.splice(0, AT_ONCE);
        try {
          const taken = log.append(batch);
          if (isPromise(taken)) await taken;
        } catch (error) {
          report(error);
          waiting.unshift(...batch);
          return;
        }
      }
    },
    count: () => waiting.length,
  };
}
