import { describe, expect, it } from '@jest/globals';
import { failure, latch, ring, START, turn, verdict } from '../support.js';

const DAY = 86_400_000;
const MONTH = 30 * DAY;

describe('a deleted key', () => {
  it('is got by whoever asks for deleted ones', async () => {
    const { keyring } = ring();
    const { apiKey: { id } } = await keyring.create({ name: 'one' });
    expect(await keyring.get(id, { deleted: true })).toMatchObject({ id });
    await keyring.delete(id);
    expect([await keyring.get(id), (await keyring.get(id, { deleted: true }))?.id, await keyring.get('nobody', { deleted: true })]).toEqual([undefined, id, undefined]);
    await expect(keyring.get(id, { deletd: true } as never)).rejects.toMatchObject({ code: 'unknown_option' });
  });
});

describe('delete', () => {
  it('takes a key out of use and out of sight at once; the record stays', async () => {
    const { keyring, store } = ring();
    const { key, apiKey: { id } } = await keyring.create({ name: 'one', tenantId: 'acme' });
    expect(await verdict(keyring, key)).toBe('ok');
    expect(await keyring.delete(id)).toBe(true);
    expect([await verdict(keyring, key), await keyring.get(id), (await keyring.list()).keys, (await keyring.list({ search: 'one', status: 'active' })).keys]).toEqual(['invalid_key', undefined, [], []]);
    expect(await store.inner.find({ by: 'id', id })).toMatchObject({ deletedAt: START, version: 2 });
    expect((await keyring.list({ deleted: true })).keys).toMatchObject([{ id, deletedAt: START }]);
  });

  it('is done once: false for a key that is deleted or was never there', async () => {
    const { keyring, clock } = ring();
    const { apiKey: { id } } = await keyring.create({ name: 'one' });
    const gone = await Promise.all(Array.from({ length: 10 }, async () => keyring.delete(id)));
    expect(gone.filter((was) => was)).toHaveLength(1);
    clock.time += DAY;
    expect([await keyring.delete(id), await keyring.delete('nobody')]).toEqual([false, false]);
    // A second delete does not put the purge off.
    expect((await keyring.list({ deleted: true })).keys[0]?.deletedAt).toBe(START);
  });

  it('hides a key from every other operation', async () => {
    const { keyring } = ring();
    const { apiKey: { id } } = await keyring.create({ name: 'one' });
    await keyring.delete(id);
    for (const call of [keyring.update(id, { name: 'x' }), keyring.disable(id), keyring.enable(id), keyring.revoke(id), keyring.rotate(id), keyring.explain(id)]) {
      await expect(call).rejects.toMatchObject({ code: 'key_not_found', status: 404 });
    }
    expect([await keyring.disableAll({ owner: { type: 'user', id: 'u1' } }), await keyring.checkStale()]).toEqual([0, []]);
  });

  it('keeps id and hash until the purge: the same key cannot be imported meanwhile', async () => {
    const { keyring, clock } = ring();
    const { key, apiKey: { id } } = await keyring.create({ name: 'one' });
    await keyring.delete(id);
    expect(await failure(() => keyring.import({ key, name: 'again' }))).toEqual(['key_exists']);
    clock.time += MONTH;
    await keyring.purge();
    await keyring.import({ key, name: 'again' });
    expect(await verdict(keyring, key)).toBe('ok');
  });

  it('rejects when the store fails, and the key does not come back from the cache', async () => {
    const { keyring, store } = ring();
    const { key, apiKey: { id } } = await keyring.create({ name: 'one' });
    const update = store.update.bind(store);
    store.update = async (...args) => { await update(...args); throw new Error('connection lost'); };
    expect(await verdict(keyring, key)).toBe('ok');
    expect(await failure(() => keyring.delete(id))).toEqual(['store_unavailable']);
    expect(await verdict(keyring, key)).toBe('invalid_key');
  });
});

describe('undelete', () => {
  it('brings a key back as it was', async () => {
    const { keyring, clock } = ring();
    const { key, apiKey } = await keyring.create({ name: 'one', scopes: ['read'], metadata: { a: 1 } });
    await keyring.delete(apiKey.id);
    expect(await verdict(keyring, key)).toBe('invalid_key');
    clock.time += MONTH - 1;
    expect(await keyring.undelete(apiKey.id)).toEqual({ ...apiKey, version: 3, updatedAt: START + MONTH - 1 });
    expect([await verdict(keyring, key, { scopes: ['read'] }), (await keyring.list({ deleted: true })).keys]).toEqual(['ok', []]);
  });

  it.each<[string, (keyring: ReturnType<typeof ring>['keyring'], id: string) => Promise<unknown>, string]>([
    ['revoked', async (keyring, id) => keyring.revoke(id), 'revoked_key'],
    ['disabled', async (keyring, id) => keyring.disable(id), 'disabled_key'],
    ['expired', async (keyring, id) => keyring.update(id, { expiresAt: START }), 'expired_key'],
  ])('brings a %s key back as such', async (_status, end, code) => {
    const { keyring } = ring();
    const { key, apiKey: { id } } = await keyring.create({ name: 'one' });
    await end(keyring, id);
    await keyring.delete(id);
    await keyring.undelete(id);
    expect(await verdict(keyring, key)).toBe(code);
  });

  it('of a key that is not deleted changes nothing', async () => {
    const { keyring } = ring();
    const { apiKey } = await keyring.create({ name: 'one' });
    expect(await keyring.undelete(apiKey.id)).toEqual(apiKey);
    await keyring.delete(apiKey.id);
    const [first, second] = await Promise.all([keyring.undelete(apiKey.id), keyring.undelete(apiKey.id)]);
    expect(second).toEqual(first);
  });

  it.each([['30 days', undefined, MONTH], ['as long as is said', 5_000, 5_000], ['no time at all', 0, 0]])('is possible for %s', async (_how, retention, until) => {
    const { keyring, clock } = ring(retention === undefined ? {} : { lifecycle: { retention } });
    const { key, apiKey: { id } } = await keyring.create({ name: 'one' });
    await keyring.delete(id);
    clock.time = START + until;
    await expect(keyring.undelete(id)).rejects.toMatchObject({ code: 'key_not_found', status: 404 });
    expect(await verdict(keyring, key)).toBe('invalid_key');
  });

  it('of an unknown id, or of a purged one: key_not_found', async () => {
    const { keyring } = ring({ lifecycle: { retention: 0 } });
    const { apiKey: { id } } = await keyring.create({ name: 'one' });
    await keyring.delete(id);
    await keyring.purge();
    for (const gone of [id, 'nobody']) expect(await failure(() => keyring.undelete(gone))).toEqual(['key_not_found']);
  });
});

describe('purge', () => {
  it('removes what was deleted longer ago than the retention time, says how many, and tells of each', async () => {
    const { keyring, clock, store } = ring();
    const purged: unknown[] = [];
    keyring.on('purged', (event) => void purged.push(event));
    const ids: string[] = [];
    for (let index = 0; index < 4; index++) ids.push((await keyring.create({ name: `key ${String(index)}` })).apiKey.id);
    const [first = '', second = '', third = '', fourth = ''] = ids;
    await keyring.delete(first);
    await keyring.delete(second);
    clock.time += 1;
    await keyring.delete(third);
    expect(await keyring.purge()).toBe(0);
    clock.time = START + MONTH;
    expect(await keyring.purge()).toBe(2);
    expect(await keyring.purge()).toBe(0);
    expect(purged).toEqual(expect.arrayContaining([{ at: START + MONTH, id: first }, { at: START + MONTH, id: second }]));
    expect(await Promise.all(ids.map(async (id) => (await store.inner.find({ by: 'id', id }))?.name))).toEqual([undefined, undefined, 'key 2', 'key 3']);
    expect([(await keyring.undelete(third)).name, (await keyring.get(fourth))?.name]).toEqual(['key 2', 'key 3']);
  });

  it('goes through every page, also when there are more than fit into one', async () => {
    const { keyring } = ring({ lifecycle: { retention: 0 } });
    for (let index = 0; index < 250; index++) await keyring.delete((await keyring.create({ name: 'one', tenantId: index % 2 === 0 ? 'a' : 'b' })).apiKey.id);
    expect([await keyring.purge(), (await keyring.list({ deleted: true })).keys]).toEqual([250, []]);
  });

  it('counts each key once, however many purge at the same time', async () => {
    const { keyring } = ring({ lifecycle: { retention: 0 } });
    for (let index = 0; index < 20; index++) await keyring.delete((await keyring.create({ name: 'one' })).apiKey.id);
    const counts = await Promise.all([keyring.purge(), keyring.purge(), keyring.purge()]);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(20);
  });

  it('spares a key that an undelete brings back in the last moment', async () => {
    const { keyring, clock, store } = ring();
    const { key, apiKey: { id } } = await keyring.create({ name: 'one' });
    await keyring.delete(id);
    clock.time = START + MONTH - 1;
    const gate = latch();
    // The undelete has decided and waits for the store, which has the change still before it.
    const update = store.update.bind(store);
    store.update = async (...args) => { await gate.opened; return update(...args); };
    const undeleting = keyring.undelete(id);
    await turn();
    clock.time = START + MONTH;
    const purging = keyring.purge();
    await turn();
    gate.open();
    expect([(await undeleting).id, await purging, await verdict(keyring, key)]).toEqual([id, 0, 'ok']);
  });

  it('keeps a key whose time of deletion cannot be read', async () => {
    const { keyring, store } = ring({ lifecycle: { retention: 0 } });
    const { apiKey: { id } } = await keyring.create({ name: 'one' });
    await store.inner.update(id, 1, { deletedAt: NaN });
    expect(await keyring.purge()).toBe(0);
  });
});
