import { fullRecord, plainRecord, same, type WithStore } from './store-records.js';
import type { TestRunner } from './runner.js';

const LATEST = 4_102_444_800_001;

/** `touch`: notes of use, which are no changes. */
export function useContract({ describe, it }: TestRunner, withStore: WithStore): void {
  describe('touch', () => {
    it('notes when and from where, and leaves all else as it is, the version too', withStore(async (store) => {
      const full = fullRecord('full');
      for (const record of [plainRecord('a'), plainRecord('b'), full]) await store.insert(record);
      await store.touch([{ id: 'a', at: 5, ip: '192.0.2.1' }, { id: 'full', at: LATEST, ip: '2001:db8::2' }]);
      same(await store.find({ by: 'id', id: 'a' }), plainRecord('a', { lastUsedAt: 5, lastUsedIp: '192.0.2.1' }), 'the first use is noted; a note is no change and adds nothing to the version');
      same(await store.find({ by: 'id', id: 'full' }), { ...full, lastUsedAt: LATEST, lastUsedIp: '2001:db8::2' }, 'a later use takes the place of the one before');
      same(await store.find({ by: 'id', id: 'b' }), plainRecord('b'), 'others are left alone');
      same((await store.list({ limit: 10, now: 0, search: 'key a' })).records[0]?.lastUsedAt, 5, 'list shows it as well');
    }));

    it('keeps the address when a use comes without one', withStore(async (store) => {
      await store.insert(plainRecord('a', { lastUsedAt: 5, lastUsedIp: '192.0.2.1' }));
      await store.touch([{ id: 'a', at: 6 }]);
      same(await store.find({ by: 'id', id: 'a' }), plainRecord('a', { lastUsedAt: 6, lastUsedIp: '192.0.2.1' }), 'the time moves on, the address stays');
    }));

    it('never goes back, whatever the order in which uses come', withStore(async (store) => {
      await store.insert(plainRecord('a'));
      await store.touch([{ id: 'a', at: 1_000, ip: '192.0.2.2' }]);
      await store.touch([{ id: 'a', at: 999, ip: '192.0.2.1' }]);
      same(await store.find({ by: 'id', id: 'a' }), plainRecord('a', { lastUsedAt: 1_000, lastUsedIp: '192.0.2.2' }), 'an earlier use changes neither time nor address');
      const times = [40, 90_000, 7_000, 1, 1_001, 89_999, 20_000, 100_000, 3, 99_999];
      await Promise.all(times.map(async (at) => store.touch([{ id: 'a', at, ip: `192.0.2.${String(times.indexOf(at))}` }])));
      same(await store.find({ by: 'id', id: 'a' }), plainRecord('a', { lastUsedAt: 100_000, lastUsedIp: '192.0.2.7' }), 'of uses that are written at the same time the latest stays, compared as a number');
    }));

    it('passes over ids that are not there', withStore(async (store) => {
      await store.insert(plainRecord('a'));
      await store.touch([]);
      await store.touch([{ id: 'nobody', at: 5 }, { id: 'A', at: 5, ip: '192.0.2.1' }, { id: 'a', at: 5 }, { id: "' OR '1'='1", at: 6 }]);
      same((await store.list({ limit: 10, now: 0 })).records, [plainRecord('a', { lastUsedAt: 5 })], 'unknown ids are no error, make no record, and keep no other from being noted');
    }));

    it('stands in the way of no change, and is undone by none', withStore(async (store) => {
      await store.insert(plainRecord('a'));
      const [updated] = await Promise.all([store.update('a', 1, { name: 'changed' }), store.touch([{ id: 'a', at: 5, ip: '192.0.2.1' }])]);
      same(updated?.version, 2, 'a change that was decided before a use is made all the same');
      same(await store.find({ by: 'id', id: 'a' }), plainRecord('a', { name: 'changed', version: 2, lastUsedAt: 5, lastUsedIp: '192.0.2.1' }), 'change and use are both there, whichever came first');
      await Promise.all([store.touch([{ id: 'a', at: 6 }]), store.replace('a', 2, { revokedAt: 9 }, plainRecord('next')), store.touch([{ id: 'a', at: 7 }])]);
      same(await store.find({ by: 'id', id: 'a' }), plainRecord('a', { name: 'changed', revokedAt: 9, version: 3, lastUsedAt: 7, lastUsedIp: '192.0.2.1' }), 'a replacement loses no use either');
    }));

    it('takes ten thousand uses at once', withStore(async (store) => {
      for (const id of ['first', 'last']) await store.insert(plainRecord(id));
      const uses = Array.from({ length: 9_998 }, (_, index) => ({ id: `key-${String(index)}`, at: 5, ip: '2001:db8::1' }));
      await store.touch([{ id: 'first', at: 5 }, ...uses, { id: 'last', at: 6 }]);
      same([(await store.find({ by: 'id', id: 'first' }))?.lastUsedAt, (await store.find({ by: 'id', id: 'last' }))?.lastUsedAt], [5, 6], 'the first and the last of them are noted');
    }));
  });
}
