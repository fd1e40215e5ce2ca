import type { KeyRecord } from '../core/record.js';
import { absent, plainRecord, same, type WithStore } from './store-records.js';
import type { TestRunner } from './runner.js';

/** A record with the primary slot of a tenant. */
export const holding = (id: string, fields: Partial<KeyRecord> = {}): KeyRecord => plainRecord(id, { tenantId: 'acme', slot: 'primary', ...fields });

/** The claim that a record with a `slot` makes. */
export function slotContract({ describe, it }: TestRunner, withStore: WithStore): void {
  describe('slot', () => {
    it("is one record's of a tenant and environment; for a second insert answers 'slot_taken', and stores nothing", withStore(async (store) => {
      const other = { a: holding('a'), b: holding('b', { slot: 'secondary' }), c: holding('c', { environment: 'test' }), d: holding('d', { tenantId: 'ACME' }), e: holding('e', { tenantId: 'acme live' }) };
      for (const record of Object.values(other)) same(await store.insert(record), 'inserted', `the slot of ${record.id} is like no other: slot, environment and tenant are all compared, and exactly`);
      same(await store.insert(plainRecord('f', { tenantId: 'acme' })), 'inserted', 'a record without a slot claims none');
      same(await store.insert(plainRecord('g', { tenantId: 'acme' })), 'inserted', 'nor does another one');
      same(await store.insert(holding('z')), 'slot_taken', "a taken slot is 'slot_taken', not an error");
      absent(await store.find({ by: 'id', id: 'z' }), 'the refused record is not there');
      absent(await store.find({ by: 'hash', hashes: [holding('z').hash] }), 'nor can it be found by its hash');
      same(await store.insert(plainRecord('z')), 'inserted', 'its id and hash are free');
      same(await store.find({ by: 'id', id: 'a' }), other.a, 'the first record stays as it was');
    }));

    it('is held whatever the status of its record', withStore(async (store) => {
      await store.insert(holding('disabled', { disabledAt: 1 }));
      await store.insert(holding('expired', { slot: 'secondary', expiresAt: 1 }));
      await store.insert(holding('scheduled', { environment: 'test', notBefore: 8_640_000_000_000_000 }));
      same(await store.insert(holding('a')), 'slot_taken', 'a suspended key has its slot');
      same(await store.insert(holding('b', { slot: 'secondary' })), 'slot_taken', 'so has an expired one');
      same(await store.insert(holding('c', { environment: 'test' })), 'slot_taken', 'and one that does not work yet');
    }));

    it('is free again when it is cleared, and when its record is removed, not before', withStore(async (store) => {
      await store.insert(holding('a'));
      await store.update('a', 1, { name: 'still there', disabledAt: 5 });
      same(await store.insert(holding('b')), 'slot_taken', 'another change leaves the slot where it is');
      await store.update('a', 2, { slot: undefined });
      same(await store.insert(holding('b')), 'inserted', 'a slot that is cleared with undefined is free');
      await store.update('b', 1, { slot: null } as never);
      same(await store.insert(holding('c')), 'inserted', 'a slot that is cleared with null is free');
      await store.delete('c');
      same(await store.insert(holding('d')), 'inserted', 'the slot of a record that has gone is free');
      await store.delete('a');
      await store.update('b', 2, { name: 'x' });
      same(await store.insert(holding('e')), 'slot_taken', 'what happens to those who have left the slot is nothing to it');
    }));

    it('goes to exactly one of many that claim it at the same time', withStore(async (store) => {
      const answers = await Promise.all(Array.from({ length: 10 }, async (_, index) => store.insert(holding(`key-${String(index)}`))));
      same(answers.filter((answer) => answer === 'inserted').length, 1, 'one of ten simultaneous records with the same slot is inserted');
      same(answers.filter((answer) => answer === 'slot_taken').length, 9, "the others are told 'slot_taken'");
      same((await store.list({ limit: 20, now: 0 })).records.length, 1, 'and are not stored');
    }));
  });
}
