import { describe, expect, it } from '@jest/globals';
import { createKeyring, type HostRequest } from 'keystile';
import { dashboard } from 'keystile/admin';
import { hosts, NODE_HTTP } from '../support/hosts.js';
import { useServers } from '../support/servers.js';

const listen = useServers();
const keyring = createKeyring({ prefix: 'awx' });

const authorize = ({ headers }: HostRequest) => (headers['x-user'] === 'ann' ? { actor: 'ann', tenants: 'all' as const, may: ['admin' as const] } : undefined);

const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

describe.each(hosts)('the dashboard on $name', (host) => {
  it.each(['', '/keys', '/admin/api/keys', '/a-b.c/~keys'])("stands under '%s', with and without a slash at its end", async (mount) => {
    const page = dashboard(keyring, { authorize, ...(host === NODE_HTTP && { path: mount }) });
    const server = await listen(host.listener([mount === '' ? page : [mount, page]]));
    const { text } = await server.get(`${mount}/`).expect(200).expect('Content-Type', 'text/html; charset=utf-8').expect('Cache-Control', 'no-store');
    const assets = Array.from(text.matchAll(/(?:src|href)="\.(\/assets\/[^"]+)"/g), ([, path = '']) => path);
    expect(assets).toHaveLength(2);
    for (const path of assets) {
      const answer = await server.get(mount + path).expect(200).expect('Cache-Control', 'public, max-age=31536000, immutable');
      expect([answer.headers['content-encoding'], answer.headers['content-type']]).toEqual(['gzip', expect.stringMatching(/^text\/(?:javascript|css); charset=utf-8$/)]);
    }
    if (mount !== '') {
      const moved = await server.get(`${mount}?x=1`).expect(308);
      expect(new URL(moved.headers['location'] ?? '', `http://example.com${mount}`).href).toBe(`http://example.com${mount}/`);
      await server.get('/elsewhere').expect(404);
    }
    await server.get(`${mount}/api/settings`).expect(401);
    const { body } = await server.get(`${mount}/api/settings`, { 'x-user': 'ann' }).expect(200);
    expect(body.actor).toBe('ann');
    const document = await server.get(`${mount}/api/openapi.json`).expect(200);
    expect(document.body.servers).toEqual([{ url: `${mount}/api` }]);
  });

  it('sends what keeps a browser from doing more than it should, with every answer', async () => {
    const server = await listen(host.listener([['/keys', dashboard(keyring, { authorize, ...(host === NODE_HTTP && { path: '/keys' }) })]]));
    for (const path of ['/keys/', '/keys', '/keys/assets/x.js', '/keys/../x', '/keys/api/settings', '/keys/api/keys', '/keys/api/nothing']) {
      const { headers } = await server.get(path);
      expect([path, Object.fromEntries(Object.keys(HEADERS).map((name) => [name, headers[name]]))]).toEqual([path, HEADERS]);
    }
  });

  it('has no files but its own, and takes nothing but questions', async () => {
    const server = await listen(host.listener([['/keys', dashboard(keyring, { authorize, ...(host === NODE_HTTP && { path: '/keys' }) })]]));
    for (const path of ['/keys/folder.cjs', '/keys/assets', '/keys/assets/', '/keys/assets/..%2fpackage.json', '/keys/%2e%2e/package.json', '/keys/__proto__', '/keys/constructor', '/keys/%', '/keys/index.html']) {
      const { status, text } = await server.get(path);
      expect([path, status, text]).toEqual([path, 404, '']);
    }
    await server.agent.post('/keys/').expect(405).expect('Allow', 'GET, HEAD');
    const head = await server.agent.head('/keys/').expect(200);
    expect(Number(head.headers['content-length'])).toBeGreaterThan(500);
  });

  it('refuses changes from pages of other sites', async () => {
    const server = await listen(host.listener([['/keys', dashboard(keyring, { authorize, ...(host === NODE_HTTP && { path: '/keys' }) })]]));
    const before = (await keyring.list()).keys.length;
    for (const headers of [{ 'Sec-Fetch-Site': 'cross-site' }, { 'Sec-Fetch-Site': 'same-site' }, { Origin: 'https://evil.example' }, { Origin: 'null' }]) {
      const answer = await server.agent.post('/keys/api/keys').set({ 'x-user': 'ann', ...headers }).send({ name: 'x' });
      expect([answer.status, answer.body.code]).toEqual([403, 'cross_site_request']);
    }
    expect((await keyring.list()).keys).toHaveLength(before);
  });
});

describe('options of the dashboard', () => {
  const [host] = hosts;

  it.each([
    ['signInUrl', 'javascript:alert(1)'],
    ['signInUrl', '//evil.example'],
    ['signInUrl', '/\\evil.example'],
    ['signInUrl', '/\t/evil.example'],
    ['signInUrl', '/\n\\evil.example'],
    ['signInUrl', 'login'],
    ['curl', 'curl https://api.example.com'],
    ['colour', 'blue'],
    ['authorize', undefined],
  ])('refuse %s: %s, by name', (name, value) => {
    expect(() => dashboard(keyring, { authorize, [name]: value })).toThrow(name);
  });

  it('tell the page in text alone what it is to know', async () => {
    const hostile = '/login?next="><script>alert(1)</script>&a=\'b\'';
    const server = await listen(host!.listener([['/keys', dashboard(keyring, { authorize, signInUrl: hostile, curl: '$& {key} "x" <b>' })]]));
    const { text } = await server.get('/keys/').expect(200);
    expect(text.match(/<script/g)).toHaveLength(1);
    expect(text).toContain('content="/login?next=&#34;&#62;&#60;script&#62;alert(1)&#60;/script&#62;&#38;a=&#39;b&#39;"');
    expect(text).toContain('content="$&#38; {key} &#34;x&#34; &#60;b&#62;"');
  });

  it('leave out compression for whoever cannot read it', async () => {
    const server = await listen(host!.listener([['/keys', dashboard(keyring, { authorize })]]));
    for (const [accepted, isZipped] of [['identity', false], ['gzip;q=0', false], ['br, gzip', true], ['gzip;q=0.5', true]] as const) {
      const { headers, text } = await server.agent.get('/keys/').set('Accept-Encoding', accepted);
      expect([accepted, headers['content-encoding']]).toEqual([accepted, isZipped ? 'gzip' : undefined]);
      expect(text).toContain('<div id="app">');
    }
  });
});
