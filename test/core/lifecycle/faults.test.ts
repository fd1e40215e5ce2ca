import { describe, expect, it } from '@jest/globals';
import type { Keyring } from '../../../src/core/keyring.js';
import type { KeyChanges, KeyRecord } from '../../../src/core/record.js';
import type { Succession } from '../../../src/core/management/succession.js';
import type { KeyStore } from '../../../src/core/ports.js';
import { memoryStore } from '../../../src/memory/store.js';
import { failure, latch, ring, START, turn, verdict } from '../support.js';

const PRIMARY = { name: 'one', tenantId: 'acme', slot: 'primary' } as const;
const METHODS = ['insert', 'find', 'update', 'replace', 'delete', 'list', 'touch'] as const;

/** How one call of the store goes wrong. */
type Fault = 'breaks before' | 'breaks after' | 'never answers, and does nothing' | 'answers too late' | 'answers nonsense';
const FAULTS: readonly Fault[] = ['breaks before', 'breaks after', 'never answers, and does nothing', 'answers too late', 'answers nonsense'];

/** A store of which one call, counted from when it is armed, goes wrong. */
function faulty(): { store: KeyStore; inner: KeyStore; arm(call: number, fault: Fault): void; calls(): number; recover(): Promise<void> } {
  const inner = memoryStore();
  const late = latch();
  let [count, wrong, fault] = [0, Infinity, 'breaks before' as Fault];
  const call = (method: (typeof METHODS)[number]) => (...args: unknown[]): unknown => {
    const run = (): unknown => (inner[method] as (...given: unknown[]) => unknown)(...args);
    if (count++ !== wrong) return run();
    if (fault === 'breaks before') throw new Error('connection refused');
    if (fault === 'never answers, and does nothing') return new Promise(() => undefined);
    if (fault === 'answers too late') return late.opened.then(run);
    run();
    if (fault === 'answers nonsense') return 'OK';
    throw new Error('connection lost');
  };
  return {
    store: Object.fromEntries(METHODS.map((method) => [method, call(method)])) as unknown as KeyStore,
    inner,
    arm(at, how) {
      [count, wrong, fault] = [0, at, how];
    },
    calls: () => count,
    async recover() {
      wrong = Infinity;
      late.open();
      await turn();
    },
  };
}

const OPERATIONS: readonly (readonly [name: string, held: boolean, run: (keyring: Keyring, id: string) => Promise<Succession>])[] = [
  ['a rotation with a grace period', true, async (keyring, id) => keyring.rotate(id, { gracePeriod: 1_000 })],
  ['a rotation without one', true, async (keyring, id) => keyring.rotate(id, { gracePeriod: 0 })],
  ['a regeneration', true, async (keyring) => keyring.regenerate('acme', 'primary')],
  ['a first regeneration', false, async (keyring) => keyring.regenerate('acme', 'primary')],
];

describe.each(OPERATIONS)('%s', (name, held, run) => {
  const setting = async (): Promise<ReturnType<typeof faulty> & { keyring: Keyring; key: string; id: string }> => {
    const store = faulty();
    const { keyring } = ring({ store: store.store, deadlines: { storeMs: 5 } });
    if (!held) return { ...store, keyring, key: '', id: 'nobody' };
    const { key, apiKey: { id } } = await keyring.create(PRIMARY);
    // In the cache, from where it must go.
    expect(await verdict(keyring, key)).toBe('ok');
    return { ...store, keyring, key, id };
  };

  it('asks the store to read and to write, and writes once', async () => {
    const { keyring, id, arm, calls } = await setting();
    arm(Infinity, 'breaks before');
    await run(keyring, id);
    expect(calls()).toBe(name.includes('a regeneration') ? 3 : 2);
  });

  it.each([0, 1, 2].flatMap((call) => FAULTS.map((fault) => [call, fault] as const)))('whose call %i of the store %s leaves the old state or the new one', async (call, fault) => {
    const { keyring, key, id, inner, arm, calls, recover } = await setting();
    const before = (await inner.list({ limit: 9, now: START })).records;
    arm(call, fault);
    const code = await failure(() => run(keyring, id));
    // An operation that needs fewer calls has come through.
    expect(code).toEqual(calls() <= call ? undefined : ['store_unavailable']);
    await recover();

    const { records } = await inner.list({ limit: 9, now: START });
    const [first, next] = [records.find((record) => record.id === id), records.find((record) => record.id !== id)];
    if (next === undefined) {
      expect(records).toEqual(before);
    } else {
      expect(next).toMatchObject({ slot: 'primary', version: 1 });
      expect(records.filter(({ slot }) => slot !== undefined)).toHaveLength(1);
      if (held) expect([next.rotatedFrom, first?.replacedBy, first?.graceExpiresAt ?? first?.revokedAt]).toEqual([id, next.id, expect.any(Number)]);
    }
    // The cache tells nothing else than the store.
    const old = next === undefined || name.endsWith('grace period') ? 'ok' : name.startsWith('a rotation') ? 'expired_key' : 'revoked_key';
    if (held) expect(await verdict(keyring, key)).toBe(old);

    // There is a way on: one key in the end, which somebody has.
    const again = await run(keyring, id).catch(async (error: unknown) => {
      expect((error as { code?: string }).code).toBe('already_rotated');
      return keyring.rotate(next?.id ?? '', { gracePeriod: 0 });
    });
    expect(await verdict(keyring, again.key)).toBe('ok');
    const living = (await keyring.list({ status: 'active' })).keys.filter(({ graceExpiresAt }) => graceExpiresAt === undefined);
    expect(living.map((one) => one.id)).toEqual([again.apiKey.id]);
  });

  it('whose hasher fails leaves the store alone', async () => {
    const { inner, id } = await setting();
    const before = await inner.list({ limit: 9, now: START });
    const hasher = { scheme: 'x', salted: false, hash: () => { throw new Error('no entropy'); }, verify: () => false, candidates: () => [], outdated: () => false };
    const { keyring: broken } = ring({ store: inner, hashing: hasher });
    await expect(run(broken, id)).rejects.toThrow();
    expect(await inner.list({ limit: 9, now: START })).toEqual(before);
  });

  it('that fails tells of nothing but the fault', async () => {
    const { keyring, id, arm } = await setting();
    const told: string[] = [];
    for (const event of ['created', 'rotated', 'regenerated', 'revoked', 'updated'] as const) keyring.on(event, () => void told.push(event));
    arm(1, 'breaks before');
    await failure(() => run(keyring, id));
    expect(told).toEqual([]);
  });
});

describe('a replacement in memory that breaks in the middle', () => {
  const broken = (): never => { throw new Error('cannot be copied'); };

  it.each<[string, KeyChanges, object]>([
    ['at the change', Object.defineProperty({ slot: undefined }, 'metadata', { get: broken, enumerable: true }), {}],
    ['at the successor', { slot: undefined, revokedAt: 5 }, Object.defineProperty({}, 'metadata', { get: broken, enumerable: true })],
  ])('%s changes nothing', (_where, changes, fields) => {
    const store = memoryStore();
    const record: KeyRecord = { id: 'a', version: 1, hash: 'x:a', masked: '', environment: 'live', scopes: [], createdAt: 1, updatedAt: 1, ...PRIMARY };
    store.insert(record);
    const successor = Object.defineProperties({ ...record, id: 'b', hash: 'x:b' }, Object.getOwnPropertyDescriptors(fields)) as KeyRecord;
    expect(() => store.replace('a', 1, changes, successor)).toThrow('cannot be copied');
    expect(store.list({ limit: 9, now: 0 })).toEqual({ records: [record] });
    expect([store.find({ by: 'hash', hashes: ['x:a'] }), store.insert({ ...record, id: 'c', hash: 'x:c' })]).toEqual([record, 'slot_taken']);
  });
});
