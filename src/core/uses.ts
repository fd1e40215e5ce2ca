import { readAddress } from './access/address.js';
import type { GuardedStore } from './guarded-store.js';
import type { KeyUse } from './ports.js';
import type { KeyRecord } from './record.js';

/** Uses of keys that are still to be written to the store. */
export interface Uses {
  note(use: KeyUse): void;
  /** A record with the use that the store does not know of yet. */
  latest(record: KeyRecord): KeyRecord;
  /** Writes what is due. What the store does not take is kept, and tried again with the next flush. */
  flush(): Promise<void>;
  /** Writes what is due, and stops. */
  close(): Promise<void>;
}

/** So many keys are written before their time; of more, while the store takes none, no note is made. They are notes, not keys. */
const MOST = 10_000;

export function createUses(store: GuardedStore, flushEvery: number, report: (error: unknown) => void): Uses {
  let waiting = new Map<string, KeyUse>();
  let writing: ReadonlyMap<string, KeyUse> = new Map();
  let timer: NodeJS.Timeout | undefined;
  let flushing = Promise.resolve();
  let closed = false;

  const write = async (): Promise<void> => {
    if (waiting.size === 0) return;
    writing = waiting;
    waiting = new Map();
    try {
      await store.touch([...writing.values()]);
    } catch (error) {
      report(error);
      // A use that has come since is the later one.
      for (const [id, use] of writing) if (waiting.size < MOST || waiting.has(id)) waiting.set(id, { ...use, ...waiting.get(id) });
    }
    writing = new Map();
    if (waiting.size > 0 && !closed) later();
  };
  const flush = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    // One after the other: what is waiting now goes with the next.
    flushing = flushing.then(write);
    return flushing;
  };
  const later = (): void => {
    timer ??= setTimeout(() => void flush(), flushEvery).unref();
  };

  return {
    note({ id, at, ip }) {
      const before = waiting.get(id);
      if (closed || (before === undefined && waiting.size >= MOST)) return;
      waiting.set(id, { ...before, id, at, ...(ip !== undefined && readable(ip)) });
      if (before === undefined && waiting.size === MOST) void flush();
      else later();
    },
    latest(record) {
      const { at, ip }: Partial<KeyUse> = { ...writing.get(record.id), ...waiting.get(record.id) };
      // Another process may have written a later one.
      if (at === undefined || at <= (record.lastUsedAt ?? -1)) return record;
      return { ...record, lastUsedAt: at, ...(ip !== undefined && { lastUsedIp: ip }) };
    },
    flush,
    close() {
      closed = true;
      return flush();
    },
  };
}

/** A host may take the address from a header that anybody can write: what is none must not spoil the writing of all the others. */
function readable(ip: string): Pick<KeyUse, 'ip'> {
  return readAddress(ip) === undefined ? {} : { ip: ip.replace(/^::ffff:(?=\d+\.)/i, '') };
}
