import { createAddressBook, type History } from './addresses.js';
import { countIn, isBurst, isBurstOfRefusals, newHabits, silenceBefore, usualOf, type Habits } from './habits.js';
import { createLatest } from './latest.js';
import type { Stretch } from './tally.js';
import type { Unusual } from './unusual-options.js';

/** How the use of a key differs from what it was. */
export type UnusualKind = 'new_address' | 'burst' | 'refusals' | 'silence';

/** Something to be pointed out. */
export interface Finding {
  readonly keyId: string;
  readonly tenantId: string | undefined;
  readonly kind: UnusualKind;
  /** For people: `512 requests in a minute, 40 at most before`. */
  readonly detail: string;
  /** The new address. */
  readonly ip?: string;
}

/** Looks at what was counted, never at a request. */
export interface Judge {
  see(stretch: Stretch): void;
  /** What has been found since the last call. Never rejects. */
  findings(): Promise<readonly Finding[]>;
}

/** Habits of so many keys are remembered, and some more: about 20 MB. */
const MOST_KEYS = 50_000;
const DAY_MS = 86_400_000;

export function createJudge(unusual: Unusual, history: History | undefined, report: (error: unknown) => void): Judge {
  const all = createLatest<Habits>(MOST_KEYS);
  let found: Finding[] = [];

  const find = ({ keyId, tenantId }: Stretch, kind: UnusualKind, detail: string, ip?: string): void => {
    if (keyId !== undefined) found.push({ keyId, tenantId, kind, detail, ...(ip !== undefined && { ip }) });
  };
  const addresses = createAddressBook({ most: unusual.addresses, history, report, found: (stretch, ip) => { find(stretch, 'new_address', `first use from ${ip}`, ip); } });

  return {
    see(stretch) {
      const { keyId, minute, allowed, limited, refused, firstAt, usedBefore } = stretch;
      if (keyId === undefined) return;
      const habits = all.of(keyId, () => newHabits(minute));
      let refusals = 0;
      if (refused !== undefined) for (const count of refused.values()) refusals += count;
      countIn(habits, minute, allowed + limited + refusals, refusals);
      if (isBurst(habits, unusual)) find(stretch, 'burst', `${String(habits.requests)} requests in a minute, ${String(Math.round(usualOf(habits, minute)))} at most before`);
      if (isBurstOfRefusals(habits, unusual.refusals)) find(stretch, 'refusals', `${String(habits.refusals)} refusals in a minute`);
      const silent = silenceBefore(habits, firstAt, usedBefore);
      if (unusual.silence > 0 && silent >= unusual.silence) find(stretch, 'silence', `first use after ${String(Math.floor(silent / DAY_MS))} days`);
      if (stretch.addresses.length > 0) addresses.see(habits, { ...stretch, keyId });
    },

    async findings() {
      await addresses.look();
      const told = found;
      found = [];
      return told;
    },
  };
}
