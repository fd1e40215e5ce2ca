import type { Awaitable } from '../core/ports.js';
import { absent, fullRecord, HARD_TEXT, plainRecord, same, scribble, type StoreUnderTest, type WithStore } from './store-records.js';
import { listingContract } from './store-listing.js';
import { sortingContract } from './store-sorting.js';
import { replacingContract } from './store-replacing.js';
import { slotContract } from './store-slots.js';
import { useContract } from './store-uses.js';
import { writingContract } from './store-writing.js';
import type { TestRunner } from './runner.js';

/**
 * The promises of `KeyStore` as tests, for stores that answer at once and for those that answer with promises. `make` is
 * called for every test and gives an empty store; `close`, if there is one, is called when the test is over. Nothing sleeps,
 * and no test relies on another.
 *
 * @example
 * ```ts
 * import { describe, it } from 'node:test';
 * import { memoryStore } from 'keystile';
 * import { storeContract } from 'keystile/testing';
 *
 * storeContract({ describe, it }, () => ({ store: memoryStore() }));
 * ```
 */
export function storeContract(runner: TestRunner, make: () => Awaitable<StoreUnderTest>): void {
  const withStore: WithStore = (test) => async () => {
    const made = await make();
    try {
      await test(made.store);
    } finally {
      await made.close?.();
    }
  };
  runner.describe('store contract', () => {
    insertContract(runner, withStore);
    findContract(runner, withStore);
    writingContract(runner, withStore);
    slotContract(runner, withStore);
    replacingContract(runner, withStore);
    useContract(runner, withStore);
    listingContract(runner, withStore);
    sortingContract(runner, withStore);
  });
}

function insertContract({ describe, it }: TestRunner, withStore: WithStore): void {
  describe('insert', () => {
    it('keeps a record exactly as it is', withStore(async (store) => {
      same(await store.insert(fullRecord('full')), 'inserted', "insert answers 'inserted'");
      same(await store.insert(plainRecord('plain')), 'inserted', "insert answers 'inserted'");
      same(await store.find({ by: 'id', id: 'full' }), fullRecord('full'), 'every field comes back as it was given');
      same(await store.find({ by: 'id', id: 'plain' }), plainRecord('plain'), 'fields that were not given are absent, not null');
      same((await store.list({ limit: 10, now: 0 })).records, [fullRecord('full'), plainRecord('plain')], 'list gives whole records as well');
    }));

    it("answers 'conflict' for an id that is taken, and stores nothing", withStore(async (store) => {
      await store.insert(plainRecord('a'));
      same(await store.insert(plainRecord('a', { hash: 'sha256:other', name: 'other' })), 'conflict', "a taken id is a 'conflict', not an error");
      same(await store.find({ by: 'id', id: 'a' }), plainRecord('a'), 'the first record stays as it was');
      absent(await store.find({ by: 'hash', hashes: ['sha256:other'] }), 'the refused record cannot be found by its hash');
    }));

    it("answers 'conflict' for a hash that is taken, and stores nothing", withStore(async (store) => {
      await store.insert(plainRecord('a'));
      same(await store.insert(plainRecord('b', { hash: plainRecord('a').hash })), 'conflict', "a taken hash is a 'conflict', not an error");
      absent(await store.find({ by: 'id', id: 'b' }), 'the refused record cannot be found by its id');
      same((await store.list({ limit: 10, now: 0 })).records, [plainRecord('a')], 'the refused record is not listed');
      same(await store.insert(plainRecord('b')), 'inserted', 'the id of a refused record is free');
    }));

    it('tells ids and hashes apart exactly', withStore(async (store) => {
      for (const id of ['abc', 'ABC', 'abç', 'ab', 'a%c', 'a_c', HARD_TEXT]) {
        same(await store.insert(plainRecord(id)), 'inserted', `id ${JSON.stringify(id)} is like no other: neither case nor accents nor wildcards are ignored`);
      }
      same((await store.find({ by: 'id', id: HARD_TEXT }))?.name, `Key ${HARD_TEXT}`, 'an id may hold any character');
      same((await store.find({ by: 'hash', hashes: [plainRecord('ABC').hash] }))?.id, 'ABC', 'hashes are compared exactly');
    }));

    it('lets exactly one of many simultaneous records with one id, or one hash, in', withStore(async (store) => {
      const sameId = await Promise.all(Array.from({ length: 10 }, async (_, index) => store.insert(plainRecord('a', { hash: `sha256:${String(index)}` }))));
      same(sameId.filter((answer) => answer === 'inserted').length, 1, 'one of ten records with the same id is inserted');
      const sameHash = await Promise.all(Array.from({ length: 10 }, async (_, index) => store.insert(plainRecord(`b${String(index)}`, { hash: 'sha256:same' }))));
      same(sameHash.filter((answer) => answer === 'inserted').length, 1, 'one of ten records with the same hash is inserted');
      same([...sameId, ...sameHash].filter((answer) => answer === 'conflict').length, 18, "the others are told 'conflict'");
    }));

    it('keeps its own copy', withStore(async (store) => {
      const record = fullRecord('a');
      await store.insert(record);
      scribble(record);
      same(await store.find({ by: 'id', id: 'a' }), fullRecord('a'), 'changing a record after insert changes nothing in the store');
    }));
  });
}

function findContract({ describe, it }: TestRunner, withStore: WithStore): void {
  describe('find', () => {
    it('finds a record by its id and by any one of several hashes', withStore(async (store) => {
      for (const id of ['a', 'b']) await store.insert(plainRecord(id));
      const { hash } = plainRecord('b');
      same(await store.find({ by: 'id', id: 'b' }), plainRecord('b'), 'by id');
      same(await store.find({ by: 'hash', hashes: [hash] }), plainRecord('b'), 'by hash');
      same(await store.find({ by: 'hash', hashes: ['sha256:x', hash, 'hmac-sha256:v1:y'] }), plainRecord('b'), 'by one hash of a list');
    }));

    it('answers undefined or null when there is none', withStore(async (store) => {
      await store.insert(plainRecord('a'));
      for (const id of ['', 'b', 'A', 'a ', '%', '_', "a' OR '1'='1", '__proto__', 'constructor', 'sha256:hash-of-a', 'x'.repeat(1_000)]) {
        absent(await store.find({ by: 'id', id }), `there is no record with id ${JSON.stringify(id.slice(0, 20))}`);
      }
      for (const hash of ['', 'a', 'sha256:hash-of-', 'SHA256:HASH-OF-A', 'sha256:hash-of-%', 'sha256:hash-of-a2', '__proto__']) {
        absent(await store.find({ by: 'hash', hashes: [hash] }), `there is no record with hash ${JSON.stringify(hash)}`);
      }
      absent(await store.find({ by: 'hash', hashes: [] }), 'no hash finds no record');
    }));

    it('gives records that cannot be changed behind its back, from list as well', withStore(async (store) => {
      await store.insert(fullRecord('a'));
      scribble(await store.find({ by: 'id', id: 'a' }));
      scribble(await store.find({ by: 'hash', hashes: [fullRecord('a').hash] }));
      scribble(await store.list({ limit: 10, now: 0 }));
      same(await store.find({ by: 'id', id: 'a' }), fullRecord('a'), 'changing an answer changes nothing in the store');
      same((await store.list({ limit: 10, now: 0 })).records, [fullRecord('a')], 'changing an answer changes nothing in the store');
    }));
  });
}
