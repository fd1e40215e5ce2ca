import type { KeyEntry } from '../entry.js';
import type { RefusalCode } from '../errors.js';
import type { Clock } from '../ports.js';
import type { Principal } from '../principal.js';
import type { Verification } from '../verification.js';
import { newTally, noteAddress, settle, type Stretch, type Tally } from './tally.js';

/** Counts requests as they are decided. */
export interface Tallies {
  /** Counts a decision about a key whose secret was proven. */
  note(entry: KeyEntry, verification: Verification, now: number, ip: string | undefined): void;
  /** A request that was counted as allowed has been refused by its route. */
  refuseLater(principal: Principal, code: RefusalCode, now: number): void;
  /** Counts a refusal of whoever has proven no key. */
  noteUnproven(code: RefusalCode): void;
  /** All that has been counted since it was last asked. */
  collect(): Stretch[];
}

const MINUTE_MS = 60_000;
/** With so many tallies uncollected somebody should collect them, whatever the time. */
const MOST_DIRTY = 10_000;

/** `begun` is told when something waits for `collect`, `full` when it should come at once. */
export function createTallies(clock: Clock, begun: () => void, full: () => void): Tallies {
  let dirty: Tally[] = [];
  let settled: Stretch[] = [];
  /** By what handlers and guards know of a key. */
  const known = new WeakMap<Principal, Tally>();
  const nobody = newTally(undefined, undefined, undefined, undefined);

  /** A new minute, or the first request since the last collection. */
  const turn = (tally: Tally, minute: number): void => {
    if (tally.isDirty) settled.push(settle(tally));
    else {
      dirty.push(tally);
      tally.isDirty = true;
    }
    tally.minute = minute;
    if (dirty.length + settled.length >= MOST_DIRTY) full();
    else begun();
  };
  const begin = ({ record, principal, use }: KeyEntry): Tally => {
    const tally = newTally(record.id, record.tenantId, record.lastUsedAt, record.lastUsedIp);
    known.set(principal, tally);
    use.tally = tally;
    return tally;
  };
  const refuse = (tally: Tally, code: RefusalCode): void => {
    tally.refused ??= new Map();
    tally.refused.set(code, (tally.refused.get(code) ?? 0) + 1);
  };

  return {
    note(entry, verification, now, ip) {
      const tally = entry.use.tally ?? begin(entry);
      const minute = Math.floor(now / MINUTE_MS);
      if (!tally.isDirty || tally.minute !== minute) turn(tally, minute);
      if (verification.ok) {
        if (tally.allowed++ === 0) tally.firstAt = now;
        if (ip !== undefined && ip !== tally.latestAddress) noteAddress(tally, ip);
      } else if (isLimited(verification.code)) tally.limited++;
      else refuse(tally, verification.code);
    },
    refuseLater(principal, code, now) {
      const tally = known.get(principal);
      if (tally === undefined) return;
      const minute = Math.floor(now / MINUTE_MS);
      if (!tally.isDirty || tally.minute !== minute) turn(tally, minute);
      // What has been collected meanwhile stays allowed.
      if (tally.allowed > 0) tally.allowed--;
      refuse(tally, code);
    },
    noteUnproven(code) {
      const minute = Math.floor(clock.now() / MINUTE_MS);
      if (!nobody.isDirty || nobody.minute !== minute) turn(nobody, minute);
      refuse(nobody, code);
    },
    collect() {
      const stretches = settled;
      for (const tally of dirty) {
        stretches.push(settle(tally));
        tally.isDirty = false;
      }
      settled = [];
      dirty = [];
      return stretches;
    },
  };
}

/** Refusals by the limits of the key; the client is not wrong, only early. */
const isLimited = (code: RefusalCode): boolean => code === 'rate_limited' || code === 'concurrency_exceeded';
