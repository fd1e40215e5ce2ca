import { describe, expect, it } from '@jest/globals';
import type { EventName, KeyringEvents } from '../../src/core/events.js';
import type { Keyring } from '../../src/core/keyring.js';
import { memoryLimiter } from '../../src/memory/limiter.js';
import { perMinute } from '../../src/core/limits/rules.js';
import { failure, ring, START, turn, verdict } from './support.js';

const NAMES: readonly EventName[] = ['created', 'imported', 'updated', 'disabled', 'enabled', 'revoked', 'deleted', 'refused', 'fault'];

function recorded(keyring: Keyring): { name: EventName; event: KeyringEvents[EventName] }[] {
  const events: { name: EventName; event: KeyringEvents[EventName] }[] = [];
  for (const name of NAMES) keyring.on(name, (event) => void events.push({ name, event }));
  return events;
}

describe('events', () => {
  it('tell of every change once, after it is made, with the key as it is then', async () => {
    const { keyring } = ring();
    const events = recorded(keyring);
    const { apiKey } = await keyring.create({ name: 'one' });
    const { id } = apiKey;
    await keyring.update(id, { name: 'two' });
    await keyring.update(id, {});
    await keyring.disable(id);
    await keyring.disable(id);
    await keyring.enable(id);
    await keyring.enable(id);
    await keyring.revoke(id, { reason: 'leaked' });
    await keyring.revoke(id);
    await keyring.delete(id);
    await keyring.delete(id);
    await keyring.import({ key: keyring.format.generate({ environment: 'live' }).key, name: 'moved' });
    expect(events.map(({ name }) => name)).toEqual(['created', 'updated', 'disabled', 'enabled', 'revoked', 'deleted', 'imported']);
    expect(events[0]?.event).toEqual({ at: START, apiKey });
    expect(events[4]?.event).toMatchObject({ apiKey: { id, status: 'revoked', revokedReason: 'leaked', version: 5 } });
    expect(events[5]?.event).toMatchObject({ at: START, apiKey: { id, status: 'revoked', deletedAt: START, version: 6 } });
  });

  it('tell of refusals, with the key only when its secret was proven', async () => {
    const { keyring } = ring({ formats: 'k_{id}_{secret}' });
    const events = recorded(keyring);
    const { key, apiKey } = await keyring.create({ name: 'one', limits: [perMinute(1)] });
    await verdict(keyring, key);
    await verdict(keyring, key);
    await verdict(keyring, keyring.format.generate().key);
    await verdict(keyring, 'nonsense');
    await verdict(keyring, key, { environment: 'test' });
    expect(events.slice(1).map(({ event }) => event)).toEqual([
      { at: START, code: 'rate_limited', keyId: apiKey.id },
      { at: START, code: 'invalid_key', keyId: undefined },
      { at: START, code: 'malformed_key', keyId: undefined },
      { at: START, code: 'wrong_environment', keyId: apiKey.id },
    ]);
  });

  it('tell of nothing when a change fails', async () => {
    const { keyring } = ring();
    const events = recorded(keyring);
    await failure(() => keyring.revoke('nobody'));
    await failure(() => keyring.create({ name: '' }));
    expect(events).toEqual([]);
  });

  it('tell of faults of the limiter', async () => {
    const { keyring } = ring({ limiter: { ...memoryLimiter(), consume: () => { throw new Error('redis'); } } });
    const { key } = await keyring.create({ name: 'one', limits: [perMinute(1)] });
    const events = recorded(keyring);
    expect([await verdict(keyring, key), await verdict(keyring, key)]).toEqual(['ok', 'rate_limited']);
    expect(events.filter(({ name }) => name === 'fault').map(({ event }) => event)).toEqual([{ at: START, error: expect.any(Error) }, { at: START, error: expect.any(Error) }]);
  });

  it('reach their listeners in the order they came, until told to stop', async () => {
    const { keyring } = ring();
    const heard: string[] = [];
    const stop = keyring.on('created', () => void heard.push('first'));
    keyring.on('created', () => void heard.push('second'));
    await keyring.create({ name: 'one' });
    stop();
    stop();
    await keyring.create({ name: 'two' });
    expect(heard).toEqual(['first', 'second', 'second']);
  });

  it('come to no harm by listeners that throw or reject: the others hear, the operation succeeds, a fault tells', async () => {
    const { keyring } = ring();
    const faults: unknown[] = [];
    const heard: string[] = [];
    keyring.on('created', () => { throw new Error('sync'); });
    keyring.on('created', (async () => Promise.reject(new Error('async'))));
    keyring.on('created', () => void heard.push('created'));
    keyring.on('refused', () => { throw new Error('refused'); });
    keyring.on('fault', () => { throw new Error('a listener of faults that fails itself'); });
    keyring.on('fault', ({ error }) => void faults.push((error as Error).message));
    const { key } = await keyring.create({ name: 'one' });
    expect(await verdict(keyring, key, { environment: 'test' })).toBe('wrong_environment');
    await turn();
    expect([heard, faults.sort()]).toEqual([['created'], ['async', 'refused', 'sync']]);
  });

  it('may be followed by further changes from within a listener', async () => {
    const { keyring } = ring();
    const done: Promise<unknown>[] = [];
    keyring.on('updated', ({ apiKey }) => { if (apiKey.version < 4) done.push(keyring.update(apiKey.id, { name: `${apiKey.name}x` })); });
    const { apiKey } = await keyring.create({ name: 'a' });
    await keyring.update(apiKey.id, { name: 'b' });
    for (let round = 0; round < 5; round++) await Promise.all(done);
    expect(await keyring.get(apiKey.id)).toMatchObject({ name: 'bxx', version: 4 });
  });

  it('refuse a name that is none, with the nearest, and a listener that is no function', async () => {
    const { keyring } = ring();
    expect(await failure(() => keyring.on('revokd' as never, () => undefined))).toEqual(['unknown_option', 'on.revokd']);
    expect(() => keyring.on('revokd' as never, () => undefined)).toThrow("did you mean 'revoked'?");
    expect(await failure(() => keyring.on('revoked', undefined as never))).toEqual(['invalid_option', 'on.revoked']);
  });
});
