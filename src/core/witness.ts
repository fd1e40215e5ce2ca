import type { KeyEntry } from './entry.js';
import type { Recorder } from './recorder.js';
import type { RequestFacts } from './request.js';
import type { Uses } from './uses.js';
import type { Verification } from './verification.js';

/** Sees every decision about a key whose secret was proven, and has it written down. */
export type Witness = (entry: KeyEntry, facts: RequestFacts, now: number, verification: Verification) => void;

/** The use of a key is noted at most this often: an address is dear to ask for, and nobody looks closer. */
const USE_EVERY_MS = 1_000;

export function createWitness(uses: Pick<Uses, 'note'>, recorder: Recorder | undefined, report: (error: unknown) => void): Witness {
  /** An address that a host's callback fails to tell stays unwritten, and hurts nobody. */
  const addressOf = (facts: RequestFacts): string | undefined => {
    try {
      return facts.clientIp();
    } catch (error) {
      report(error);
      return undefined;
    }
  };
  return (entry, facts, now, verification) => {
    recorder?.request(entry.record, verification, { now, ip: addressOf(facts), method: facts.method(), target: facts.target() });
    if (!verification.ok || (now - entry.use.at < USE_EVERY_MS && now >= entry.use.at)) return;
    entry.use.at = now;
    const ip = addressOf(facts);
    uses.note({ id: entry.record.id, at: now, ...(ip !== undefined && { ip }) });
  };
}
