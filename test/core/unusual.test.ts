import { describe, expect, it } from '@jest/globals';
import type { KeyringOptions } from '../../src/core/keyring-options.js';
import { createKeyring } from '../../src/keyring.js';
import { memoryActivity } from '../../src/memory/activity.js';
import { memoryStore } from '../../src/memory/store.js';
import { fakeClock } from '../../src/testing/fake-clock.js';
import { guessOf } from './support.js';

const MINUTE = 60_000;
const DAY = 86_400_000;

async function start(options: Partial<KeyringOptions> = {}, clock = fakeClock()) {
  const keyring = createKeyring<string, string>({ prefix: 'awx', scopes: { read: [] }, clock, ...options });
  const told: [string, string][] = [];
  keyring.on('unusual', ({ kind, detail }) => told.push([kind, detail]));
  const used = async (key: string, times = 1, request: object = {}): Promise<typeof told> => {
    for (let index = 0; index < times; index++) await keyring.verify(key, request);
    await keyring.flush();
    return told.splice(0);
  };
  return { clock, keyring, used };
}

describe('unusual use', () => {
  it('is a new address, but for the first of a new key', async () => {
    const { clock, keyring, used } = await start();
    const { key } = await keyring.create({ name: 'x' });
    const from = async (...ips: string[]) => {
      clock.advance(2_000);
      const told = [];
      for (const ip of ips) told.push(...(await used(key, 1, { ip })));
      return told.map(([, detail]) => detail);
    };
    expect(await from('192.0.2.1')).toEqual([]);
    expect(await from('192.0.2.2')).toEqual(['first use from 192.0.2.2']);
    expect(await from('192.0.2.1')).toEqual([]);
    expect(await from('::ffff:192.0.2.2')).toEqual([]);
    expect(await from('2001:db8:0:1::1')).toHaveLength(1);
    // Another address of the same household or machine.
    expect(await from('2001:db8:0:1:2::3')).toEqual([]);
    expect(await from('nonsense')).toEqual([]);
    for (let index = 0; index < 16; index++) expect(await from(`198.51.100.${index}`)).toHaveLength(1);
    // Sixteen newer ones have come since.
    expect(await from('192.0.2.1')).toHaveLength(1);
    await keyring.close();
  });

  it('is ten times the busiest minute of late, once that is known', async () => {
    const { clock, keyring, used } = await start();
    const { key } = await keyring.create({ name: 'x' });
    expect(await used(key, 500)).toEqual([]);
    for (let minute = 0; minute < 70; minute++) {
      clock.advance(MINUTE);
      expect(await used(key, 20)).toEqual([]);
    }
    clock.advance(30 * DAY - MINUTE);
    await used(key, 20);
    clock.advance(MINUTE);
    // Five hundred a month ago are worth thirty by now.
    expect(await used(key, 199)).toEqual([]);
    expect(await used(key, 200)).toEqual([['burst', '399 requests in a minute, 26 at most before']]);
    clock.advance(MINUTE);
    expect(await used(key, 4_500)).toEqual([]);
    clock.advance(61 * MINUTE);
    expect(await used(key, 4_500)).toEqual([]);
    await keyring.close();
  });

  it('is many refusals in a minute, those by limits apart', async () => {
    const { clock, keyring, used } = await start({ lifecycle: { unusual: { refusals: 10 } } });
    const { key } = await keyring.create({ name: 'x', limits: [] });
    const limited = await keyring.create({ name: 'y', limits: [{ kind: 'window', name: 'minute', limit: 0, windowMs: MINUTE, per: 'key' }] });
    expect(await used(limited.key, 30)).toEqual([]);
    expect(await used(key, 9, { scopes: ['read'] })).toEqual([]);
    expect(await used(key, 2, { scopes: ['read'] })).toEqual([['refusals', '11 refusals in a minute']]);
    expect(await used(key, 20, { scopes: ['read'] })).toEqual([]);
    clock.advance(61 * MINUTE);
    expect(await used(key, 10, { scopes: ['read'] })).toHaveLength(1);
    await keyring.close();
  });

  it('is use after a long silence, whether this process has seen the last one or not', async () => {
    const store = memoryStore();
    const { clock, keyring, used } = await start({ store });
    const { key } = await keyring.create({ name: 'x' });
    clock.advance(40 * DAY);
    expect(await used(key)).toEqual([]);
    clock.advance(29 * DAY);
    expect(await used(key)).toEqual([]);
    clock.advance(31 * DAY);
    expect(await used(key, 3)).toEqual([['silence', 'first use after 31 days']]);
    expect(await used(key)).toEqual([]);
    await keyring.close();
    clock.advance(45 * DAY);
    const next = await start({ store }, clock);
    expect(await next.used(key)).toEqual([['silence', 'first use after 45 days']]);
    await next.keyring.close();
  });

  it('is written down beside the rest, and known again after a restart', async () => {
    const [store, activity] = [memoryStore(), memoryActivity()];
    const { clock, keyring, used } = await start({ store, activity });
    const { key, apiKey } = await keyring.create({ name: 'x', tenantId: 't' });
    expect(await used(key, 1, { ip: '192.0.2.1' })).toEqual([]);
    expect(await used(key, 1, { ip: '192.0.2.2' })).toHaveLength(1);
    expect((await keyring.activity({ action: 'unusual' })).entries).toEqual([{ at: clock.now(), action: 'unusual', result: 'new_address', keyId: apiKey.id, tenantId: 't', ip: '192.0.2.2' }]);
    await keyring.close();
    clock.advance(MINUTE);
    const next = await start({ store, activity }, clock);
    for (const ip of ['192.0.2.2', '192.0.2.1']) expect(await next.used(key, 1, { ip })).toEqual([]);
    expect(await next.used(key, 1, { ip: '192.0.2.3' })).toEqual([['new_address', 'first use from 192.0.2.3']]);
    await next.keyring.close();
  });

  it('is learnt for an hour after a restart where nothing tells the addresses of before', async () => {
    for (const activity of [undefined, memoryActivity()]) {
      const store = memoryStore();
      const { clock, keyring, used } = await start({ store });
      const { key } = await keyring.create({ name: 'x' });
      for (const ip of ['192.0.2.1', '192.0.2.2']) {
        await used(key, 1, { ip });
        clock.advance(2_000);
      }
      await keyring.close();
      const next = await start({ store, ...(activity !== undefined && { activity }) }, clock);
      for (const ip of ['192.0.2.2', '192.0.2.1', '192.0.2.3']) {
        expect(await next.used(key, 1, { ip })).toEqual([]);
        clock.advance(2_000);
      }
      clock.advance(60 * MINUTE);
      for (const ip of ['192.0.2.3', '192.0.2.1', '192.0.2.2']) {
        expect(await next.used(key, 1, { ip })).toEqual([]);
        clock.advance(2_000);
      }
      expect(await next.used(key, 1, { ip: '192.0.2.4' })).toEqual([['new_address', 'first use from 192.0.2.4']]);
      await next.keyring.close();
    }
  });

  it('is no address that was pointed out long ago, though the key was busy since, and none of very many keys after a restart', async () => {
    const [store, activity] = [memoryStore(), memoryActivity()];
    const { clock, keyring } = await start({ store, activity });
    const keys = await Promise.all(Array.from({ length: 150 }, () => keyring.create({ name: 'x' })));
    for (const { key } of keys) for (const ip of ['192.0.2.1', '192.0.2.2']) await keyring.verify(key, { ip });
    await keyring.flush();
    for (let index = 0; index < 300; index++) await keyring.verify(keys[0]!.key, { ip: '192.0.2.1' });
    await keyring.close();
    clock.advance(MINUTE);
    const next = await start({ store, activity }, clock);
    for (const ip of ['192.0.2.1', '192.0.2.2', '192.0.2.1']) {
      for (const { key } of keys) await next.keyring.verify(key, { ip });
      expect(await next.used(keys[0]!.key, 0)).toEqual([]);
      clock.advance(MINUTE);
    }
    for (const { key } of keys) await next.keyring.verify(key, { ip: '192.0.2.3' });
    expect(await next.used(keys[0]!.key, 0)).toHaveLength(150);
    await next.keyring.close();
  });

  it('holds nobody up when the activity cannot be read, and goes on when it can', async () => {
    const store = memoryStore();
    const log = memoryActivity();
    const { clock, keyring, used } = await start({ store, activity: log });
    const keys = await Promise.all(Array.from({ length: 50 }, () => keyring.create({ name: 'x' })));
    for (const { key } of keys) await used(key, 1, { ip: '192.0.2.1' });
    await keyring.close();
    clock.advance(MINUTE);
    let lists = 0;
    let isDown = true;
    const next = await start({ store, deadlines: { storeMs: 20 }, activity: { ...log, list: (query) => { lists++; return isDown ? new Promise(() => undefined) : log.list(query); } } }, clock);
    for (const { key } of keys) await next.keyring.verify(key, { ip: '192.0.2.2' });
    await next.keyring.flush();
    // The two questions about one key, not those about fifty.
    expect(lists).toBe(2);
    isDown = false;
    clock.advance(MINUTE);
    expect(await next.used(keys[0]!.key, 1, { ip: '192.0.2.3' })).toEqual([['new_address', 'first use from 192.0.2.3']]);
    await next.keyring.close();
  });

  it('is told once, whether keys are cached or not', async () => {
    for (const cache of [false, { max: 10 }] as const) {
      const { clock, keyring, used } = await start({ cache, store: memoryStore() });
      const { key, apiKey } = await keyring.create({ name: 'x' });
      expect(await used(key, 3, { ip: '192.0.2.1' })).toEqual([]);
      clock.advance(31 * DAY);
      await keyring.verify(key, { ip: '192.0.2.1' });
      await keyring.update(apiKey.id, { name: 'y' });
      expect(await used(key, 3, { ip: '192.0.2.1' })).toEqual([['silence', 'first use after 31 days']]);
      await keyring.close();
    }
  });

  it('is seen in spite of a clock that was ahead for a while', async () => {
    const { clock, keyring, used } = await start({ lifecycle: { unusual: { refusals: 10 } } });
    const { key } = await keyring.create({ name: 'x' });
    const now = clock.now();
    clock.advance(DAY);
    await used(key, 20);
    clock.set(now + MINUTE);
    expect(await used(key, 10, { scopes: ['read'] })).toEqual([['refusals', '10 refusals in a minute']]);
    for (let minute = 0; minute < 61; minute++) {
      clock.advance(MINUTE);
      expect(await used(key, 20)).toEqual([]);
    }
    expect(await used(key, 280)).toEqual([['burst', '300 requests in a minute, 20 at most before']]);
    await keyring.close();
  });

  it('is nothing that somebody without the secret can bring about', async () => {
    const { keyring, used } = await start({ lifecycle: { unusual: { refusals: 10 } }, activity: memoryActivity() });
    const { key } = await keyring.create({ name: 'x' });
    await used(key, 1, { ip: '192.0.2.1' });
    expect(await used(guessOf(key), 100, { ip: '198.51.100.1' })).toEqual([]);
    await keyring.close();
  });

  it('is nothing where it is turned off, as a whole or in part', async () => {
    for (const unusual of [false, { addresses: 0, burst: 0, refusals: 0, silence: 0 }] as const) {
      const { clock, keyring, used } = await start({ lifecycle: { unusual }, activity: memoryActivity() });
      const { key } = await keyring.create({ name: 'x' });
      await used(key, 1, { ip: '192.0.2.1' });
      clock.advance(60 * DAY);
      expect(await used(key, 1_000, { ip: '192.0.2.2' })).toEqual([]);
      expect(await used(key, 100, { scopes: ['read'] })).toEqual([]);
      await keyring.close();
    }
  });
});
