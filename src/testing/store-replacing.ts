import type { KeyStore } from '../core/ports.js';
import type { KeyChanges, KeyRecord } from '../core/record.js';
import { absent, fullRecord, plainRecord, same, scribble, type WithStore } from './store-records.js';
import { holding } from './store-slots.js';
import type { TestRunner } from './runner.js';

const LEAVES: KeyChanges = { slot: undefined, replacedBy: 'next', graceExpiresAt: 9_000, updatedAt: 2_000 };
const NEXT = holding('next', { rotatedFrom: 'a', createdAt: 2_000 });

/** `replace`: a change and an insertion that happen together or not at all. */
export function replacingContract({ describe, it }: TestRunner, withStore: WithStore): void {
  const everything = async (store: KeyStore): Promise<readonly KeyRecord[]> => (await store.list({ limit: 100, now: 0 })).records;

  describe('replace', () => {
    it('changes one record and inserts its successor', withStore(async (store) => {
      const before = fullRecord('a');
      await store.insert(before);
      await store.insert(plainRecord('b'));
      const { slot: _slot, plan: _plan, ...rest } = before;
      const after = { ...rest, revokedAt: 7, replacedBy: 'full', version: 2 };
      const successor = { ...fullRecord('full'), hash: 'sha256:successor' };
      same(await store.replace('a', 1, { slot: undefined, plan: null, revokedAt: 7, replacedBy: 'full' } as unknown as KeyChanges, successor), 'inserted', "replace answers 'inserted'");
      same(await store.find({ by: 'id', id: 'a' }), after, 'the first record has its changes, one version on; undefined and null clear a field');
      same(await store.find({ by: 'id', id: 'full' }), successor, 'the second is kept exactly as it is');
      same(await store.find({ by: 'hash', hashes: ['sha256:successor'] }), successor, 'and found by its hash');
      same((await everything(store)).length, 3, 'both are listed, and the others with them');
      same(await store.find({ by: 'id', id: 'b' }), plainRecord('b'), 'no other record is changed');
    }));

    it("answers 'changed', and does nothing, unless the version is the stored one", withStore(async (store) => {
      await store.insert(holding('a', { version: 7 }));
      for (const version of [6, 8, 0, -1]) same(await store.replace('a', version, LEAVES, NEXT), 'changed', `version ${String(version)} of a record at version 7 is 'changed'`);
      for (const id of ['nobody', 'A', 'next']) same(await store.replace(id, 7, LEAVES, NEXT), 'changed', `${id} is not there, so it is 'changed'`);
      same(await everything(store), [holding('a', { version: 7 })], 'the record is as it was, and no other has come into being');
      absent(await store.find({ by: 'hash', hashes: [NEXT.hash] }), 'the successor cannot be found by its hash');
      same(await store.replace('a', 7, LEAVES, NEXT), 'inserted', 'the right version is none the worse for it');
    }));

    it("answers 'conflict', and does nothing, when the successor's id or hash is taken", withStore(async (store) => {
      const before = [holding('c', { slot: 'secondary' }), holding('a')];
      for (const record of before) await store.insert(record);
      for (const [what, successor] of Object.entries({
        'the id of another': { ...NEXT, id: 'c' },
        'the hash of another': { ...NEXT, hash: plainRecord('c').hash },
        'the id of the first record': { ...NEXT, id: 'a' },
        'the hash of the first record': { ...NEXT, hash: plainRecord('a').hash },
      })) {
        same(await store.replace('a', 1, LEAVES, successor), 'conflict', `${what} is a 'conflict'`);
        same(await everything(store), before, `${what}: both records are as they were`);
        same(await store.insert(holding('x')), 'slot_taken', `${what}: the first record still has its slot`);
      }
      same(await store.replace('a', 1, LEAVES, NEXT), 'inserted', 'a successor of its own is none the worse for it');
    }));

    it("answers 'slot_taken', and does nothing, when the successor claims a slot that is not given up", withStore(async (store) => {
      const before = [holding('c', { slot: 'secondary' }), holding('a')];
      for (const record of before) await store.insert(record);
      same(await store.replace('a', 1, LEAVES, { ...NEXT, slot: 'secondary' }), 'slot_taken', "a slot of a third record is 'slot_taken'");
      same(await store.replace('a', 1, { name: 'stays' }, NEXT), 'slot_taken', "so is the first record's own, while it keeps it");
      same(await store.replace('a', 1, { name: 'stays' }, { ...NEXT, environment: 'test', slot: 'secondary' }), 'inserted', 'a slot that nobody has is free');
      same((await everything(store)).map(({ id }) => id), ['next', 'c', 'a'], 'what was refused is not there');
      same(await store.find({ by: 'id', id: 'a' }), holding('a', { name: 'stays', version: 2 }), 'what was refused has changed nothing');
    }));

    it('hands the slot that is given up to the successor, or to whoever comes', withStore(async (store) => {
      await store.insert(holding('a'));
      same(await store.replace('a', 1, LEAVES, NEXT), 'inserted', 'the successor claims what the change gives up with undefined');
      same(await store.insert(holding('x')), 'slot_taken', 'the slot is the successor\'s');
      same(await store.replace('next', 1, { slot: null } as never, holding('third')), 'inserted', 'the successor claims what the change gives up with null');
      same(await store.insert(holding('x')), 'slot_taken', 'the slot is the third one\'s');
      same(await store.replace('third', 1, { slot: undefined }, plainRecord('fourth')), 'inserted', 'a successor need not claim it');
      same(await store.insert(holding('x')), 'inserted', 'then it is free');
    }));

    it('happens once, however many ask for it together, and nobody slips in between', withStore(async (store) => {
      await store.insert(holding('a'));
      const successors = Array.from({ length: 8 }, (_, index) => holding(`next-${String(index)}`, { rotatedFrom: 'a' }));
      const replacing = Promise.all(successors.map(async (successor) => store.replace('a', 1, LEAVES, successor)));
      const inserting = Promise.all(Array.from({ length: 8 }, async (_, index) => store.insert(holding(`intruder-${String(index)}`))));
      const reading = Promise.all(Array.from({ length: 8 }, async () => store.list({ limit: 10, now: 0, tenantId: 'acme', slot: 'primary' })));
      const answers = await replacing;
      same(answers.filter((answer) => answer === 'inserted').length, 1, 'one of eight simultaneous replacements of one version is made');
      same(answers.filter((answer) => answer === 'changed').length, 7, "the others are told 'changed'");
      same(new Set(await inserting).has('inserted'), false, 'between the giving up and the claiming of a slot nobody else gets it');
      same((await reading).map(({ records }) => records.length), Array.from({ length: 8 }, () => 1), 'whoever reads meanwhile sees one record with the slot: the old one or the new one');
      const winner = successors[answers.indexOf('inserted')];
      same((await everything(store)).map(({ id }) => id).sort(), ['a', winner?.id], 'no successor but the winner\'s is stored');
    }));

    it('keeps its own copy of what it is given', withStore(async (store) => {
      await store.insert(plainRecord('a'));
      const [changes, successor] = [{ metadata: { list: [{ deep: 1 }] } }, fullRecord('next')];
      await store.replace('a', 1, changes, successor);
      scribble(changes);
      scribble(successor);
      same(await store.find({ by: 'id', id: 'a' }), plainRecord('a', { metadata: { list: [{ deep: 1 }] }, version: 2 }), 'changing the arguments afterwards changes nothing in the store');
      same(await store.find({ by: 'id', id: 'next' }), fullRecord('next'), 'nor in the successor');
    }));
  });
}
