import { describe, expect, it } from '@jest/globals';
import { createKeyring } from '../../src/keyring.js';
import type { KeyringOptions } from '../../src/core/keyring-options.js';
import type { Activity, ActivityLog } from '../../src/core/ports.js';
import { memoryActivity } from '../../src/memory/activity.js';
import { perMinute } from '../../src/core/limits/rules.js';
import { fakeClock } from '../../src/testing/fake-clock.js';

function ring(options: Partial<KeyringOptions> = {}) {
  const clock = fakeClock();
  return { clock, keyring: createKeyring<string, string>({ prefix: 'awx', scopes: { read: [] }, clock, activity: memoryActivity(), ...options }) };
}

describe('activity', () => {
  it('tells who did what to a key, and what was done with it, newest first', async () => {
    const { clock, keyring } = ring({ limits: { default: [perMinute(1)] } });
    const { key, apiKey } = await keyring.create({ name: 'one', tenantId: 't', scopes: ['read'] }, { by: 'ann', ip: '192.0.2.9' });
    const request = { ip: '203.0.113.7', method: 'GET', path: '/v1/orders?api_key=secret', scopes: ['read'] };
    clock.advance(1);
    await keyring.verify(key, request);
    clock.advance(1);
    await keyring.verify(key, request);
    await keyring.verify(key, { ...request, scopes: ['admin'] });
    await keyring.revoke(apiKey.id, { by: 'bob', reason: 'left' });
    await keyring.verify(key, {});
    const { entries } = await keyring.activity({ keyId: apiKey.id });
    const start = clock.now() - 2;
    const common = { keyId: apiKey.id, tenantId: 't' };
    const asked = { action: 'request', ip: '203.0.113.7', method: 'GET', path: '/v1/orders', ...common };
    expect(entries).toEqual([
      { at: start + 2, action: 'request', result: 'revoked_key', ...common },
      { at: start + 2, action: 'revoked', result: 'ok', by: 'bob', ...common },
      { at: start + 2, result: 'insufficient_scope', ...asked },
      { at: start + 2, result: 'rate_limited', ...asked },
      { at: start + 1, result: 'ok', ...asked },
      { at: start, action: 'created', result: 'ok', by: 'ann', ip: '192.0.2.9', ...common },
    ]);
    expect(JSON.stringify(entries)).not.toContain(key.slice(-20));
    expect(JSON.stringify(entries)).not.toContain('secret');
  });

  it('shows whoever reviews a key what took its place, who has tried in vain, and its end', async () => {
    const { clock, keyring } = ring();
    const { apiKey } = await keyring.create({ name: 'one', tenantId: 't', slot: 'primary' });
    const { apiKey: next } = await keyring.rotate(apiKey.id, { by: 'ann', ip: '192.0.2.9', gracePeriod: 0 });
    const failures: unknown[] = [];
    keyring.on('failed', ({ action, code, apiKey: { id }, by }) => failures.push([action, code, id, by]));
    await expect(keyring.rotate(apiKey.id, { by: 'bob' })).rejects.toMatchObject({ code: 'already_rotated' });
    await expect(keyring.update(next.id, { name: 'two' }, { version: 7, by: 'carl' })).rejects.toMatchObject({ code: 'version_conflict' });
    await expect(keyring.update('nobody', { name: 'two' })).rejects.toMatchObject({ code: 'key_not_found' });
    expect(failures).toEqual([['rotated', 'already_rotated', apiKey.id, 'bob'], ['updated', 'version_conflict', next.id, 'carl']]);
    const { apiKey: last } = await keyring.regenerate('t', 'primary', { by: 'dora' });
    await keyring.delete(last.id);
    clock.advance(31 * 86_400_000);
    await keyring.purge();
    const told = async (keyId: string): Promise<unknown[]> => (await keyring.activity({ keyId, tenantId: 't' })).entries.map(({ action, result, by }) => [action, result, by]);
    expect(await told(apiKey.id)).toEqual([['rotated', 'already_rotated', 'bob'], ['replaced', 'ok', 'ann'], ['created', 'ok', undefined]]);
    expect(await told(next.id)).toEqual([['replaced', 'ok', 'dora'], ['updated', 'version_conflict', 'carl'], ['rotated', 'ok', 'ann']]);
    expect(await told(last.id)).toEqual([['purged', 'ok', undefined], ['deleted', 'ok', undefined], ['regenerated', 'ok', 'dora']]);
  });

  it('shows no key that somebody has put into a path', async () => {
    const { keyring } = ring();
    const { key, apiKey: { masked } } = await keyring.create({ name: 'one' });
    const encoded = key.replaceAll('_', '%5F');
    for (const path of [`/v1/${key}`, `/v1/-${key}/x`, `/v1/${encoded}`, `/${'a'.repeat(490)}/${key}`, '/v1/orders/0123456789abcdef0123456789abcdef']) await keyring.verify(key, { path });
    const paths = (await keyring.activity()).entries.filter(({ action }) => action === 'request').map(({ path }) => path);
    for (const path of paths) expect(path).not.toContain(key.slice(22, -4));
    expect(paths.slice(0, 5).reverse().slice(0, 1)).toEqual([`/v1/${masked}`]);
    expect(paths[0]).toBe('/v1/orders/0123456789abcdef0123456789abcdef');
  });

  it('is not written by whoever has proven nothing', async () => {
    const { keyring } = ring();
    const { key } = await keyring.create({ name: 'one' });
    await keyring.verify(keyring.format.generate({ environment: 'live' }).key);
    await keyring.verify(`${key.slice(0, -1)}!`);
    expect((await keyring.activity()).entries.map(({ action }) => action)).toEqual(['created']);
  });

  it('is kept by tenant, in pages that neither repeat nor hide what comes in meanwhile', async () => {
    const { keyring } = ring();
    for (let index = 0; index < 12; index++) await keyring.create({ name: String(index), tenantId: index % 2 === 0 ? 'even' : 'odd' });
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await keyring.activity({ tenantId: 'even', limit: 2, ...(cursor !== undefined && { cursor }) });
      await keyring.create({ name: 'meanwhile', tenantId: 'even' });
      seen.push(...page.entries.map(({ keyId }) => keyId));
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    expect(new Set(seen).size).toBe(6);
    expect(seen).toHaveLength(6);
    expect((await keyring.activity({ cursor: 'nonsense' })).entries).toEqual([]);
    expect((await keyring.activity({ cursor: '999999999999' })).entries.length).toBeGreaterThan(0);
  });

  it('forgets the oldest when its memory is full', async () => {
    const log = memoryActivity({ max: 3 });
    await log.append([1, 2, 3, 4, 5].map((at): Activity => ({ at, action: 'request', result: 'ok', keyId: 'a' })));
    const { entries } = await log.list({ limit: 10 });
    expect(entries.map(({ at }) => at)).toEqual([5, 4, 3]);
    expect(Object.isFrozen(entries[0])).toBe(true);
  });

  it('holds up no request: a log that fails is reported, and what it did not take comes again', async () => {
    const written: Activity[] = [];
    let broken = true;
    const log: ActivityLog = {
      append(entries) {
        if (broken) throw new Error('disk full');
        written.push(...entries);
      },
      list: () => ({ entries: written }),
    };
    const { keyring } = ring({ activity: log });
    const faults: unknown[] = [];
    keyring.on('fault', ({ error }) => faults.push(error));
    const { key } = await keyring.create({ name: 'one' });
    expect((await keyring.verify(key)).ok).toBe(true);
    await keyring.flush();
    expect(faults).toHaveLength(1);
    broken = false;
    await keyring.verify(key);
    await keyring.close();
    expect(written.map(({ action }) => action)).toEqual(['created', 'request', 'request']);
  });

  it('can only be asked for where it is kept', async () => {
    const keyring = createKeyring({ prefix: 'awx' });
    await expect(keyring.activity()).rejects.toMatchObject({ code: 'invalid_option', option: 'activity' });
    expect(() => createKeyring({ prefix: 'awx', activity: {} as never })).toThrow('activity: must have the method append');
    expect(() => memoryActivity({ max: 0 })).toThrow('memoryActivity.max');
    await expect(ring().keyring.activity({ limit: 'x' as never })).rejects.toMatchObject({ option: 'activity.limit' });
  });
});
