import { describe, expect, it } from '@jest/globals';
import { createKeyring, memoryLimiter, memoryStore, perMinute, type KeyringOptions, type KeyStore, type Limiter } from 'keystile';
import { fakeClock } from 'keystile/testing';

const refused = (): never => { throw Object.assign(new Error('connect redis://user:password@host'), { code: 'ECONNREFUSED' }); };
const hangs = (): Promise<never> => new Promise<never>(() => undefined);
const never = async (): Promise<never> => hangs();
const SHORT = { storeMs: 20, limiterMs: 20 };

function ring(parts: { store?: Partial<KeyStore>; limiter?: Partial<Limiter> }, options: Partial<KeyringOptions> = {}) {
  const clock = fakeClock();
  return { clock, keyring: createKeyring<string, string>({ prefix: 'awx', clock, deadlines: SHORT, store: { ...memoryStore(), ...parts.store }, limiter: { ...memoryLimiter({ clock }), ...parts.limiter }, ...options }) };
}

describe('health', () => {
  it('tells how each part is, with a word that may be shown', async () => {
    expect(await ring({}).keyring.health()).toEqual({ ok: true, degraded: false, store: { ok: true, ms: expect.any(Number) }, limiter: { ok: true, ms: expect.any(Number) } });
    expect(await ring({ store: { find: refused } }).keyring.health()).toMatchObject({ ok: false, degraded: true, store: { ok: false, error: 'ECONNREFUSED' }, limiter: { ok: true } });
    expect(await ring({ store: { find: never } }).keyring.health()).toMatchObject({ ok: false, store: { ok: false, error: 'timeout' } });
  });

  it('goes by what happens to requests while the limiter fails', async () => {
    expect(await ring({ limiter: { peek: refused } }).keyring.health()).toMatchObject({ ok: true, degraded: true, limiter: { ok: false } });
    expect(await ring({ limiter: { peek: never } }, { onLimiterError: 'closed' }).keyring.health()).toMatchObject({ ok: false, limiter: { ok: false, error: 'timeout' } });
  });

  it('spends nothing, and is over with the keyring', async () => {
    const { keyring } = ring({});
    const { key } = await keyring.create({ name: 'one', limits: [perMinute(1)] });
    for (let turn = 0; turn < 3; turn++) await keyring.health();
    expect((await keyring.verify(key)).ok).toBe(true);
    await keyring.close();
    await expect(keyring.health()).rejects.toMatchObject({ code: 'keyring_closed' });
  });
});

describe('a part that hangs', () => {
  it('is not waited for by request after request, and is back by itself', async () => {
    let asked = 0;
    let find: KeyStore['find'] = () => { asked++; return hangs(); };
    const inner = memoryStore();
    const { clock, keyring } = ring({ store: { ...inner, find: (lookup) => find(lookup) } }, { cache: false });
    const states: string[] = [];
    keyring.on('degraded', ({ part }) => states.push(`degraded ${part}`));
    keyring.on('recovered', ({ part }) => states.push(`recovered ${part}`));
    const { key } = await keyring.create({ name: 'one' });
    for (let turn = 0; turn < 5; turn++) await expect(keyring.verify(key)).rejects.toMatchObject({ code: 'store_unavailable' });
    for (let turn = 0; turn < 100; turn++) await expect(keyring.verify(key)).rejects.toMatchObject({ code: 'store_unavailable', status: 503 });
    expect([asked, states]).toEqual([5, ['degraded store']]);
    find = inner.find;
    clock.advance(500);
    expect((await keyring.verify(key)).ok).toBe(true);
    expect(states).toEqual(['degraded store', 'recovered store']);
  });

  it('as a limiter is stood in for at once', async () => {
    let asked = 0;
    const { clock, keyring } = ring({ limiter: { consume: () => { asked++; return hangs(); } } });
    const faults: unknown[] = [];
    keyring.on('fault', ({ error }) => faults.push(error));
    const { key } = await keyring.create({ name: 'one', limits: [perMinute(50)] });
    let admitted = 0;
    for (let turn = 0; turn < 60; turn++) if ((await keyring.verify(key)).ok) admitted++;
    expect([asked, admitted, faults.length]).toEqual([5, 50, 5]);
    clock.advance(500);
    await keyring.verify(key);
    expect(asked).toBe(6);
  });
});
