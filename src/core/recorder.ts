import type { EventName, Events, KeyEvent } from './events.js';
import { createFlusher } from './flusher.js';
import type { GuardedActivity } from './guarded-activity.js';
import type { Activity } from './observing.js';
import type { Redact } from './redaction/spans.js';
import { createUnwritten } from './unwritten.js';
import type { Verification } from './verification.js';

/** A key, as far as an entry names it. */
interface Whose {
  readonly id: string;
  readonly tenantId?: string | undefined;
}

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
  request(key: Whose, verification: Verification, about: RequestTrace): void;
  /** Hands on what is waiting. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

const OPERATIONS = ['created', 'imported', 'updated', 'disabled', 'enabled', 'rotated', 'regenerated', 'revoked', 'deleted', 'undeleted'] as const satisfies readonly EventName[];
/** So many entries are handed on before their time. */
const BATCH = 500;
const MAX_PATH = 512;
/** A host may take them from where anybody writes what they like. */
const MAX_IP = 64;
const MAX_METHOD = 32;
/** No key is shorter. */
const SHORTEST_KEY = 20;

export function createRecorder(log: GuardedActivity, events: Events, flushEvery: number, redact: Redact, report: (error: unknown) => void): Recorder {
  const unwritten = createUnwritten(log, report);
  const flusher = createFlusher(async () => {
    await unwritten.send();
    if (unwritten.count() > 0) flusher.later();
  }, flushEvery);
  const add = (entry: Activity): void => {
    unwritten.add(entry);
    // Who did what to a key is rare, and not to be lost with a process.
    if (entry.action !== 'request' || unwritten.count() === BATCH) void flusher.flush();
    else flusher.later();
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
  events.on('unusual', ({ at, keyId, tenantId, kind, ip }) => { add({ at, action: 'unusual', result: kind, ...whose({ id: keyId, tenantId }), ...(ip !== undefined && { ip }) }); });
  events.on('failed', ({ action, code, ...event }) => { operation(action, event, code); });
  return {
    request(key, verification, { now, ip, method, target }) {
      const path = target === undefined ? undefined : pathOf(target, redact);
      add({
        at: now,
        action: 'request',
        result: verification.ok ? 'ok' : verification.code,
        ...whose(key),
        ...(ip !== undefined && { ip: few(ip, MAX_IP) }),
        ...(method !== undefined && { method: few(method, MAX_METHOD) }),
        ...(path !== undefined && { path }),
      });
    },
    flush: () => flusher.flush(),
    close: () => flusher.close(),
  };
}

/** Without its query, and without a key that somebody has put into it. */
function pathOf(target: string, redact: Redact): string {
  const read = few(target, 2 * MAX_PATH);
  const [path = ''] = read.split('?', 1);
  // What a cut leaves of a key may be too short to be found as one: what is unfinished goes, and the final cut comes last.
  const whole = path.length === read.length && read.length < target.length ? path.slice(0, path.lastIndexOf('/') + 1) : path;
  return (whole.length < SHORTEST_KEY ? whole : redact(whole)).slice(0, MAX_PATH);
}

/** The beginning of a text, as a text of its own: a part of a string would keep the whole of it in memory. */
const few = (text: string, most: number): string => (text.length <= most ? text : Buffer.from(text.slice(0, most)).toString());

const whose = ({ id, tenantId }: Whose): Pick<Activity, 'keyId' | 'tenantId'> => ({ keyId: id, ...(tenantId !== undefined && { tenantId }) });
