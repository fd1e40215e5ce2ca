import { isPromise } from './awaitable.js';
import type { EventName, Events, KeyEvent } from './events.js';
import type { GuardedActivity } from './guarded-activity.js';
import type { Activity } from './ports.js';
import type { KeyRecord } from './record.js';
import type { Redact } from './redaction/spans.js';
import type { Verification } from './verification.js';

/** What is written of a request. */
export interface RequestTrace {
  readonly now: number;
  readonly ip: string | undefined;
  readonly method: string | undefined;
  /** As on the request line; its query is left out. */
  readonly target: string | undefined;
}

/** Writes down what happens to keys and with them. */
export interface Recorder {
  /** One request with a key whose secret it has proven. What nobody has proven is not written: anyone could fill the log with it. */
  request(record: KeyRecord, verification: Verification, about: RequestTrace): void;
  /** Hands on what is waiting. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

const OPERATIONS = ['created', 'imported', 'updated', 'disabled', 'enabled', 'rotated', 'regenerated', 'revoked', 'deleted', 'undeleted'] as const satisfies readonly EventName[];
/** So many entries are handed on before their time. */
const BATCH = 500;
/** What a log does not take is kept up to here; then the oldest are given up. */
const MOST = 10_000;
const MAX_PATH = 512;
/** No key is shorter. */
const SHORTEST_KEY = 20;

export function createRecorder(log: GuardedActivity, events: Events, flushEvery: number, redact: Redact, report: (error: unknown) => void): Recorder {
  let waiting: Activity[] = [];
  let timer: NodeJS.Timeout | undefined;
  let flushing = Promise.resolve();

  const write = async (): Promise<void> => {
    if (waiting.length === 0) return;
    const batch = waiting;
    waiting = [];
    try {
      const taken = log.append(batch);
      if (isPromise(taken)) await taken;
    } catch (error) {
      report(error);
      waiting = [...batch, ...waiting].slice(-MOST);
    }
  };
  const flush = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    flushing = flushing.then(write);
    return flushing;
  };
  const add = (entry: Activity): void => {
    waiting.push(entry);
    if (waiting.length === BATCH) void flush();
    else timer ??= setTimeout(() => void flush(), flushEvery).unref();
  };

  const operation = (action: string, { at, apiKey, by, ip }: KeyEvent, result = 'ok'): void => {
    add({ at, action, result, ...whose(apiKey), ...(by !== undefined && { by }), ...(ip !== undefined && { ip }) });
  };
  for (const action of OPERATIONS) events.on(action, (event: KeyEvent) => { operation(action, event); });
  for (const action of ['rotated', 'regenerated'] as const) {
    // Whoever reviews the old key is to see who has replaced it.
    events.on(action, ({ previous, ...event }) => { if (previous !== undefined) operation('replaced', { ...event, apiKey: previous }); });
  }
  events.on('purged', ({ at, id, tenantId }) => { add({ at, action: 'purged', result: 'ok', ...whose({ id, tenantId }) }); });
  events.on('failed', ({ action, code, ...event }) => { operation(action, event, code); });
  return {
    request(record, verification, { now, ip, method, target }) {
      const path = target === undefined ? undefined : pathOf(target, redact);
      add({
        at: now,
        action: 'request',
        result: verification.ok ? 'ok' : verification.code,
        ...whose(record),
        ...(ip !== undefined && { ip }),
        ...(method !== undefined && { method }),
        ...(path !== undefined && { path }),
      });
    },
    flush,
    async close() {
      await flush();
      clearTimeout(timer);
    },
  };
}

/** Without its query, and without a key that somebody has put into it. */
function pathOf(target: string, redact: Redact): string {
  const read = target.slice(0, 2 * MAX_PATH);
  const [path = ''] = read.split('?', 1);
  // What a cut leaves of a key may be too short to be found as one: what is unfinished goes, and the final cut comes last.
  const whole = path.length === read.length && read.length < target.length ? path.slice(0, path.lastIndexOf('/') + 1) : path;
  return (whole.length < SHORTEST_KEY ? whole : redact(whole)).slice(0, MAX_PATH);
}

const whose = ({ id, tenantId }: { readonly id: string; readonly tenantId?: string | undefined }): Pick<Activity, 'keyId' | 'tenantId'> => ({ keyId: id, ...(tenantId !== undefined && { tenantId }) });
