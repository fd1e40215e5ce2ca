import type { Unusual } from './unusual-options.js';

/** What is usual for one key, as far as this process has seen. */
export interface Habits {
  /** The latest addresses, the newest last; absent until it has been found out which there were before. */
  known: string[] | undefined;
  /** Nobody knows where the key was used from before; for a while, its addresses are taken as they come. */
  learnsAddresses: boolean;
  /** Epoch milliseconds of the latest allowed request that has been seen. */
  usedAt: number;
  /** Minutes since 1970: of the first look, and of the one that is being counted. */
  since: number;
  minute: number;
  requests: number;
  refusals: number;
  /** Requests of the busiest minute of late, and the minute as of which that holds. */
  busiest: number;
  busiestAt: number;
  /** When a burst, and one of refusals, was last told of. */
  readonly told: { burst: number; refusals: number };
}

/** In minutes. What is usual has to be learnt first, and is slowly forgotten: by half in a week. */
const LEARNING = 60;
const HALF_LIFE = 7 * 1_440;
/** A burst goes on; it is told of once in so many minutes. */
const QUIET = 60;

export const newHabits = (minute: number): Habits => ({
  known: undefined, learnsAddresses: false, usedAt: -Infinity, since: minute, minute, requests: 0, refusals: 0, busiest: 0, busiestAt: minute, told: { burst: -Infinity, refusals: -Infinity },
});

/** Counts requests of a minute; what belongs to a minute that is over is passed over. */
export function countIn(habits: Habits, minute: number, requests: number, refusals: number): void {
  // A clock that was set back: all would be passed over until it is where it was.
  if (minute < habits.minute - QUIET) restartAt(habits, minute);
  if (minute < habits.minute) return;
  if (minute > habits.minute) {
    habits.busiest = Math.max(habits.requests, usualOf(habits, minute));
    Object.assign(habits, { busiestAt: minute, minute, requests: 0, refusals: 0 });
  }
  habits.requests += requests;
  habits.refusals += refusals;
}

/** What was counted stays; when it was is no longer known, so what is usual is learnt once more. */
function restartAt(habits: Habits, minute: number): void {
  const { requests, busiest } = habits;
  Object.assign(habits, { since: minute, minute, busiest: Math.max(requests, busiest), busiestAt: minute, requests: 0, refusals: 0, usedAt: -Infinity, told: { burst: -Infinity, refusals: -Infinity } });
}

export const usualOf = ({ busiest, busiestAt }: Habits, minute: number): number => busiest * 0.5 ** ((minute - busiestAt) / HALF_LIFE);

/** For an hour after the first look nothing says what is usual. */
export const isLearning = ({ minute, since }: Habits): boolean => minute - since < LEARNING;

export function isBurst(habits: Habits, { burst, burstFrom }: Unusual): boolean {
  const { minute, requests, told } = habits;
  const isIt = burst > 0 && !isLearning(habits) && requests >= burstFrom && requests >= burst * Math.max(1, usualOf(habits, minute)) && minute - told.burst >= QUIET;
  if (isIt) told.burst = minute;
  return isIt;
}

export function isBurstOfRefusals(habits: Habits, most: number): boolean {
  const isIt = most > 0 && habits.refusals >= most && habits.minute - habits.told.refusals >= QUIET;
  if (isIt) habits.told.refusals = habits.minute;
  return isIt;
}

/** How long a key has not been used before this request, in milliseconds; 0 where nobody knows. */
export function silenceBefore(habits: Habits, firstAt: number | undefined, usedBefore: number | undefined): number {
  if (firstAt === undefined) return 0;
  // Of what this process has seen itself, the store may not have heard yet.
  const before = Math.max(habits.usedAt, usedBefore ?? -Infinity);
  habits.usedAt = Math.max(habits.usedAt, firstAt);
  return before === -Infinity ? 0 : firstAt - before;
}

/** Takes an address for known from now on; whether it was not. */
export function learn(known: string[], address: string, most: number): boolean {
  const place = known.indexOf(address);
  if (place >= 0) known.splice(place, 1);
  known.push(address);
  if (known.length > most) known.shift();
  return place < 0;
}
