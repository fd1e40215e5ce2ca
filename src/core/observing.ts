/**
 * What keystile asks of those that only look on: a log of what happens to keys, and a meter of how much they are used. No request
 * waits for either. As in ports.ts, a method may answer at once or with a promise, and none is optional.
 */
import type { Awaitable } from './ports.js';

/** Something that has happened to a key or with it. Holds no secret, no hash and no query string. */
export interface Activity {
  /** Epoch milliseconds. */
  readonly at: number;
  /** `request`, `unusual`, or what an operation has done: `created`, `rotated` (and `replaced` for the key before), `revoked`, … */
  readonly action: string;
  /** `ok`, the code with which a request was refused or an operation turned down, or what was unusual. */
  readonly result: string;
  readonly keyId: string;
  readonly tenantId?: string;
  /** Who had an operation done; a request is the key's own. */
  readonly by?: string;
  readonly ip?: string;
  readonly method?: string;
  readonly path?: string;
}

/** Which entries are asked for. Every filter that is present must hold. */
export interface ActivityQuery {
  /** At most this many entries, 1 to 500. */
  readonly limit: number;
  /** `nextCursor` of the page before; absent for the first page. An unreadable one gives an empty page. */
  readonly cursor?: string;
  readonly keyId?: string;
  readonly tenantId?: string;
  readonly by?: string;
  readonly action?: string;
  readonly result?: string;
  /** Epoch milliseconds: `from <= at < to`. */
  readonly from?: number;
  readonly to?: number;
}

/** One page of entries, newest first (`at` falling); of the same moment, the one that was written last comes first. */
export interface ActivityPage {
  readonly entries: readonly Activity[];
  /**
   * Absent on the last page. What is written meanwhile makes later pages neither repeat nor hide an entry; where the oldest are taken away
   * meanwhile, some of the same moment may come again. Tells nothing of entries that the filters leave out, not even how many there are.
   */
  readonly nextCursor?: string;
}

/** Where activity is written down, for good: nothing changes an entry. A log that fails loses entries, reported as `fault`. */
export interface ActivityLog {
  /** Writes entries down, in their order; up to 10,000 at once. */
  append(entries: readonly Activity[]): Awaitable<void>;
  list(query: ActivityQuery): Awaitable<ActivityPage>;
}

/** The stretches of time in which use is counted; hours and days are those of UTC. */
export type UsageSpan = 'minute' | 'hour' | 'day';

/** So many requests of one minute, with one key, that ended in one way. */
export interface UsageCount {
  /** The beginning of the minute, epoch milliseconds. */
  readonly at: number;
  /** Absent for requests that have proven no key. */
  readonly keyId?: string;
  readonly tenantId?: string;
  /** `allowed`, `limited` (by the key's limits), or the code of another refusal. */
  readonly outcome: string;
  /** A whole number, at least 1. */
  readonly count: number;
}

/** What is handed to a meter at once: up to 200 counts, of which none has the same minute, key and outcome as another. */
export interface UsageBatch {
  /** A batch that has been added changes nothing when it comes again, within a week: an answer may have been lost on its way. */
  readonly id: string;
  /** When it was made, epoch milliseconds: what is to be forgotten by age is older than this says. */
  readonly at: number;
  readonly counts: readonly UsageCount[];
}

/** What a meter is asked for: how much a key, or a tenant, or everybody was used. */
export interface UsageQuery {
  readonly per: UsageSpan;
  /** Epoch milliseconds, `from <= at < to`: both where such a stretch begins. */
  readonly from: number;
  readonly to: number;
  /** With a tenant as well, the key must be of this tenant. */
  readonly keyId?: string;
  readonly tenantId?: string;
}

/** How often requests of one stretch of time ended in one way. */
export interface UsagePoint {
  /** When the stretch began. */
  readonly at: number;
  readonly outcome: string;
  readonly count: number;
}

/** Which keys were used most, or limited or refused most. */
export interface TopQuery {
  readonly per: 'hour' | 'day';
  readonly from: number;
  readonly to: number;
  readonly tenantId?: string;
  readonly by: 'allowed' | 'limited' | 'refused';
  /** 1 to 100. */
  readonly limit: number;
}

/** How much a key was used. */
export interface UsageOfKey {
  readonly keyId: string;
  readonly tenantId?: string;
  readonly allowed: number;
  readonly limited: number;
  readonly refused: number;
}

/**
 * Where use is counted, per key, per tenant and for all, by the minute, the hour and the day. Old detail goes first: minutes after two
 * days, hours after 90, days after two years, unless its settings say otherwise. A meter that fails is asked again, with the same batch.
 */
export interface UsageMeter {
  /** Counts a batch: all of it, or, when it throws or rejects, nothing. */
  add(batch: UsageBatch): Awaitable<void>;
  /** In any order, zeros left out; one point for each stretch and outcome. */
  read(query: UsageQuery): Awaitable<readonly UsagePoint[]>;
  /** The highest first, then by id; keys that have none of what is asked for are left out. */
  top(query: TopQuery): Awaitable<readonly UsageOfKey[]>;
}
