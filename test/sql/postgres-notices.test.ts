import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import type pg from 'pg';
import { createKeyring } from '../../src/keyring.js';
import type { InvalidationListener } from '../../src/core/ports.js';
import { migrate } from '../../src/sql/migrations.js';
import { postgresNotices, type PostgresNoticeOptions, type PostgresPool } from '../../src/sql/postgres-notices.js';
import { sqlStore } from '../../src/sql/store.js';
import { until } from '../support/services/child.js';
import { describeWith } from '../support/services/required.js';
import { POSTGRES, postgresDatabase, postgresPool, startPostgres, type PostgresServer } from '../support/services/postgres.js';

/** What a listener was told, in order. */
function listening(): { listener: InvalidationListener; told: unknown[] } {
  const told: unknown[] = [];
  return { told, listener: { changed: (ids) => void told.push(...ids), lost: () => void told.push('LOST'), restored: () => void told.push('RESTORED') } };
}

const holds = (check: () => void): Promise<void> => until(async () => check());

describeWith(POSTGRES)('postgresNotices', () => {
  let server: PostgresServer;
  let pool: pg.Pool;
  const pools: pg.Pool[] = [];
  const newPool = (options?: pg.PoolConfig): pg.Pool => {
    const made = postgresPool(server.url, options);
    pools.push(made);
    return made;
  };
  beforeAll(async () => {
    server = await startPostgres();
    pool = postgresPool(server.url);
    await migrate(postgresDatabase(pool));
  });
  beforeEach(() => pool.query('delete from keystile_keys'));
  afterEach(async () => {
    for (const made of pools.splice(0)) await made.end();
  });
  afterAll(async () => {
    await pool.end();
    await server.stop();
  });

  /** A process: a keyring with a pool of its own. */
  const newProcess = (options?: PostgresNoticeOptions) => {
    const own = newPool({ max: 5 });
    const keyring = createKeyring({ prefix: 'awx', store: sqlStore(postgresDatabase(own)), cache: { invalidation: postgresNotices(own, options) } });
    return { keyring, own };
  };
  const cutListeners = () => pool.query("select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen%' or query = 'select 1'");

  it('lets every other process refuse a revoked key, at the median within 100 ms', async () => {
    const [here, there] = [newProcess(), newProcess()];
    await holds(() => expect(pools.length).toBe(2));
    for (const { keyring } of [here, there]) await until(async () => expect((await keyring.health()).invalidation).toEqual({ ok: true }));
    const times: number[] = [];
    for (let round = 0; round < 15; round++) {
      const { key, apiKey } = await here.keyring.create({ name: 'short-lived' });
      expect(await there.keyring.verify(key)).toMatchObject({ ok: true });
      await here.keyring.revoke(apiKey.id);
      const began = performance.now();
      while ((await there.keyring.verify(key)).ok) await new Promise((resolve) => setImmediate(resolve));
      times.push(performance.now() - began);
    }
    times.sort((a, b) => a - b);
    expect(times[7]).toBeLessThan(100);
    for (const { keyring } of [here, there]) await keyring.close();
  });

  it('drops the cache when its connection is cut, and listens anew by itself', async () => {
    const { keyring } = newProcess();
    const states: string[] = [];
    keyring.on('degraded', ({ part }) => void states.push(`degraded ${part}`));
    keyring.on('recovered', ({ part }) => void states.push(`recovered ${part}`));
    await until(async () => expect((await keyring.health()).invalidation).toEqual({ ok: true }));
    const { key, apiKey } = await keyring.create({ name: 'x' });
    expect(await keyring.verify(key)).toMatchObject({ ok: true });
    // Changed behind everybody's back: only a dropped cache shows it.
    await pool.query('update keystile_keys set revoked_at = 1, version = 2 where id = $1', [apiKey.id]);
    expect(await keyring.verify(key)).toMatchObject({ ok: true });
    await cutListeners();
    await until(async () => expect(await keyring.verify(key)).toMatchObject({ ok: false }));
    await holds(() => expect(states).toEqual(['degraded invalidation', 'recovered invalidation']));
    await keyring.close();
  });

  it('tells what was lost and restored, and goes on after that', async () => {
    const notices = postgresNotices(newPool(), { prefix: 'other_' });
    const { listener, told } = listening();
    const stop = await notices.subscribe(listener);
    await notices.publish(['a']);
    await holds(() => expect(told).toEqual(['a']));
    await cutListeners();
    await holds(() => expect(told).toEqual(['a', 'LOST', 'RESTORED']));
    await notices.publish(['b']);
    await holds(() => expect(told.at(-1)).toBe('b'));
    await stop();
    await notices.publish(['c']);
    await postgresNotices(newPool()).publish(['d']);
    expect(told).toEqual(['a', 'LOST', 'RESTORED', 'b']);
  });

  it('notices a connection that no longer answers by asking', async () => {
    const real = newPool();
    let isCut = false;
    const deaf: PostgresPool = {
      query: (text, values) => real.query(text, values),
      async connect() {
        const client = await real.connect();
        const wrapped = Object.create(client) as typeof client;
        wrapped.query = ((text: string) => (isCut && text === 'select 1' ? Promise.reject(new Error('no answer')) : client.query(text))) as typeof client.query;
        wrapped.release = (destroy) => client.release(destroy);
        wrapped.on = ((...args: Parameters<typeof client.on>) => client.on(...args));
        return wrapped;
      },
    };
    const { listener, told } = listening();
    const stop = await postgresNotices(deaf, { heartbeatMs: 100 }).subscribe(listener);
    isCut = true;
    await holds(() => expect(told[0]).toBe('LOST'));
    isCut = false;
    await holds(() => expect(told[1]).toBe('RESTORED'));
    await stop();
    expect(real.idleCount + real.waitingCount).toBe(0);
  });

  it('tells any number of ids of any kind, and passes over what is none', async () => {
    const notices = postgresNotices(newPool());
    const { listener, told } = listening();
    const stop = await notices.subscribe(listener);
    const ids = [...Array.from({ length: 3_000 }, (_, index) => `key-${index}-${'\u{1f511}'.repeat(20)}`), `"'\\`, 'x'.repeat(255)];
    await notices.publish([...ids, 'x'.repeat(9_000)]);
    await notices.publish([]);
    for (const payload of ['', 'null', '{"a":1}', '[1,null]', 'no json']) await pool.query('select pg_notify($1, $2)', ['keystile_changes', payload]);
    await notices.publish(['last']);
    await holds(() => expect(told.at(-1)).toBe('last'));
    expect(told).toEqual([...ids, 'last']);
    await stop();
  });

  it('rejects where there is no server, and refuses wrong settings', async () => {
    const nowhere = postgresPool('postgres://postgres@127.0.0.1:1/none');
    await expect(postgresNotices(nowhere).subscribe(listening().listener)).rejects.toBeTruthy();
    await expect(postgresNotices(nowhere).publish(['a'])).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await nowhere.end();
    for (const [options, option] of [[{ prefix: 'a"; drop table x; --' }, 'prefix'], [{ heartbeatMs: 1 }, 'heartbeatMs'], [{ chanel: 'x' }, 'chanel']] as const) {
      expect(() => postgresNotices(pool, options as never)).toThrow(expect.objectContaining({ option: `postgresNotices.${option}` }));
    }
    expect(() => postgresNotices({} as never)).toThrow('must be a pool of pg');
  });
});
