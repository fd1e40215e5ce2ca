import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import type { KeyLookup } from '../core/ports.js';
import type { KeyRecord } from '../core/record.js';
import type { Engine } from './engine.js';
import { isStorable, toRecord } from './rows.js';
import type { Steps } from './steps.js';

/** Looks a key up: what every cold verification waits for, so its statement is written once. */
export function createFind({ names, dialect, textOf }: Pick<Engine, 'names' | 'dialect' | 'textOf'>): (lookup: KeyLookup) => Steps<KeyRecord | undefined> {
  const text = textOf(sql`select ${dialect.record()} from ${names.table('keys')} where id = ${''}`);
  // A connection takes a name for one text: stores with other tables have other names.
  const name = `keystile_find_${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
  return function* find(lookup) {
    if (lookup.by === 'id') {
      if (!isStorable(lookup.id)) return undefined;
      const [row] = (yield { name, text, values: [lookup.id] }).rows;
      return row && toRecord(row);
    }
    const hashes = lookup.hashes.filter(isStorable);
    if (hashes.length === 0) return undefined;
    const records = (yield sql`select ${dialect.record()} from ${names.table('keys')} where hash in (${sql.join(hashes)})`).rows.map(toRecord);
    // The one whose hash comes first, should there be several.
    return hashes.map((hash) => records.find((one) => one.hash === hash)).find((one) => one !== undefined);
  };
}
