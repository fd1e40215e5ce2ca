import { ConfigurationError } from './errors.js';
import type { Events } from './events.js';
import { guardActivity, toActivityQuery, type ActivityOptions } from './guarded-activity.js';
import type { ActivityLog, ActivityPage } from './ports.js';
import { createRecorder, type Recorder } from './recorder.js';
import type { Redact } from './redaction/spans.js';

/** The activity of a keyring, when it is kept. */
export interface ActivityBook {
  /** Absent when nothing is kept. */
  readonly recorder: Recorder | undefined;
  /** A page of it, up to this moment. */
  list(options?: ActivityOptions): Promise<ActivityPage>;
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

export function createActivityBook({ log, events, flushEvery, deadlineMs, redact, report }: ActivitySettings): ActivityBook {
  if (log === undefined) {
    const nothing = (): Promise<void> => Promise.resolve();
    const list = (): Promise<never> => Promise.reject(new ConfigurationError('invalid_option', 'activity', 'is not kept: give createKeyring an activity log'));
    return { recorder: undefined, list, flush: nothing, close: nothing };
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
    flush: () => recorder.flush(),
    close: () => recorder.close(),
  };
}
