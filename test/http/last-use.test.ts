import { describe, expect, it } from '@jest/globals';
import { useApps } from '../support/app.js';
import { hosts } from '../support/hosts.js';
import { failing } from '../support/misbehaviour.js';

const start = useApps();

describe.each(hosts)('the last use of a key on $name', (host) => {
  it('is the time and the address of the last accepted request', async () => {
    const app = await start(host, { auth: { scopes: ['read'] } });
    const { key, id } = await app.issue({ scopes: ['read'] });
    const { key: weak, id: weakId } = await app.issue();
    await app.get('/items', { 'X-API-Key': key }).expect(200);
    await app.get('/items', { 'X-API-Key': weak }).expect(403);
    expect(await app.keyring.get(id)).toMatchObject({ lastUsedAt: app.clock.now(), lastUsedIp: '127.0.0.1' });
    expect(await app.keyring.get(weakId)).not.toHaveProperty('lastUsedAt');
  });

  it('takes the address from the option clientIp, and nothing from headers by itself', async () => {
    for (const [clientIp, expected] of [[undefined, '127.0.0.1'], [() => '203.0.113.7', '203.0.113.7'], [() => undefined, undefined], [() => 'unknown', undefined]] as const) {
      const app = await start(host, { auth: clientIp === undefined ? {} : { clientIp } });
      const { key, id } = await app.issue();
      await app.get('/items', { 'X-API-Key': key, 'X-Forwarded-For': '198.51.100.9' }).expect(200);
      expect((await app.keyring.get(id))?.lastUsedIp).toBe(expected);
    }
  });

  it('comes to no harm by a clientIp that fails: the request passes, a fault tells', async () => {
    for (const [how, clientIp] of failing) {
      const app = await start(host, { auth: { clientIp } });
      const { key, id } = await app.issue();
      await app.get('/items', { 'X-API-Key': key }).expect(200);
      expect([how, app.faults.length, app.reached()]).toEqual([how, 1, 1]);
      expect(await app.keyring.get(id)).toMatchObject({ lastUsedAt: app.clock.now() });
    }
  });
});
