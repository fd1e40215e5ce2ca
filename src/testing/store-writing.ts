import type { KeyChanges } from '../core/record.js';
import { absent, fullRecord, HARD_TEXT, plainRecord, same, scribble, type WithStore } from './store-records.js';
import type { TestRunner } from './runner.js';

/** `update` and `delete`: the guard by version, clearing, and races. */
export function writingContract({ describe, it }: TestRunner, withStore: WithStore): void {
  describe('update', () => {
    it('sets fields, adds one to the version and answers with the record after the change', withStore(async (store) => {
      await store.insert(plainRecord('a', { tags: ['old'], metadata: { kept: false, list: [1, 2] } }));
      await store.insert(plainRecord('b'));
      const changes: KeyChanges = { name: HARD_TEXT, tags: ['new'], metadata: { list: [3] }, expiresAt: 4_102_444_800_001, updatedAt: 2_000 };
      const after = { ...plainRecord('a'), ...changes, version: 2 };
      same(await store.update('a', 1, changes), after, 'update answers with the changed record; an object or list is replaced, not merged');
      same(await store.find({ by: 'id', id: 'a' }), after, 'the change is kept; what it does not name stays');
      same(await store.find({ by: 'id', id: 'b' }), plainRecord('b'), 'no other record is changed');
      same(await store.update('a', 2, { name: 'again' }), { ...after, name: 'again', version: 3 }, 'the next change starts from version 2');
    }));

    it('clears a field given as undefined or null', withStore(async (store) => {
      const record = fullRecord('a');
      await store.insert(record);
      const { plan: _plan, limits: _limits, expiresAt: _expiresAt, owner: _owner, ...rest } = record;
      // `null` is what a change looks like after a journey as JSON.
      const changes = { plan: undefined, limits: null, expiresAt: undefined, owner: null } as unknown as KeyChanges;
      same(await store.update('a', 1, changes), { ...rest, version: 2 }, 'cleared fields are absent from the answer');
      same(await store.find({ by: 'id', id: 'a' }), { ...rest, version: 2 }, 'cleared fields are absent afterwards');
      same(await store.update('a', 2, { plan: undefined, expiresAt: 5 }), { ...rest, expiresAt: 5, version: 3 }, 'clearing what is absent is no error');
    }));

    it('changes nothing unless the version is the stored one', withStore(async (store) => {
      await store.insert(plainRecord('a', { version: 7 }));
      for (const version of [6, 8, 0, -1]) absent(await store.update('a', version, { name: 'x' }), `update with version ${String(version)} of a record at version 7 answers with nothing`);
      absent(await store.update('nobody', 1, { name: 'x' }), 'update of an unknown id answers with nothing');
      absent(await store.update('A', 7, { name: 'x' }), 'ids are compared exactly: upper case is another id');
      same(await store.find({ by: 'id', id: 'a' }), plainRecord('a', { version: 7 }), 'the record is as it was');
      same((await store.list({ limit: 10, now: 0 })).records, [plainRecord('a', { version: 7 })], 'no record has come into being');
    }));

    it('moves the record to a new hash', withStore(async (store) => {
      await store.insert(plainRecord('a', { hash: 'sha256:old' }));
      await store.update('a', 1, { hash: 'hmac-sha256:v1:new' });
      absent(await store.find({ by: 'hash', hashes: ['sha256:old'] }), 'the old hash finds nothing');
      same((await store.find({ by: 'hash', hashes: ['sha256:old', 'hmac-sha256:v1:new'] }))?.id, 'a', 'the new hash finds the record');
      same(await store.insert(plainRecord('b', { hash: 'sha256:old' })), 'inserted', 'the old hash is free again');
      same(await store.insert(plainRecord('c', { hash: 'hmac-sha256:v1:new' })), 'conflict', 'the new hash is taken');
    }));

    it('lets exactly one of many changes win that start from the same version', withStore(async (store) => {
      await store.insert(plainRecord('a'));
      const answers = await Promise.all(Array.from({ length: 25 }, async (_, index) => store.update('a', 1, { name: `writer ${String(index)}` })));
      const winners = answers.filter((answer) => answer !== undefined && answer !== null);
      same(winners.length, 1, 'one of 25 simultaneous updates with the same version wins');
      same(winners[0]?.version, 2, 'the winner answers with version 2');
      same(await store.find({ by: 'id', id: 'a' }), winners[0], 'the winner is what is stored');
    }));

    it('loses no change of writers that read, change and try again', withStore(async (store) => {
      await store.insert(plainRecord('a', { tags: [] }));
      const writers = Array.from({ length: 8 }, (_, index) => `writer ${String(index)}`);
      const append = async (tag: string): Promise<void> => {
        // Each round somebody wins, so the last writer needs no more rounds than there are writers.
        for (let round = 0; round < writers.length; round++) {
          const before = await store.find({ by: 'id', id: 'a' });
          if (await store.update('a', before?.version ?? 0, { tags: [...(before?.tags ?? []), tag] })) return;
        }
      };
      await Promise.all(writers.map(append));
      const after = await store.find({ by: 'id', id: 'a' });
      same([...(after?.tags ?? [])].sort(), writers, 'every tag is there');
      same(after?.version, 1 + writers.length, 'each change has added one to the version');
    }));

    it('keeps its own copy of what it is given, and gives copies', withStore(async (store) => {
      await store.insert(plainRecord('a'));
      const changes: KeyChanges = { metadata: { list: [{ deep: 1 }] }, tags: ['x'] };
      const answer = await store.update('a', 1, changes);
      scribble(changes);
      scribble(answer);
      same(await store.find({ by: 'id', id: 'a' }), plainRecord('a', { metadata: { list: [{ deep: 1 }] }, tags: ['x'], version: 2 }), 'changing the arguments or the answer of update changes nothing in the store');
    }));
  });

  describe('delete', () => {
    it('removes the record, says whether it was there, and frees its id and hash', withStore(async (store) => {
      await store.insert(plainRecord('a'));
      await store.insert(plainRecord('b'));
      same(await store.delete('A'), false, 'ids are compared exactly: upper case is another id');
      same(await store.delete('a'), true, 'delete answers true for a record that was there');
      same(await store.delete('a'), false, 'delete answers false for a record that has gone');
      absent(await store.find({ by: 'id', id: 'a' }), 'its id finds nothing');
      absent(await store.find({ by: 'hash', hashes: [plainRecord('a').hash] }), 'its hash finds nothing');
      absent(await store.update('a', 1, { name: 'x' }), 'it cannot be updated');
      same((await store.list({ limit: 10, now: 0 })).records, [plainRecord('b')], 'the others stay');
      same(await store.insert(plainRecord('a')), 'inserted', 'id and hash can be used again');
    }));

    it('happens once, however many ask for it together', withStore(async (store) => {
      await store.insert(plainRecord('a'));
      const answers = await Promise.all(Array.from({ length: 10 }, async () => store.delete('a')));
      same(answers.filter((gone) => gone).length, 1, 'one of ten simultaneous deletes answers true');
    }));
  });
}
