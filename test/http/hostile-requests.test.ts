import { describe, expect, it, jest } from '@jest/globals';
import type { AccessRules, ApiKeyAuthOptions, HostRequest } from 'keystile';
import { requestText } from '../support/raw-http.js';
import { fortress, type Attack } from '../support/hostile.js';
import { useApps, type Scope } from '../support/app.js';
import { CONNECT, hosts } from '../support/hosts.js';
import { useServers } from '../support/servers.js';

jest.setTimeout(60_000);
const listen = useServers();
const start = useApps();
const methods = ['GET', 'HEAD', 'POST', 'OPTIONS', 'DELETE', 'PROPFIND'];

interface Request {
  readonly lines?: readonly string[];
  readonly target?: string;
  readonly method?: string;
  readonly version?: string;
}

/** Sends requests with a valid key of some restrictions to all four hosts; each must be refused with the code. */
async function expectRefused(access: AccessRules, code: string, requests: readonly Request[], auth: ApiKeyAuthOptions<Scope> = {}): Promise<void> {
  const against = await fortress(listen, auth);
  const { key } = await against.keyring.create({ name: 'restricted', access });
  const attacks = requests.map(({ lines = [], ...request }): Attack => ({
    name: JSON.stringify([request, lines]).slice(0, 160),
    bytes: requestText([`X-API-Key: ${key}`, ...lines], request),
    expect: request.method === 'HEAD' ? 403 : code,
    secrets: [key],
  }));
  expect(await against.withstand(attacks)).toEqual([]);
}

/** Spellings of a path that some router, proxy or file server takes for it. */
function respellings(path: string): string[] {
  const [, first = '', ...rest] = path.split('/');
  const tail = rest.map((segment) => `/${segment}`).join('');
  const letters = [...first].map((letter, index) => first.slice(0, index) + `%${letter.charCodeAt(0).toString(16)}` + first.slice(index + 1));
  const heads = [first, first.toUpperCase(), ...letters, ...letters.map((each) => each.toUpperCase()), `%25${letters[0]?.slice(1) ?? ''}`, `./${first}`, `x/../${first}`, `x/%2e%2e/${first}`, `x/.%2E/${first}`, `/${first}`, `;v=1/${first}`, `${first};v=1`, `${first}%3bv=1`, `%2f${first}`, `\\${first}`, `%5c${first}`, `${first}%00`, `${first}%`, `${first}%zz`, `${first}%c0%af`, `${first}.json`];
  return heads.flatMap((head) => [`/${head}${tail}`, `/${head}${tail}/`, `/${head}${tail}?a=/items`, `/${head}${tail}/.`, `/${head}${tail}//`]);
}

describe('hostile targets, on all four hosts alike', () => {
  it('do not reach what a key is denied, however they are spelt', async () => {
    const targets = [...respellings('/admin'), ...respellings('/admin/users')];
    expect(targets.length).toBeGreaterThan(200);
    await expectRefused({ endpoints: { deny: ['/admin', '/admin/*rest'] } }, 'endpoint_not_allowed', targets.map((target, index) => ({ target, method: methods[index % methods.length] ?? 'GET' })));
  });

  it('do not reach more than a key is allowed', async () => {
    const targets = [...respellings('/admin'), '/items/..', '/items/../admin', '/items/%2e%2e/admin', '/items//7', '/items/7/8', '/items;/7', '/items/7;x', '/items/%2f', '/items/a%2fb', '/items\\7', '//items/7', '/items/7%', '/items/%ff', '/items/%00', '/items/7#x', '/items'];
    await expectRefused({ endpoints: { allow: ['GET /items/:id'] } }, 'endpoint_not_allowed', targets.map((target, index) => ({ target, version: index % 2 === 0 ? '1.0' : '1.1' })));
  });

  it('in absolute or authority form are refused for a key with endpoint rules', async () => {
    const targets = ['http://api.example.com/items', 'http://evil.example/items', 'HTTP://evil/items', 'https://evil/items', 'http://evil', 'http://user:pass@evil/items', 'http://evil/items?x#y', 'ftp://evil/items', 'http:///items', '///items', '//evil/items', '/\\evil/items'];
    const everywhere = methods.flatMap((method) => targets.map((target) => ({ method, target })));
    for (const endpoints of [{ allow: ['/items', '/*rest'] }, { deny: ['/admin'] }]) await expectRefused({ endpoints }, 'endpoint_not_allowed', everywhere);
  });

  it('with a method of another name, case or disguise are judged by the one on the wire', async () => {
    const lines = ['X-HTTP-Method-Override: GET', 'X-HTTP-Method: GET', 'X-Method-Override: GET'];
    await expectRefused({ endpoints: { allow: ['GET /items'] } }, 'endpoint_not_allowed', ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'QUERY', 'PURGE'].map((method) => ({ method, lines, target: '/items?_method=GET' })));
  });

  it('that are very long cost no more than a refusal', async () => {
    const slow = Array.from({ length: 40 }, (_, index) => `/:a-:b-:c/x${index}`);
    await expectRefused({ endpoints: { allow: slow } }, 'endpoint_not_allowed', [{ target: `/${'-'.repeat(2_000)}` }, { target: `/${'a-'.repeat(4_000)}` }, { target: `/${'%61'.repeat(600)}` }, { target: `/${'a/'.repeat(6_000)}` }]);
  });

  it('without any rule go where their host sends them, in every form', async () => {
    const against = await fortress(listen);
    const { key } = await against.keyring.create({ name: 'free' });
    for (const target of ['http://evil/items', '//items', '/%', '/items;x']) {
      const complaints = await against.withstand([{ name: target, bytes: requestText([`X-API-Key: ${key}`], { target }), expect: 200 }]);
      expect([target, new Set(complaints)]).toEqual([target, new Set([`reached: GET ${target}`])]);
    }
  });
});

describe.each(hosts)('OPTIONS * on $name', (host) => {
  it('meets the middleware, or nothing at all', async () => {
    const app = await start(host);
    const [free, restricted] = [await app.issue(), await app.issue({ access: { endpoints: { deny: ['/admin'] } } })];
    const statusOf = async (lines: readonly string[]): Promise<number | undefined> => (await app.raw(requestText(lines, { method: 'OPTIONS', target: '*' })))[0]?.status;
    const statuses = [await statusOf([]), await statusOf([`X-API-Key: ${restricted.key}`]), await statusOf([`X-API-Key: ${free.key}`])];
    // Connect gives `*` to no mount, so neither the middleware nor anything behind it is reached.
    expect([statuses, app.reached()]).toEqual(host === CONNECT ? [[404, 404, 404], 0] : [[401, 403, 200], 1]);
  });
});

describe('hostile senders, on all four hosts alike', () => {
  it('do not pass as an allowed origin', async () => {
    const origins = ['', 'null', 'NULL', 'file://', 'https://', 'https://app.example.com/', 'https://app.example.com.', 'https://app.example.com:443x', 'https://app.example.com:0443', 'https://app.example.com:444', 'https://user@app.example.com', 'https://app.example.com, https://app.example.com', 'https://app.example.com https://evil', 'https://xapp.example.com', 'https://app.example.comx', 'https://app%2eexample.com', 'app.example.com', '//app.example.com', 'https://app.example.com\\@evil', 'https://\u00e4pp.example.com', `https://${'a'.repeat(4_000)}.example.com`, '__proto__', 'constructor'];
    const requests: Request[] = origins.flatMap((origin) => [{ lines: [`Origin: ${origin}`] }, { lines: [`Origin: ${origin}`, 'Referer: https://app.example.com/'] }, { lines: ['Origin: https://app.example.com', `origin: ${origin}`] }]);
    const referers = ['', 'null', 'about:blank', 'https://evil/https://app.example.com', 'https://evil#https://app.example.com', 'https://app.example.com@evil/', 'https:app.example.com', `https://evil/${'a'.repeat(9_000)}`, '/items'];
    requests.push({}, ...referers.flatMap((referer) => [{ lines: [`Referer: ${referer}`] }, { lines: ['Referer: https://app.example.com/', `referer: ${referer}`] }]));
    expect(requests.length).toBeGreaterThan(80);
    await expectRefused({ origins: ['https://app.example.com'] }, 'origin_not_allowed', requests);
  });

  it('that show a browser do not pass as a server', async () => {
    const lines = ['Origin: https://a.example', 'Origin: null', 'Origin:', 'oRiGiN: x', 'Sec-Fetch-Mode: navigate', 'SEC-FETCH-SITE: none', 'sec-fetch-dest:', 'Sec-Fetch-User: ?1', 'Sec-Fetch-Storage-Access: none'];
    await expectRefused({ origins: 'server-only' }, 'origin_not_allowed', lines.flatMap((line) => [{ lines: [line] }, { lines: [line, line] }, { lines: [line], method: 'OPTIONS' }]));
  });

  it('with an address that cannot be read are at no allowed and at no other address', async () => {
    const clientIp = (req: HostRequest): string | undefined => req.headers['x-ip'] as string | undefined;
    const addresses = ['', 'unknown', '_hidden', '127.0.0.1:80', '[::1]', '[::1]:80', '010.0.0.1', '127.1', '2130706433', '0x7f.0.0.1', '127.0.0.1.', '127.0.0.1, 10.0.0.1', '1.2.3', '256.1.1.1', '::1%lo', ':::', '1::2::3', '12345::', '::ffff:999.1.1.1', '::ffff:127.0.0.1%lo', 'a'.repeat(5_000), '__proto__', '127.0.0.1\u00a0', '١٢٧'.replace(/./g, '\u00b2')];
    const requests = [{}, ...addresses.map((address) => ({ lines: [`X-IP: ${address}`] }))];
    for (const ips of [{ allow: ['0.0.0.0/0', '::/0'] }, { deny: ['198.51.100.1'] }]) await expectRefused({ ips }, 'ip_not_allowed', requests, { clientIp });
  });
});
