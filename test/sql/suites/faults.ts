import { afterEach, expect, it } from '@jest/globals';
import type { Kysely } from 'kysely';
import { createKeyring } from '../../../src/keyring.js';
import type { Keyring } from '../../../src/core/keyring.js';
import { migrate } from '../../../src/sql/migrations.js';
import { sqlStore } from '../../../src/sql/store.js';
import { until, type Breakable } from '../../support/services/child.js';
import { startProxy } from '../../support/services/proxy.js';
import { expectKept } from './killing.js';
import { streamed, type Said } from './streaming.js';

/** A server to break, and how a host connects to it. */
export interface FaultyEngine {
  readonly server: Breakable & { readonly url: string };
  /** A pool of at most so many connections, by another port where the network is to break too. */
  connect(most: number, url?: string): Kysely<unknown>;
}

const DEADLINE_MS = 1_000;
/** What a busy machine adds. */
const SLACK_MS = 1_500;
const UNAVAILABLE = { code: 'store_unavailable', status: 503 };

/** A call's fault, which must come in time. */
async function fault(call: () => Promise<unknown>): Promise<unknown> {
  const began = performance.now();
  const outcome = await call().then((value) => ({ answered: value }), (error: unknown) => error);
  expect(performance.now() - began).toBeLessThan(DEADLINE_MS + SLACK_MS);
  return outcome;
}

/** What befalls a server and the way to it: always 503 and in time, never for longer than it lasts. */
export function faultSuite(engine: () => FaultyEngine): void {
  const ends: (() => unknown)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });
  /** A host's process, without a cache: each request asks. */
  const newHost = (most = 5, url?: string): { db: Kysely<unknown>; keyring: Keyring } => {
    const db = engine().connect(most, url);
    const keyring = createKeyring({ prefix: 'awx', store: sqlStore(db), cache: false, deadlines: { storeMs: DEADLINE_MS }, lifecycle: { flushEvery: 100 } });
    ends.push(() => db.destroy(), () => keyring.close());
    return { db, keyring };
  };
  const isBack = (keyring: Keyring, key: string): Promise<void> => until(async () => expect(await keyring.verify(key)).toMatchObject({ ok: true }));
  const store = () => sqlStore(newHost().db);

  it('down at the start: refused, and served as soon as it is up', async () => {
    await migrate(newHost().db);
    const { key } = await newHost().keyring.create({ name: 'early' });
    await engine().server.kill();
    const { db, keyring } = newHost();
    for (let round = 0; round < 3; round++) expect(await fault(() => keyring.verify(key))).toMatchObject(UNAVAILABLE);
    expect(await fault(() => keyring.create({ name: 'x' }))).toMatchObject(UNAVAILABLE);
    expect(await keyring.health()).toMatchObject({ ok: false, store: { ok: false } });
    await expect(migrate(db)).rejects.toMatchObject(UNAVAILABLE);
    await engine().server.start();
    await isBack(keyring, key);
    await migrate(db);
    expect(await keyring.health()).toMatchObject({ ok: true, store: { ok: true } });
  });

  it('killed under load: nothing that was acknowledged is lost, nothing is half done, and the load goes on', async () => {
    const { keyring } = newHost(8);
    const said: Said[] = [];
    const faults: unknown[] = [];
    let isOver = false;
    const work = async (worker: number): Promise<void> => {
      for (let round = 0; !isOver; round++) {
        const began = performance.now();
        try {
          await streamed(keyring, `load-${worker}`, round, (what) => said.push(what));
        } catch (error) {
          faults.push(error);
          // Five operations, each with its deadline.
          expect(performance.now() - began).toBeLessThan(5 * DEADLINE_MS + SLACK_MS);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }
    };
    const working = Promise.all([0, 1, 2, 3].map(work));
    const more = async (count: number): Promise<void> => {
      const enough = said.length + count;
      await until(async () => expect(said.length).toBeGreaterThan(enough));
    };
    for (let round = 0; round < 2; round++) {
      await more(60);
      await engine().server.kill();
      await until(async () => expect(faults.length).toBeGreaterThan(round * 10));
      await engine().server.start();
    }
    await more(60);
    isOver = true;
    await working;
    for (const error of faults) expect(error).toMatchObject(UNAVAILABLE);
    await expectKept(store(), said);
  });

  it('paused: refused in time, then at once; afterwards it goes on by itself, and uses are noted', async () => {
    const { keyring } = newHost();
    const states: string[] = [];
    keyring.on('degraded', ({ part }) => void states.push(`degraded ${part}`));
    keyring.on('recovered', ({ part }) => void states.push(`recovered ${part}`));
    const { key, apiKey } = await keyring.create({ name: 'paused' });
    await keyring.verify(key);
    engine().server.pause();
    try {
      for (let round = 0; round < 5; round++) expect(await fault(() => keyring.verify(key))).toMatchObject(UNAVAILABLE);
      expect(states).toEqual(['degraded store']);
      const began = performance.now();
      for (let round = 0; round < 20; round++) await keyring.verify(key).catch(() => undefined);
      // Left alone for a moment but for single tries: twenty do not wait twenty times.
      expect(performance.now() - began).toBeLessThan(3 * DEADLINE_MS + SLACK_MS);
      expect(await keyring.health()).toMatchObject({ ok: false });
      expect(await fault(() => keyring.revoke(apiKey.id))).toMatchObject(UNAVAILABLE);
    } finally {
      engine().server.resume();
    }
    // Whether the revocation came through was not told: it holds or it does not.
    await until(async () => expect((await keyring.verify(key)).ok || states.includes('recovered store')).toBe(true));
    await until(() => keyring.revoke(apiKey.id));
    expect(await keyring.verify(key)).toMatchObject({ ok: false, code: 'revoked_key' });
    await until(async () => expect((await store().find({ by: 'id', id: apiKey.id }))?.lastUsedAt).toEqual(expect.any(Number)));
  });

  it('cut connections: refused or served, and mended', async () => {
    const { port } = new URL(engine().server.url);
    const proxy = await startProxy(Number(port));
    ends.push(() => proxy.close());
    const { keyring } = newHost(5, engine().server.url.replace(`:${port}/`, `:${proxy.port}/`));
    const { key } = await keyring.create({ name: 'cut' });
    let refused = 0;
    for (let round = 0; round < 5; round++) {
      const asked = Array.from({ length: 20 }, () => keyring.verify(key));
      proxy.reset();
      for (const result of await Promise.allSettled(asked)) {
        if (result.status === 'rejected') refused++;
        expect(result).toMatchObject(result.status === 'rejected' ? { reason: UNAVAILABLE } : { value: { ok: true } });
      }
      await isBack(keyring, key);
    }
    expect(refused).toBeGreaterThan(0);
  });

  it('no connection left in the pool: refused in time, and served when one is free', async () => {
    const { db, keyring } = newHost(2);
    const { key } = await keyring.create({ name: 'crowded' });
    let free = (): void => undefined;
    const freed = new Promise<void>((resolve) => (free = resolve));
    let held = 0;
    const holding = [0, 1].map(() => db.connection().execute(async () => {
      held++;
      await freed;
    }));
    await until(async () => expect(held).toBe(2));
    for (let round = 0; round < 3; round++) expect(await fault(() => keyring.verify(key))).toMatchObject(UNAVAILABLE);
    expect(await keyring.health()).toMatchObject({ ok: false, store: { error: 'timeout' } });
    free();
    await Promise.all(holding);
    await isBack(keyring, key);
  });
}
