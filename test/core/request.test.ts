import { describe, expect, it } from '@jest/globals';
import { createKeyring } from 'keystile';

const keyring = createKeyring({ prefix: 'awx', scopes: { read: [] } });

describe('what verify is told', () => {
  it.each([
    [null, 'request'],
    [{ scopes: 'read' }, 'request.scopes'],
    [{ scopes: null }, 'request.scopes'],
    [{ ip: 5 }, 'request.ip'],
    [{ tenant: 7, ip: undefined }, 'request.tenant'],
    [{ realtime: 'yes' }, 'request.realtime'],
    [{ pth: '/x' }, 'request.pth'],
  ])('%j is refused by name', async (request, option) => {
    await expect(keyring.verify('awx_live_x', request as never)).rejects.toMatchObject({ name: 'ConfigurationError', option });
  });

  it('may leave fields undefined', async () => {
    await expect(keyring.verify('awx_live_x', { ip: undefined, tenant: null } as never)).resolves.toMatchObject({ ok: false, code: 'malformed_key' });
  });

  it('a page of keys has a whole number of them', async () => {
    await expect(keyring.list({ limit: 'a' as never })).rejects.toMatchObject({ option: 'list.limit' });
  });
});
