import { ConfigurationError } from './errors.js';
import type { Events } from './events.js';
import { guardActivity, toActivityQuery, type ActivityOptions } from './guarded-activity.js';
import type { ActivityLog, ActivityPage } from './observing.js';
import { createRecorder, type Recorder } from './recorder.js';
import type { Redact } from './redaction/spans.js';

/** The activity of a keyring, when it is kept. */
export interface ActivityBook {
  /** Absent when nothing is kept. */
  readonly recorder: Recorder | undefined;
  /** A page of it, up to this moment. */
  list(options?: ActivityOptions): Promise<ActivityPage>;
  /** The addresses that a key was used from before a time; absent when nothing is kept. */
  readonly history: ((keyId: string, before: number) => Promise<readonly string[]>) | undefined;
  flush(): Promise<void>;
  close(): Promise<void>;
}

export interface ActivitySettings {
  readonly log: ActivityLog | undefined;
  readonly events: Events;
  readonly flushEvery: number;
  readonly deadlineMs: number;
  /** Takes keys out of a text. */
  readonly redact: Redact;
  readonly report: (error: unknown) => void;
}

/** So many requests of a key are looked at for its addresses, and so many of those that have been pointed out: the busiest hide the others. */
const LOOK_BACK = { requests: 200, addresses: 64 } as const;

export function createActivityBook({ log, events, flushEvery, deadlineMs, redact, report }: ActivitySettings): ActivityBook {
  if (log === undefined) {
    const nothing = (): Promise<void> => Promise.resolve();
    const list = (): Promise<never> => Promise.reject(new ConfigurationError('invalid_option', 'activity', 'is not kept: give createKeyring an activity log'));
    return { recorder: undefined, list, history: undefined, flush: nothing, close: nothing };
  }
  const guarded = guardActivity(log, deadlineMs);
  const recorder = createRecorder(guarded, events, flushEvery, redact, report);
  return {
    recorder,
    async list(options = {}) {
      const query = toActivityQuery(options);
      await recorder.flush();
      return guarded.list(query);
    },
    async history(keyId, to) {
      const pages = await Promise.all([
        guarded.list({ keyId, action: 'unusual', result: 'new_address', to, limit: LOOK_BACK.addresses }),
        guarded.list({ keyId, action: 'request', result: 'ok', to, limit: LOOK_BACK.requests }),
      ]);
      return pages.flatMap(({ entries }) => entries.flatMap(({ ip }) => ip ?? []).reverse());
    },
    flush: () => recorder.flush(),
    close: () => recorder.close(),
  };
}
