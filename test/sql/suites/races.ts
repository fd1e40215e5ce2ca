import { expect, it } from '@jest/globals';
import { sql } from 'kysely';
import { createKeyring } from '../../../src/keyring.js';
import type { KeyStore } from '../../../src/core/ports.js';
import { fullRecord } from '../../../src/testing/store-records.js';
import { withTables, type TestEngine } from './engine.js';

const keyringOn = (store: KeyStore) => createKeyring({ prefix: 'awx', store });

/** The codes of those that failed. */
const codes = (results: readonly PromiseSettledResult<unknown>[]): unknown[] => results.flatMap((result) => (result.status === 'rejected' ? [(result.reason as { code?: unknown }).code] : []));

/** Two processes at the same key, each with connections of its own; and a process that ends in the middle. */
export function raceSuite(engine: () => TestEngine): void {
  it('lets one of two rotations, changes and claims win, and tells the other', async () => {
    await withTables(engine, async (open) => {
      // Two connections to SQLite in one process would wait for each other with nobody left to go on; `sqlite.test.ts` has two processes.
      const first = open().store;
      const rings = [first, engine().kind === 'sqlite' ? first : open().store].map(keyringOn) as [ReturnType<typeof keyringOn>, ReturnType<typeof keyringOn>];
      for (let round = 0; round < 8; round++) {
        const { apiKey } = await rings[0].create({ name: 'raced' });
        const rotated = await Promise.allSettled(rings.map((ring) => ring.rotate(apiKey.id)));
        expect(codes(rotated)).toEqual(['already_rotated']);

        const { apiKey: other } = await rings[0].create({ name: 'raced' });
        const updated = await Promise.allSettled(rings.map((ring, index) => ring.update(other.id, { name: `by ${index}` }, { version: 1 })));
        expect(codes(updated)).toEqual(['version_conflict']);

        const created = await Promise.allSettled(rings.map((ring) => ring.create({ name: 'claim', tenantId: `t${round}`, slot: 'primary' })));
        expect(codes(created)).toEqual(['slot_taken']);
        const regenerated = await Promise.allSettled(rings.map((ring) => ring.regenerate(`t${round}`, 'primary')));
        expect(regenerated.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThanOrEqual(1);
        for (const code of codes(regenerated)) expect(code).toBe('slot_taken');
        expect((await rings[1].list({ tenantId: `t${round}`, slot: 'primary' })).keys).toHaveLength(1);
      }
      for (const ring of rings) await ring.close();
    });
  });

  it('tries again what the engine has undone to end a deadlock, and nothing else', async () => {
    await withTables(engine, async (open) => {
      const failures: Error[] = [];
      const { store } = open({
        log: ({ query }) => {
          const failure = query.sql.includes('_search') ? failures.pop() : undefined;
          if (failure !== undefined) throw failure;
        },
      });
      const deadlock = (): Error => Object.assign(new Error('deadlock'), { code: engine().kind === 'postgres' ? '40P01' : 'ER_LOCK_DEADLOCK', errno: 1213 });
      const insert = async (id: string): Promise<unknown> => store.insert({ ...fullRecord(id), hash: id, tenantId: id });
      expect(await insert('a')).toBe('inserted');
      // SQLite has no deadlocks to undo: whoever comes second waits.
      if (engine().kind !== 'sqlite') {
        failures.push(deadlock(), deadlock());
        expect(await insert('b')).toBe('inserted');
        failures.push(...Array.from({ length: 6 }, deadlock));
        await expect(insert('c')).rejects.toThrow('deadlock');
        expect(failures.splice(0)).toHaveLength(1);
      }
      failures.push(new Error('another fault'));
      await expect(insert('d')).rejects.toThrow('another fault');
      expect((await store.list({ limit: 10, now: 0 })).records.map(({ id }) => id)).toEqual(engine().kind === 'sqlite' ? ['a'] : ['b', 'a']);
    });
  });

  it('leaves no state in between, at whichever statement it is cut off', async () => {
    await withTables(engine, async (open, prefix) => {
      const reader = open();
      const before = fullRecord('a');
      const successor = { ...fullRecord('b'), hash: 'sha256:b', rotatedFrom: 'a' };
      const changes = { slot: undefined, replacedBy: 'b', name: 'Left', tags: ['left'] };
      let outcomes = '';
      for (let cut = 0; outcomes.at(-1) !== 'x'; cut++) {
        for (const table of ['keys', 'tags', 'search']) await sql`delete from ${sql.table(prefix + table)}`.execute(reader.db);
        await reader.store.insert(before);
        let statements = -1;
        // The statement has run when it is logged; what is thrown here is a connection that breaks right after it.
        const broken = open({
          log: () => {
            if (statements >= 0 && statements++ === cut) throw new Error('cut off');
          },
        });
        await broken.store.find({ by: 'id', id: 'a' });
        statements = 0;
        const answer = await Promise.resolve(broken.store.replace('a', 1, changes, successor)).catch(() => 'fault');
        const kept = (await reader.store.list({ limit: 10, now: 0 })).records;
        const { slot: _slot, ...rest } = before;
        const after = [{ ...successor }, { ...rest, replacedBy: 'b', name: 'Left', tags: ['left'], version: 2 }];
        const isDone = kept.length === 2;
        expect(kept).toEqual(isDone ? after : [before]);
        expect((await reader.store.list({ limit: 10, now: 0, tag: 'left' })).records).toHaveLength(isDone ? 1 : 0);
        expect((await reader.store.list({ limit: 10, now: 0, search: 'left' })).records).toHaveLength(isDone ? 1 : 0);
        expect(isDone || answer === 'fault').toBe(true);
        outcomes += answer === 'inserted' ? 'x' : isDone ? 'd' : 'u';
      }
      // Undone, then (cut off right after the commit) done though nobody was told, then whole.
      expect(outcomes).toMatch(/^u{6,}dx$/);
    });
  });
}
