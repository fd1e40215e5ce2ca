import { describe, expect, it } from '@jest/globals';
import type { EventName, KeyringEvents } from '../../../src/core/events.js';
import type { Keyring } from '../../../src/core/keyring.js';
import type { Attribution } from '../../../src/core/management/attribution.js';
import { failure, ring, START } from '../support.js';

const WHO: Attribution = { by: 'ops@example.com', ip: '203.0.113.7' };
const NAMES: readonly EventName[] = ['created', 'imported', 'updated', 'disabled', 'enabled', 'rotated', 'regenerated', 'revoked', 'deleted', 'undeleted', 'purged', 'stale'];

/** Every operation that takes an attribution, with the event that tells of it; `id` is an active key of the tenant `acme` in its primary slot. */
const OPERATIONS: readonly (readonly [name: string, event: EventName, run: (keyring: Keyring, id: string, who: Attribution) => Promise<unknown>])[] = [
  ['create', 'created', async (keyring, _id, who) => keyring.create({ name: 'two' }, who)],
  ['import', 'imported', async (keyring, _id, who) => keyring.import({ name: 'two', key: keyring.format.generate({ environment: 'live' }).key }, who)],
  ['guard', 'updated', async (keyring, id, who) => keyring.update(id, { name: 'two' }, who)],
  ['disable', 'disabled', async (keyring, id, who) => keyring.disable(id, who)],
  ['enable', 'enabled', async (keyring, id, who) => { await keyring.disable(id); return keyring.enable(id, who); }],
  ['rotate', 'rotated', async (keyring, id, who) => keyring.rotate(id, { ...who, gracePeriod: 5 })],
  ['regenerate', 'regenerated', async (keyring, _id, who) => keyring.regenerate('acme', 'primary', { ...who, name: 'two' })],
  ['regenerate', 'regenerated', async (keyring, _id, who) => keyring.regenerate('acme', 'secondary', who)],
  ['revoke', 'revoked', async (keyring, id, who) => keyring.revoke(id, { ...who, reason: 'leaked' })],
  ['delete', 'deleted', async (keyring, id, who) => keyring.delete(id, who)],
  ['undelete', 'undeleted', async (keyring, id, who) => { await keyring.delete(id); return keyring.undelete(id, who); }],
  ['disable', 'disabled', async (keyring, _id, who) => keyring.disableAll({ tenantId: 'acme' }, who)],
  ['enable', 'enabled', async (keyring, id, who) => { await keyring.disable(id); return keyring.enableAll({ tenantId: 'acme' }, who); }],
  ['revoke', 'revoked', async (keyring, _id, who) => keyring.revokeAll({ tenantId: 'acme' }, who)],
  ['delete', 'deleted', async (keyring, _id, who) => keyring.deleteAll({ tenantId: 'acme' }, who)],
];

async function setting(): Promise<{ keyring: Keyring; id: string; told: { name: EventName; event: KeyringEvents[EventName] }[] }> {
  const { keyring } = ring();
  const { apiKey: { id } } = await keyring.create({ name: 'one', tenantId: 'acme', slot: 'primary' });
  const told: { name: EventName; event: KeyringEvents[EventName] }[] = [];
  for (const name of NAMES) keyring.on(name, (event) => void told.push({ name, event }));
  return { keyring, id, told };
}

describe.each(OPERATIONS)('%s tells by the event %s', (operation, event, run) => {
  it('once, with the key as it is then, who did it and from where', async () => {
    const { keyring, id, told } = await setting();
    await run(keyring, id, WHO);
    const [one, ...others] = told.filter(({ name }) => name === event);
    expect(others).toEqual([]);
    expect(one?.event).toMatchObject({ at: START, ...WHO, apiKey: { id: expect.any(String), status: expect.any(String) } });
    const { apiKey } = one?.event as KeyringEvents['created'];
    expect(event === 'deleted' ? (await keyring.list({ deleted: true })).keys[0] : await keyring.get(apiKey.id)).toEqual(apiKey);
    expect(JSON.stringify(told)).not.toContain('sha256:');
    await keyring.close();
  });

  it('without them when they are not given', async () => {
    const { keyring, id, told } = await setting();
    await run(keyring, id, {});
    const [one] = told.filter(({ name }) => name === event);
    expect(Object.keys(one?.event ?? {})).not.toEqual(expect.arrayContaining(['by']));
    expect(Object.keys(one?.event ?? {})).not.toEqual(expect.arrayContaining(['ip']));
    await keyring.close();
  });

  it.each<[object, string, string]>([
    [{ by: '' }, 'invalid_option', 'by'],
    [{ by: 5 }, 'invalid_option', 'by'],
    [{ by: 'a\nb' }, 'invalid_option', 'by'],
    [{ by: 'x'.repeat(257) }, 'invalid_option', 'by'],
    [{ ip: 'x'.repeat(65) }, 'invalid_option', 'ip'],
    [{ who: 'me' }, 'unknown_option', 'who'],
  ])('and refuses %p, having done nothing', async (who, code, option) => {
    const { keyring, id, told } = await setting();
    expect(await failure(() => run(keyring, id, who))).toEqual([code, `${operation}.${option}`]);
    expect(told.filter(({ name }) => name === event)).toEqual([]);
    await keyring.close();
  });
});

describe('a succession', () => {
  it('tells of both keys in one event, and of none beside it', async () => {
    const { keyring, id, told } = await setting();
    const rotated = await keyring.rotate(id, WHO);
    const regenerated = await keyring.regenerate('acme', 'primary', WHO);
    const first = await keyring.regenerate('acme', 'secondary', WHO);
    expect(told).toEqual([
      { name: 'rotated', event: { at: START, apiKey: rotated.apiKey, previous: rotated.previous, ...WHO } },
      { name: 'regenerated', event: { at: START, apiKey: regenerated.apiKey, previous: regenerated.previous, ...WHO } },
      { name: 'regenerated', event: { at: START, apiKey: first.apiKey, previous: undefined, ...WHO } },
    ]);
    expect(JSON.stringify(told)).not.toContain(rotated.key.slice(22, 49));
    await keyring.close();
  });
});
