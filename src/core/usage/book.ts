import { ConfigurationError, storeUnavailable } from '../errors.js';
import type { Events } from '../events.js';
import { createFlusher } from '../flusher.js';
import type { TopQuery, UsageMeter, UsageOfKey } from '../observing.js';
import type { Clock } from '../ports.js';
import type { History } from './addresses.js';
import { guardMeter, type GuardedMeter } from './guarded-meter.js';
import { createOutbox } from './outbox.js';
import { reportOf, toTopQuery, toUsageQuery, type TopOptions, type UsageOptions, type UsageReport } from './report.js';
import { createTallies, type Tallies } from './tallies.js';
import { createJudge } from './unusual.js';
import type { Unusual } from './unusual-options.js';

/** What a keyring knows of the use of its keys. */
export interface UsageBook {
  /** For the path of a request; `undefined` where nobody wants to know. */
  tallies(): Tallies | undefined;
  /** Somebody wants to hear of unusual use. */
  listen(): void;
  read(options?: UsageOptions): Promise<UsageReport>;
  /** Equal questions that meet are asked once, different ones one after the other; when too many wait, a further one is refused. */
  top(options?: TopOptions): Promise<readonly UsageOfKey[]>;
  flush(): Promise<void>;
  close(): Promise<void>;
}

export interface UsageSettings {
  readonly meter: UsageMeter | undefined;
  readonly unusual: Unusual | false;
  /** Where the addresses of a key are looked up after a start; absent when nothing is written down. */
  readonly history: History | undefined;
  readonly events: Events;
  readonly clock: Clock;
  readonly flushEvery: number;
  readonly deadlineMs: number;
  readonly report: (error: unknown) => void;
}

/** So many questions for the keys that are used most may wait for the one that is under way. */
const MOST_WAITING = 8;

export function createUsageBook({ meter, unusual, history, events, clock, flushEvery, deadlineMs, report }: UsageSettings): UsageBook {
  const guarded = meter && inTurn(guardMeter(meter, deadlineMs));
  const outbox = guarded && createOutbox(guarded, clock, report);
  const judge = unusual === false ? undefined : createJudge(unusual, history, report);
  let isListening = history !== undefined && judge !== undefined;

  const collect = (): void => {
    for (const stretch of tallies.collect()) {
      outbox?.put(stretch);
      judge?.see(stretch);
    }
  };
  const write = async (): Promise<void> => {
    collect();
    for (const finding of (await judge?.findings()) ?? []) if (events.wanted('unusual')) events.emit('unusual', { at: clock.now(), ...finding });
    await outbox?.send();
    if (outbox?.isEmpty() === false) flusher.later();
  };
  const flusher = createFlusher(write, flushEvery);
  const tallies = createTallies(clock, () => { flusher.later(); }, () => {
    collect();
    void flusher.flush();
  });
  const asked = async <T>(ask: (kept: NonNullable<typeof guarded>) => PromiseLike<T> | T): Promise<T> => {
    if (guarded === undefined) throw new ConfigurationError('invalid_option', 'usage', 'is not counted: give createKeyring a usage meter');
    await flusher.flush();
    return ask(guarded);
  };
  return {
    tallies: () => (outbox !== undefined || isListening ? tallies : undefined),
    listen() {
      isListening = judge !== undefined;
    },
    async read(options = {}) {
      const query = toUsageQuery(options, clock.now());
      return reportOf(query, await asked((kept) => kept.read(query)));
    },
    async top(options = {}) {
      const query = toTopQuery(options, clock.now());
      return asked((kept) => kept.top(query));
    },
    flush: () => flusher.flush(),
    close: () => flusher.close(),
  };
}

/** The sums of all keys are the most that a meter is asked for: whoever may ask must not be able to have many made at once. */
function inTurn(meter: GuardedMeter): GuardedMeter {
  const underWay = new Map<string, Promise<readonly UsageOfKey[]>>();
  let before: Promise<unknown> = Promise.resolve();
  const begin = (name: string, query: TopQuery): Promise<readonly UsageOfKey[]> => {
    if (underWay.size > MOST_WAITING) throw storeUnavailable('too many questions wait for the usage meter');
    const answer = before.then(() => meter.top(query)).finally(() => underWay.delete(name));
    underWay.set(name, answer);
    before = answer.catch(() => undefined);
    return answer;
  };
  return {
    ...meter,
    async top(query) {
      const name = JSON.stringify(query);
      const keys = await (underWay.get(name) ?? begin(name, query));
      // To each its own, though they share an answer.
      return keys.map((key) => ({ ...key }));
    },
  };
}
