import { describe, expect, it } from '@jest/globals';
import { apiKeyAuth, type AccessRules, type HostRequest } from 'keystile';
import { echo, useApps, type TestApp } from '../support/app.js';
import { EXPRESS_5, expresses, hosts } from '../support/hosts.js';
import { requestText } from '../support/raw-http.js';
import { useServers } from '../support/servers.js';

const start = useApps();
const listen = useServers();

/** The refusal of a request by code, or `ok`. */
async function ask(app: TestApp, key: string, lines: readonly string[] = [], target = '/items', method = 'GET'): Promise<string> {
  const [answer] = await app.raw(requestText([`X-API-Key: ${key}`, ...lines], { target, method }));
  return answer?.status === 200 ? 'ok' : (JSON.parse(answer?.body ?? '{}') as { code: string }).code;
}

describe.each(hosts)('endpoint rules on $name', (host) => {
  const issue = async (access: AccessRules): Promise<(target: string, method?: string) => Promise<string>> => {
    const app = await start(host);
    const { key } = await app.issue({ access });
    return async (target, method) => ask(app, key, [], target, method);
  };

  it('allow what they list and nothing else', async () => {
    const to = await issue({ endpoints: { allow: ['GET /orders/:id', '/reports/*rest'] } });
    for (const target of ['/orders/7', '/orders/7?expand=1', '/ORDERS/7', '/orders/7/', '/reports/2026/q1']) expect([target, await to(target)]).toEqual([target, 'ok']);
    for (const target of ['/orders', '/orders/7/lines', '/', '/reports', '/admin']) expect([target, await to(target)]).toEqual([target, 'endpoint_not_allowed']);
    expect([await to('/orders/7', 'POST'), await to('/orders/7', 'DELETE'), await to('/reports/1', 'POST')]).toEqual(['endpoint_not_allowed', 'endpoint_not_allowed', 'ok']);
  });

  it('deny a path however it is spelt', async () => {
    const to = await issue({ endpoints: { deny: ['/admin', '/admin/*rest'] } });
    for (const target of ['/admin', '/ADMIN', '/admin/', '/%61dmin', '/%41DMIN/x', '/admin/users', '/admin?x', '/admin.json', '//admin', '/x/../admin', '/x/%2e%2e/admin', '/admin%2fusers', '/admin;v=1', '/admin\\x', '/./admin', '/admin%00', '/%2561dmin', '/admin%', 'http://evil/admin']) {
      expect([target, await to(target)]).toEqual([target, 'endpoint_not_allowed']);
    }
    for (const target of ['/', '/adminx', '/items/admin', '/caf%C3%A9']) expect([target, await to(target)]).toEqual([target, 'ok']);
  });

  it('of no endpoint, or an empty list, allow nothing; an empty deny list denies nothing', async () => {
    for (const [endpoints, expected] of [['none', 'endpoint_not_allowed'], [{ allow: [] }, 'endpoint_not_allowed'], ['all', 'ok'], [{ deny: [] }, 'ok']] as const) expect(await (await issue({ endpoints }))('/items')).toBe(expected);
  });

  it('count HEAD as GET', async () => {
    const app = await start(host);
    const { key } = await app.issue({ access: { endpoints: { allow: ['GET /items'] } } });
    expect((await app.agent.head('/items').set('X-API-Key', key)).status).toBe(200);
    expect((await app.agent.head('/other').set('X-API-Key', key)).status).toBe(403);
  });
});

describe.each(hosts)('address rules on $name', (host) => {
  it('look at the socket, and at no forwarded header', async () => {
    const app = await start(host);
    const [here, elsewhere, not] = [await app.issue({ access: { ips: { allow: ['127.0.0.0/8'] } } }), await app.issue({ access: { ips: { allow: ['203.0.113.7'] } } }), await app.issue({ access: { ips: { deny: ['127.0.0.1'] } } })];
    const claims = ['X-Forwarded-For: 203.0.113.7', 'Forwarded: for=203.0.113.7', 'X-Real-IP: 203.0.113.7', 'CF-Connecting-IP: 203.0.113.7', 'True-Client-IP: 203.0.113.7'];
    expect([await ask(app, here.key), await ask(app, elsewhere.key), await ask(app, not.key)]).toEqual(['ok', 'ip_not_allowed', 'ip_not_allowed']);
    expect([await ask(app, here.key, claims), await ask(app, elsewhere.key, claims), await ask(app, not.key, claims)]).toEqual(['ok', 'ip_not_allowed', 'ip_not_allowed']);
  });

  it('look at clientIp where the host tells it', async () => {
    const app = await start(host, { auth: { clientIp: (req) => req.headers['x-ip'] as string | undefined } });
    const { key } = await app.issue({ access: { ips: { allow: ['2001:db8::/32', '203.0.113.7'], deny: ['2001:db8:bad::/48'] } } });
    for (const [ip, expected] of [['203.0.113.7', 'ok'], ['::ffff:203.0.113.7', 'ok'], ['::ffff:cb00:7107', 'ok'], ['2001:db8::1', 'ok'], ['2001:DB8:0::1', 'ok'], ['2001:db8:bad::1', 'ip_not_allowed'], ['203.0.113.8', 'ip_not_allowed']]) {
      expect([ip, await ask(app, key, [`X-IP: ${ip}`])]).toEqual([ip, expected]);
    }
  });
});

describe.each(expresses)('address rules behind a proxy on %s', (_name, create) => {
  it('see the client that a trusted proxy names', async () => {
    const { keyring, issue } = await start(EXPRESS_5);
    const { key } = await issue({ access: { ips: { allow: ['203.0.113.7'] } } });
    for (const [trust, forwarded, status] of [[1, '203.0.113.7', 200], [1, '203.0.113.7, 198.51.100.1', 403], [1, '198.51.100.1, 203.0.113.7', 200], [false, '203.0.113.7', 403], [1, 'unknown', 403], [1, '', 403]] as const) {
      const server = create();
      server.set('trust proxy', trust);
      server.use(apiKeyAuth(keyring), echo as never);
      const app = await listen(server);
      expect([trust, forwarded, (await app.get('/items', { 'X-API-Key': key, 'X-Forwarded-For': forwarded })).status]).toEqual([trust, forwarded, status]);
    }
  });
});

describe.each(hosts)('origin rules on $name', (host) => {
  it('believe Origin first, then Referer, and neither when repeated', async () => {
    const app = await start(host);
    const { key } = await app.issue({ access: { origins: ['https://app.example.com', '*.shop.example'] } });
    for (const lines of [['Origin: https://app.example.com'], ['Origin: HTTPS://APP.example.com'], ['Referer: https://app.example.com/page?x#y'], ['Origin: https://a.b.shop.example']]) expect([lines, await ask(app, key, lines)]).toEqual([lines, 'ok']);
    const refused = [[], ['Origin: null'], ['Origin:'], ['Origin: https://evil.example'], ['Origin: http://app.example.com'], ['Origin: https://shop.example'], ['Origin: https://app.example.com.evil.example'], ['Origin: https://evil.example', 'Referer: https://app.example.com/'], ['Origin: null', 'Referer: https://app.example.com/'], ['Origin: https://app.example.com', 'Origin: https://app.example.com'], ['Origin: https://app.example.com, https://evil.example'], ['Referer: https://app.example.com/', 'Referer: https://evil.example/'], ['Referer: https://app.example.com@evil.example/']];
    for (const lines of refused) expect([lines, await ask(app, key, lines)]).toEqual([lines, 'origin_not_allowed']);
  });

  it('for servers only refuse whatever shows a browser', async () => {
    const app = await start(host);
    const { key } = await app.issue({ access: { origins: 'server-only' } });
    expect(await ask(app, key)).toBe('ok');
    for (const line of ['Origin: https://app.example.com', 'Origin: null', 'Origin:', 'Sec-Fetch-Site: same-origin', 'Sec-Fetch-Mode: navigate', 'sec-fetch-dest: empty', 'SEC-FETCH-USER: ?1']) expect([line, await ask(app, key, [line])]).toEqual([line, 'origin_not_allowed']);
    expect(await ask(app, key, ['Sec-Fetch-Mode: cors', 'Sec-Fetch-Site: cross-site', 'Sec-Fetch-Dest: empty'])).toBe('origin_not_allowed');
  });

  it('for servers only work with the fetch that Node brings along', async () => {
    const app = await start(host);
    const { key } = await app.issue({ access: { origins: 'server-only' } });
    expect((await fetch(`http://127.0.0.1:${String(app.port)}/items`, { headers: { 'X-API-Key': key } })).status).toBe(200);
  });
});

describe.each(hosts)('the order of rules on $name', (host) => {
  it('is status, tenant, environment, address, origin, endpoint, scopes', async () => {
    const app = await start(host, { auth: { tenant: (req: HostRequest) => req.headers['x-tenant'] as string | undefined, scopes: ['write'], clientIp: (req) => req.headers['x-ip'] as string | undefined } });
    const { key, id } = await app.issue({ tenantId: 'shop', access: { ips: { allow: ['203.0.113.7'] }, origins: ['https://app.example.com'], endpoints: { allow: ['/items'] } } });
    const right = { tenant: 'X-Tenant: shop', ip: 'X-IP: 203.0.113.7', origin: 'Origin: https://app.example.com' };
    expect(await ask(app, key, [], '/no')).toBe('wrong_tenant');
    expect(await ask(app, key, [right.tenant], '/no')).toBe('ip_not_allowed');
    expect(await ask(app, key, [right.tenant, right.ip], '/no')).toBe('origin_not_allowed');
    expect(await ask(app, key, Object.values(right), '/no')).toBe('endpoint_not_allowed');
    expect(await ask(app, key, Object.values(right))).toBe('insufficient_scope');
    await app.keyring.disable(id);
    expect(await ask(app, key, [], '/no')).toBe('disabled_key');
  });
});
