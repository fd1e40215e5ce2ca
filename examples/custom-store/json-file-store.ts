import { readFile, rename, writeFile } from 'node:fs/promises';
import { statusOf, type Insertion, type KeyChanges, type KeyPage, type KeyQuery, type KeyRecord, type KeyStore } from 'keystile';

/**
 * Keeps keys in one JSON file: for a tool or a small server that is a single process. Written from the skeleton in
 * docs/custom-stores.md; each comment names the part of the contract that the line keeps.
 */
export function jsonFileStore(path: string): KeyStore {
  let loaded: Promise<ReadonlyMap<string, KeyRecord>> | undefined;
  let last: Promise<unknown> = Promise.resolve();

  // A failed read is forgotten, so that the next call tries again.
  const records = (): Promise<ReadonlyMap<string, KeyRecord>> =>
    (loaded ??= read(path).catch((error: unknown) => {
      loaded = undefined;
      throw error;
    }));

  /** One change at a time: between its check and its write no other change may come. */
  const change = <T>(work: (next: Map<string, KeyRecord>) => T): Promise<T> => {
    const changed = last.then(async () => {
      const next = new Map(await records());
      const answer = work(next);
      // The file first: what has been answered must survive a crash, and what failed must not be seen.
      await write(path, next);
      loaded = Promise.resolve(next);
      return answer;
    });
    last = changed.catch(() => undefined);
    return changed;
  };

  return {
    insert: (record) => change((next) => inserted(next, record)),

    async find(lookup) {
      const all = await records();
      const found = lookup.by === 'id' ? all.get(lookup.id) : [...all.values()].find(({ hash }) => lookup.hashes.includes(hash));
      // A copy: nobody outside can change what the store holds.
      return structuredClone(found);
    },

    update: (id, version, changes) =>
      change((next) => {
        // Gone, or changed since the caller read it: somebody else's change must not be overwritten.
        if (next.get(id)?.version !== version) return undefined;
        return structuredClone(changed(next, id, changes));
      }),

    replace: (id, version, changes, successor) =>
      change((next): Insertion | 'changed' => {
        const before = next.get(id);
        if (before?.version !== version) return 'changed';
        // First the change, which may give up the slot that the successor claims.
        changed(next, id, changes);
        const answer = inserted(next, successor);
        // Both or neither.
        if (answer !== 'inserted') next.set(id, before);
        return answer;
      }),

    delete: (id) => change((next) => next.delete(id)),

    async list(query) {
      const all = [...(await records()).values()];
      return structuredClone(pageOf(all.filter((record) => fits(record, query)), query));
    },

    touch: (uses) =>
      change((next) => {
        for (const { id, at, ip } of uses) {
          const record = next.get(id);
          // A note, no change: the version stays. And never back, since notes of two processes come in any order.
          if (record !== undefined && at > (record.lastUsedAt ?? -1)) next.set(id, { ...record, lastUsedAt: at, ...(ip !== undefined && { lastUsedIp: ip }) });
        }
      }),
  };
}

/** Keeps a new record, unless something about it is taken. */
function inserted(next: Map<string, KeyRecord>, record: KeyRecord): Insertion {
  const others = [...next.values()];
  if (next.has(record.id) || others.some(({ hash }) => hash === record.hash)) return 'conflict';
  const holds = ({ tenantId, environment, slot }: KeyRecord): boolean => tenantId === record.tenantId && environment === record.environment && slot === record.slot;
  if (record.slot !== undefined && others.some(holds)) return 'slot_taken';
  next.set(record.id, structuredClone(record));
  return 'inserted';
}

/** Sets fields of a record that is there; `undefined` and `null` clear one, so neither is kept. */
function changed(next: Map<string, KeyRecord>, id: string, changes: KeyChanges): KeyRecord {
  const before = next.get(id);
  const merged: Record<string, unknown> = { ...before, ...structuredClone(changes), version: (before?.version ?? 0) + 1 };
  const after = Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== undefined && value !== null)) as unknown as KeyRecord;
  next.set(id, after);
  return after;
}

async function read(path: string): Promise<ReadonlyMap<string, KeyRecord>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map();
    throw error;
  }
  return new Map((JSON.parse(text) as KeyRecord[]).map((record) => [record.id, record]));
}

/** Whole or not at all: a rename replaces the old file in one step. Only this user may read the hashes. */
async function write(path: string, records: ReadonlyMap<string, KeyRecord>): Promise<void> {
  await writeFile(`${path}.new`, JSON.stringify([...records.values()], null, 2), { mode: 0o600 });
  await rename(`${path}.new`, path);
}

/** Every filter that is present must hold. */
function fits(record: KeyRecord, { tenantId, owner, environment, tag, slot, deleted = false, status, search, now }: KeyQuery): boolean {
  const texts = [record.id, record.name, record.tenantId, record.owner?.id].map((text) => text?.toLowerCase() ?? '');
  return (
    // A deleted key is out of sight until somebody looks for nothing else.
    (record.deletedAt !== undefined) === deleted &&
    (tenantId === undefined || record.tenantId === tenantId) &&
    (owner === undefined || (record.owner?.type === owner.type && record.owner.id === owner.id)) &&
    (environment === undefined || record.environment === environment) &&
    (tag === undefined || record.tags?.includes(tag) === true) &&
    (slot === undefined || record.slot === slot) &&
    // Derived, never stored: a key expires without anybody writing it.
    (status === undefined || statusOf(record, now) === status) &&
    (search === undefined || texts.some((text) => text.includes(search.toLowerCase())))
  );
}

const NEWEST_FIRST = { by: 'createdAt', direction: 'desc' } as const;

/** The cursor is the last record's place in the order, so that inserts between two pages neither repeat nor hide one. */
function pageOf(records: readonly KeyRecord[], { cursor, limit, sort = NEWEST_FIRST }: KeyQuery): KeyPage {
  const sign = sort.direction === 'asc' ? 1 : -1;
  const compare = (a: Place, b: Place): number => {
    if (a.value === b.value) return a.id < b.id ? -sign : a.id === b.id ? 0 : sign;
    // Keys without the value come last, whichever way.
    if (a.value === null || b.value === null) return a.value === null ? 1 : -1;
    return a.value < b.value ? -sign : sign;
  };
  const placed = records.map((record) => ({ record, value: record[sort.by] ?? null, id: record.id })).sort(compare);
  const start = cursor === undefined ? undefined : readCursor(cursor);
  const rest = start === undefined ? placed : placed.filter((place) => start !== null && compare(place, start) > 0);
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  const found = page.map(({ record }) => record);
  if (last === undefined || rest.length <= limit) return { records: found };
  return { records: found, nextCursor: Buffer.from(JSON.stringify({ value: last.value, id: last.id })).toString('base64url') };
}

interface Place {
  readonly value: string | number | null;
  readonly id: string;
}

/** An unreadable cursor is no place: an empty page, no exception. */
function readCursor(cursor: string): Place | null {
  try {
    const place = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as Partial<Place> | null;
    return typeof place?.id === 'string' && place.value !== undefined ? { value: place.value, id: place.id } : null;
  } catch {
    return null;
  }
}
