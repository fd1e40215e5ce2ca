import { readFile, rename, writeFile } from 'node:fs/promises';
import { statusOf, type KeyPage, type KeyQuery, type KeyRecord, type KeyStore } from 'keystile';

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
    insert: (record) =>
      change((next): 'inserted' | 'conflict' => {
        const taken = next.has(record.id) || [...next.values()].some(({ hash }) => hash === record.hash);
        if (taken) return 'conflict';
        next.set(record.id, structuredClone(record));
        return 'inserted';
      }),

    async find(lookup) {
      const all = await records();
      const found = lookup.by === 'id' ? all.get(lookup.id) : [...all.values()].find(({ hash }) => lookup.hashes.includes(hash));
      // A copy: nobody outside can change what the store holds.
      return structuredClone(found);
    },

    update: (id, version, changes) =>
      change((next) => {
        const before = next.get(id);
        // Gone, or changed since the caller read it: somebody else's change must not be overwritten.
        if (before?.version !== version) return undefined;
        const merged: Record<string, unknown> = { ...before, ...changes, version: version + 1 };
        // `undefined` and `null` clear a field; JSON drops the former, so both are left out.
        const after = Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== undefined && value !== null)) as unknown as KeyRecord;
        next.set(id, structuredClone(after));
        return after;
      }),

    delete: (id) => change((next) => next.delete(id)),

    async list(query) {
      const all = [...(await records()).values()];
      return structuredClone(pageOf(all.filter((record) => fits(record, query)), query));
    },
  };
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
function fits(record: KeyRecord, { tenantId, owner, environment, tag, status, search, now }: KeyQuery): boolean {
  const texts = [record.id, record.name, record.tenantId, record.owner?.id].map((text) => text?.toLowerCase() ?? '');
  return (
    (tenantId === undefined || record.tenantId === tenantId) &&
    (owner === undefined || (record.owner?.type === owner.type && record.owner.id === owner.id)) &&
    (environment === undefined || record.environment === environment) &&
    (tag === undefined || record.tags?.includes(tag) === true) &&
    // Derived, never stored: a key expires without anybody writing it.
    (status === undefined || statusOf(record, now) === status) &&
    (search === undefined || texts.some((text) => text.includes(search.toLowerCase())))
  );
}

/** Newest first. The cursor is the last record's place, so that inserts between two pages neither repeat nor hide one. */
function pageOf(records: KeyRecord[], { cursor, limit }: KeyQuery): KeyPage {
  const placed = records.map((record) => ({ record, place: `${String(record.createdAt).padStart(16, '0')}:${record.id}` }));
  const start = cursor === undefined ? undefined : readCursor(cursor);
  const rest = placed.filter(({ place }) => start === undefined || place < start).sort((a, b) => (a.place < b.place ? 1 : -1));
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  const found = page.map(({ record }) => record);
  if (last === undefined || rest.length <= limit) return { records: found };
  return { records: found, nextCursor: Buffer.from(last.place).toString('base64url') };
}

/** An unreadable cursor is a place before all others: an empty page, no exception. */
function readCursor(cursor: string): string {
  const place = Buffer.from(cursor, 'base64url').toString();
  return /^\d{16}:/.test(place) ? place : '';
}
