import { expect, it } from '@jest/globals';
import { inspect } from 'node:util';
import { sql } from 'kysely';
import type { KeyQuery } from '../../../src/core/ports.js';
import type { KeyRecord } from '../../../src/core/record.js';
import { memoryStore } from '../../../src/memory/store.js';
import { HARD_TEXT, plainRecord } from '../../../src/testing/store-records.js';
import { withTables, type TestEngine } from './engine.js';

/** A generator of numbers from 0 to 1 that gives the same ones each time. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}

const PIECES = ['a', 'A', 'b', 'é', 'É', 'İ', 'ß', '%', '_', '!', '\\', "'", '"', '`', ' ', '\u{1f511}', '日本', '--', '*', 'OR', ';', '(', '\t', '0', '12'];

function randomRecord(index: number, random: () => number): KeyRecord {
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  const text = (): string => Array.from({ length: 1 + Math.floor(random() * 8) }, () => pick(PIECES)).join('');
  const maybe = <K extends keyof KeyRecord>(field: K, value: () => KeyRecord[K]): Partial<KeyRecord> => (random() < 0.4 ? { [field]: value() } : {});
  const time = (): number => 995 + Math.floor(random() * 10);
  return plainRecord(`${text()}${index}`, {
    name: text(), createdAt: time(), environment: pick(['live', 'test']),
    ...maybe('tenantId', () => pick(['a', 'A', 'b ', '%'])), ...maybe('owner', () => ({ type: pick(['user', 'org'] as const), id: pick(['a', 'É', "'"]) })),
    ...maybe('tags', () => [pick(PIECES), pick(PIECES)]), ...maybe('notBefore', time), ...maybe('expiresAt', time), ...maybe('graceExpiresAt', time), ...maybe('lastUsedAt', time),
    ...(random() < 0.2 && { revokedAt: 1 }), ...(random() < 0.2 && { disabledAt: 1 }), ...(random() < 0.2 && { deletedAt: 1 }),
  });
}

function randomQuery(random: () => number): KeyQuery {
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  const maybe = (part: () => Partial<KeyQuery>, chance = 0.25): Partial<KeyQuery> => (random() < chance ? part() : {});
  return {
    limit: pick([1, 3, 500]), now: 1_000,
    ...maybe(() => ({ tenantId: pick(['a', 'A', 'b', 'b ', '%']) })), ...maybe(() => ({ owner: { type: pick(['user', 'org'] as const), id: pick(['a', 'É', 'é', "'"]) } })),
    ...maybe(() => ({ environment: pick(['live', 'test']) })), ...maybe(() => ({ tag: pick(PIECES) })), ...maybe(() => ({ deleted: true })),
    ...maybe(() => ({ status: pick(['active', 'scheduled', 'disabled', 'expired', 'revoked'] as const) }), 0.4),
    ...maybe(() => ({ search: Array.from({ length: 1 + Math.floor(random() * 4) }, () => pick(PIECES)).join('') }), 0.5),
    ...maybe(() => ({ sort: { by: pick(['createdAt', 'name', 'lastUsedAt', 'expiresAt'] as const), direction: pick(['asc', 'desc'] as const) } }), 0.7),
  };
}

/** Texts that break what quotes or compares them by hand, in every place that takes one. */
export function textSuite(engine: () => TestEngine): void {
  it('tells of a fault without what was to be stored', async () => {
    await withTables(engine, async (open, prefix) => {
      const { db, store } = open();
      await store.list({ limit: 1, now: 0 });
      await sql.raw(`alter table ${prefix}keys rename column masked to otherwise`).execute(db);
      const error: unknown = await Promise.resolve(store.insert({ ...plainRecord('a'), name: 'a name of its own', hash: 'sha256:told-to-nobody' })).catch((fault: unknown) => fault);
      expect(error).toBeInstanceOf(Error);
      expect(inspect(error, { depth: 20, showHidden: true, maxStringLength: null })).not.toMatch(/told-to-nobody|a name of its own/);
    });
  });

  it('lists what the store in memory lists, whatever is stored and asked for', async () => {
    await withTables(engine, async (open) => {
      const { store } = open();
      const memory = memoryStore();
      const random = seeded(2026);
      for (let index = 0; index < 150; index++) {
        const record = randomRecord(index, random);
        expect([record.id, await store.insert(record)]).toEqual([record.id, memory.insert(record)]);
      }
      let listed = 0;
      for (let round = 0; round < 250; round++) {
        const query = randomQuery(random);
        let [cursor, expectedCursor]: (string | undefined)[] = [];
        for (let page = 0; page < 4; page++) {
          const found = await store.list({ ...query, ...(cursor !== undefined && { cursor }) });
          const expected = await memory.list({ ...query, ...(expectedCursor !== undefined && { cursor: expectedCursor }) });
          expect([query, page, found.records]).toEqual([query, page, expected.records]);
          expect(found.nextCursor === undefined).toBe(expected.nextCursor === undefined);
          listed += found.records.length;
          [cursor, expectedCursor] = [found.nextCursor, expected.nextCursor];
          if (cursor === undefined) break;
        }
      }
      expect(listed).toBeGreaterThan(1_000);
    });
  });

  it('keeps long and hard texts exactly, and finds nothing for what nobody can store', async () => {
    await withTables(engine, async (open, prefix) => {
      const { store } = open();
      const hard = [HARD_TEXT, "'); drop table " + `${prefix}keys; --`, '${x}', '?', '$1', ':a', '@b', '\u{1f511}'.repeat(60), ' padded ', 'x'.repeat(256)];
      for (const [index, text] of hard.entries()) {
        const record = plainRecord(`hard-${index}`, { name: text, tenantId: text, owner: { type: 'user', id: text }, tags: [text.slice(0, 128)], revokedReason: text, metadata: { [text]: text.repeat(Math.ceil(10_000 / text.length)), nul: '\0', half: '\ud800' } });
        expect(await store.insert(record)).toBe('inserted');
        expect(await store.find({ by: 'id', id: record.id })).toEqual(record);
        for (const filter of [{ tenantId: text }, { owner: { type: 'user', id: text } }, { tag: text.slice(0, 128) }, { search: text.toUpperCase().slice(0, 100) }]) {
          // Upper case of some letters is two, and not what it came from.
          if ('search' in filter && filter.search.toLowerCase() !== text.slice(0, 100).toLowerCase()) continue;
          expect((await store.list({ limit: 2, now: 0, ...filter })).records.map(({ id }) => id)).toContain(record.id);
        }
      }
      for (const text of ['\0', 'a\0b', '\ud800', 'x\udfff']) {
        expect(await store.find({ by: 'id', id: text })).toBeUndefined();
        expect(await store.find({ by: 'hash', hashes: [text] })).toBeUndefined();
        expect(await store.update(text, 1, { name: 'x' })).toBeUndefined();
        expect(await store.delete(text)).toBe(false);
        await store.touch([{ id: text, at: 1 }, { id: 'hard-0', at: 1 }]);
        for (const filter of [{ tenantId: text }, { search: text }, { tag: text }, { environment: text }, { owner: { type: text, id: text } }]) expect(await store.list({ limit: 2, now: 0, ...filter })).toEqual({ records: [] });
        const cursor = Buffer.from(JSON.stringify(['name', 'asc', text, text])).toString('base64url');
        expect(await store.list({ limit: 2, now: 0, cursor, sort: { by: 'name', direction: 'asc' } })).toEqual({ records: [] });
        await expect((async () => store.insert(plainRecord('new', { name: text })))()).rejects.toThrow('name must be a text');
      }
      await expect((async () => store.insert(plainRecord('new', { name: 'x'.repeat(257) })))()).rejects.toThrow('at most 256');
      await expect((async () => store.insert(plainRecord('new', { createdAt: 1.5 })))()).rejects.toThrow('whole number');
      await expect((async () => store.insert({ ...plainRecord('new'), unheard: 'of' } as KeyRecord))()).rejects.toThrow("no field 'unheard'");
      expect(await store.find({ by: 'id', id: 'new' })).toBeUndefined();
      expect((await store.find({ by: 'id', id: 'hard-0' }))?.lastUsedAt).toBe(1);
    });
  });

  it('notes ten thousand uses at once, and passes over what cannot be noted', async () => {
    await withTables(engine, async (open) => {
      const { store } = open();
      const ids = ['first', 'middle', 'last', 'odd-ip', 'odd-time'];
      for (const id of ids) await store.insert(plainRecord(id, { lastUsedAt: 5, lastUsedIp: '192.0.2.1' }));
      const uses = Array.from({ length: 10_000 }, (_, index) => ({ id: `unknown-${index}`, at: 1_000 + index, ip: '2001:db8::1' }));
      const places = new Map<number, (typeof uses)[number]>([
        [0, { id: 'first', at: 1_000, ip: '192.0.2.7' }], [5_000, { id: 'middle', at: 1_001, ip: '192.0.2.8' }], [9_999, { id: 'last', at: 1_002, ip: '192.0.2.9' }],
        [2_000, { id: 'odd-ip', at: 1_003, ip: `\0${'x'.repeat(10_000)}` }], [2_001, { id: 'odd-time', at: 1e300, ip: '192.0.2.10' }], [2_002, { id: '\ud800', at: Number.NaN, ip: 'x'.repeat(65) }],
      ]);
      await store.touch(uses.map((use, index) => places.get(index) ?? use));
      const noted = await Promise.all(ids.map(async (id) => store.find({ by: 'id', id })));
      expect(noted.map((record) => [record?.lastUsedAt, record?.lastUsedIp])).toEqual([[1_000, '192.0.2.7'], [1_001, '192.0.2.8'], [1_002, '192.0.2.9'], [1_003, '192.0.2.1'], [5, '192.0.2.1']]);
      // A process whose clock is behind takes nothing back.
      await store.touch([{ id: 'first', at: 999, ip: '203.0.113.1' }]);
      expect(await store.find({ by: 'id', id: 'first' })).toMatchObject({ lastUsedAt: 1_000, lastUsedIp: '192.0.2.7', version: 1 });
    });
  });
}
