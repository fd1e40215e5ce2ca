import { limitAddress } from '../access/ips.js';
import { isLearning, learn, type Habits } from './habits.js';
import { SPAN_MS } from './spans.js';
import type { Stretch } from './tally.js';

/** The addresses that a key was used from before a time, as far as anybody has written them down. */
export type History = (keyId: string, before: number) => PromiseLike<readonly string[]> | readonly string[];

type StretchOfKey = Stretch & { readonly keyId: string };

/** Knows where keys are used from. */
export interface AddressBook {
  see(habits: Habits, stretch: StretchOfKey): void;
  /** Looks up what could not be said at once. Never rejects. */
  look(): Promise<void>;
}

export interface AddressSettings {
  /** So many addresses of a key are known; 0: none is looked at. */
  readonly most: number;
  readonly history: History | undefined;
  readonly found: (stretch: Stretch, ip: string) => void;
  readonly report: (error: unknown) => void;
}

/** After a start, so many keys a time are looked up in the history; the others have their turn when they are used again. */
const MOST_LOOKS = 100;

export function createAddressBook({ most, history, found, report }: AddressSettings): AddressBook {
  let unsure: { readonly habits: Habits; readonly stretch: StretchOfKey }[] = [];

  const begin = (habits: Habits, addresses: readonly (string | undefined)[], learnsAddresses: boolean): void => {
    const known: string[] = [];
    for (const address of addresses.map(limitAddress)) if (address !== undefined) learn(known, address, most);
    Object.assign(habits, { known, learnsAddresses });
  };
  const meet = (habits: Habits, stretch: Stretch): void => {
    const isQuiet = habits.learnsAddresses && isLearning(habits);
    for (const ip of stretch.addresses) {
      const address = limitAddress(ip);
      if (address !== undefined && learn(habits.known ?? [], address, most) && !isQuiet) found(stretch, ip);
    }
  };
  return {
    see(habits, stretch) {
      const { usedBefore, addresses, addressBefore } = stretch;
      if (most === 0) return;
      if (habits.known === undefined && usedBefore !== undefined && history !== undefined) {
        if (unsure.length < MOST_LOOKS) unsure.push({ habits, stretch });
        return;
      }
      // A new key: somewhere it has to be used first.
      if (habits.known === undefined) begin(habits, usedBefore === undefined ? addresses.slice(0, 1) : [addressBefore], usedBefore !== undefined);
      meet(habits, stretch);
    },
    async look() {
      const looks = unsure;
      unsure = [];
      try {
        for (const { habits, stretch } of looks) {
          const { keyId, minute, addressBefore } = stretch;
          if (habits.known === undefined) {
            const before = (await history?.(keyId, minute * SPAN_MS.minute)) ?? [];
            // Used before, and nothing written: activity has not been kept for as long, or only in memory.
            begin(habits, [...before, addressBefore], before.length === 0);
          }
          meet(habits, stretch);
        }
      } catch (error) {
        // A log that fails for one key would fail for the others, and everybody waits: it is asked again when they are used again.
        report(error);
      }
    },
  };
}
