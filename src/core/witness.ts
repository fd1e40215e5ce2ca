import type { KeyEntry } from './entry.js';
import type { Principal } from './principal.js';
import type { Recorder } from './recorder.js';
import type { RequestFacts } from './request.js';
import type { UsageBook } from './usage/book.js';
import type { Uses } from './uses.js';
import type { Refused, Verification } from './verification.js';

/** Sees every decision about a key whose secret was proven, and has it written down. */
export interface Witness {
  decided(entry: KeyEntry, facts: RequestFacts, now: number, verification: Verification): void;
  /** A request that had been let in was refused after all, by its route. */
  refusedLater(principal: Principal, facts: RequestFacts, now: number, refusal: Refused): void;
}

/** The use of a key is noted at most this often: an address is dear to ask for, and nobody looks closer. */
const USE_EVERY_MS = 1_000;

export function createWitness(uses: Pick<Uses, 'note'>, recorder: Recorder | undefined, usage: Pick<UsageBook, 'tallies'>, report: (error: unknown) => void): Witness {
  /** An address that a host's callback fails to tell stays unwritten, and hurts nobody. */
  const addressOf = (facts: RequestFacts): string | undefined => {
    try {
      return facts.clientIp();
    } catch (error) {
      report(error);
      return undefined;
    }
  };
  return {
    decided(entry, facts, now, verification) {
      const tallies = usage.tallies();
      const isUse = verification.ok && !(now - entry.use.at < USE_EVERY_MS && now >= entry.use.at);
      if (recorder === undefined && tallies === undefined && !isUse) return;
      // A second pass over the same request is no second request.
      if (verification.ok && facts.counted(entry.record.id)) return;
      const ip = isUse || recorder !== undefined ? addressOf(facts) : undefined;
      recorder?.request(entry.record, verification, { now, ip, method: facts.method(), target: facts.target() });
      tallies?.note(entry, verification, now, ip);
      if (!isUse) return;
      entry.use.at = now;
      uses.note({ id: entry.record.id, at: now, ...(ip !== undefined && { ip }) });
    },
    refusedLater(principal, facts, now, refusal) {
      recorder?.request(principal, refusal, { now, ip: addressOf(facts), method: facts.method(), target: facts.target() });
      usage.tallies()?.refuseLater(principal, refusal.code, now);
    },
  };
}
