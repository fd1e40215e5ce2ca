import { randomUUID } from 'node:crypto';
import { isPromise } from '../awaitable.js';
import { storeUnavailable } from '../errors.js';
import type { UsageBatch, UsageCount } from '../observing.js';
import type { Clock } from '../ports.js';
import type { GuardedMeter } from './guarded-meter.js';
import { SPAN_MS } from './spans.js';
import type { Stretch } from './tally.js';

/** Counts on their way to the meter. */
export interface Outbox {
  put(stretch: Stretch): void;
  /** Hands on what is there. Never rejects: what the meter does not take comes again with the next call. */
  send(): Promise<void>;
  isEmpty(): boolean;
}

/** What one call of a meter counts: some milliseconds of a database. */
const BATCH = 200;
/** What a meter does not take is kept up to here (about 10 MB), as counts of a minute, a key and an outcome; then new ones are given up. */
const MOST = 50_000;

type Waiting = { -readonly [K in keyof UsageCount]: UsageCount[K] };

/** Counts of one minute and one outcome, by key. */
interface Page {
  readonly minute: number;
  readonly outcome: string;
  readonly counts: Map<string, Waiting>;
}

export function createOutbox(meter: GuardedMeter, clock: Clock, report: (error: unknown) => void): Outbox {
  const pages = new Map<string, Page>();
  /** The one that was written on last; nearly always the next count belongs there too. */
  let page: Page | undefined;
  let size = 0;
  /** Sealed: it may have been counted although its answer was lost, so it goes again as it is, or not at all. */
  let sealed: UsageBatch | undefined;
  let lost = 0;

  const pageOf = (minute: number, outcome: string): Page => {
    if (page?.minute === minute && page.outcome === outcome) return page;
    const name = `${String(minute)} ${outcome}`;
    page = pages.get(name) ?? { minute, outcome, counts: new Map() };
    pages.set(name, page);
    return page;
  };
  const add = (stretch: Stretch, outcome: string, count: number): void => {
    if (count === 0) return;
    const { keyId, tenantId, minute } = stretch;
    const { counts } = pageOf(minute, outcome);
    const known = counts.get(keyId ?? '');
    if (known !== undefined) known.count += count;
    else if (size >= MOST) lost += count;
    else {
      size++;
      counts.set(keyId ?? '', newCount(minute * SPAN_MS.minute, keyId, tenantId, outcome, count));
    }
  };
  const seal = (): UsageBatch | undefined => {
    const taken: UsageCount[] = [];
    for (const [name, { counts }] of pages) {
      for (const [keyId, count] of counts) {
        if (taken.length === BATCH) break;
        taken.push(count);
        counts.delete(keyId);
      }
      if (counts.size > 0) break;
      pages.delete(name);
      page = undefined;
    }
    size -= taken.length;
    return taken.length === 0 ? undefined : { id: randomUUID(), at: clock.now(), counts: taken };
  };
  return {
    put(stretch) {
      add(stretch, 'allowed', stretch.allowed);
      add(stretch, 'limited', stretch.limited);
      for (const [code, count] of stretch.refused ?? []) add(stretch, code, count);
    },
    async send() {
      if (lost > 0) report(storeUnavailable(`the usage meter has taken nothing for long: ${String(lost)} requests are not counted`));
      lost = 0;
      try {
        // No more than there is now: whoever waits for it must not wait for all that others go on adding.
        for (let turns = Math.ceil(size / BATCH) + 1; turns > 0 && (sealed ??= seal()) !== undefined; turns--) {
          const taken = meter.add(sealed);
          if (isPromise(taken)) await taken;
          sealed = undefined;
        }
      } catch (error) {
        report(error);
      }
    },
    isEmpty: () => size === 0 && sealed === undefined,
  };
}

/** Without `undefined`, and without a copy: with many keys this is most of what counting costs. */
function newCount(at: number, keyId: string | undefined, tenantId: string | undefined, outcome: string, count: number): Waiting {
  if (keyId === undefined) return { at, outcome, count };
  return tenantId === undefined ? { at, keyId, outcome, count } : { at, keyId, tenantId, outcome, count };
}
