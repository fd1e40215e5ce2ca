import type { KeyRecord } from '../../core/record.js';
import type { Redis } from '../client.js';
import { traceOf, useText, type Layout } from './layout.js';
import { writeScript } from './scripts.js';

/** The keys that every script knows by their place. */
export const commonKeys = (layout: Layout): string[] => [layout.records, layout.hashes, layout.slots, layout.uses, layout.index('lastUsedAt')];

/** A step of a write: without `before` an insertion, without `after` a removal. */
export interface Step {
  readonly before?: KeyRecord;
  readonly after?: KeyRecord;
}

export interface Written {
  readonly outcome: 'done' | 'changed' | 'conflict' | 'slot_taken';
  /** The last use of the first step's record, for all that may have been noted since it was read. */
  readonly use: string | undefined;
}

/** All steps, or none. */
export async function write(redis: Redis, layout: Layout, steps: readonly Step[]): Promise<Written> {
  const keys = commonKeys(layout);
  const part = (record: KeyRecord | undefined): object | undefined => {
    if (record === undefined) return undefined;
    const { text, hash, slot, places } = traceOf(layout, record);
    // Half a surrogate pair is no text that could be sent; the record itself, being JSON, keeps even that.
    return { text, hash: hash.toWellFormed(), slot, places: places.map(([key, member]) => [numberOf(keys, key), member.toWellFormed()]) };
  };
  const parts = steps.map(({ before, after }) => ({ id: (before ?? after)?.id.toWellFormed(), before: part(before), after: part(after), use: useOf(before, after) }));
  const [outcome, use] = textsOf(await writeScript(redis, keys, [JSON.stringify(parts)]));
  if (outcome !== 'done' && outcome !== 'changed' && outcome !== 'conflict' && outcome !== 'slot_taken') throw new Error('the server answered with something unexpected');
  return { outcome, use };
}

function numberOf(keys: string[], key: string): number {
  const known = keys.indexOf(key);
  return known < 0 ? keys.push(key) : known + 1;
}

/** What becomes of the last use: set by an insertion, and by a change that names another. */
function useOf(before: KeyRecord | undefined, after: KeyRecord | undefined): string | undefined {
  if (after === undefined || (before !== undefined && before.lastUsedAt === after.lastUsedAt && before.lastUsedIp === after.lastUsedIp)) return undefined;
  return after.lastUsedAt === undefined ? '' : useText(after.lastUsedAt, after.lastUsedIp);
}

/** A list of texts, or an error: nonsense must never read as a record. */
export function textsOf(reply: unknown): readonly string[] {
  if (Array.isArray(reply) && reply.every((text) => typeof text === 'string')) return reply;
  throw new Error('the server answered with something that is no list of texts');
}
