import { describe, expect, it } from '@jest/globals';
import { apiKeyAuth } from 'keystile';
import { request, type RequestListener } from 'node:http';
import { createServer } from 'node:https';
import { connect } from 'node:tls';
import { useApps } from '../support/app.js';
import { expresses, hosts } from '../support/hosts.js';
import { useServers } from '../support/servers.js';

const start = useApps();
const listen = useServers();

// A shared secret in place of certificates: TLS all the same, and nothing to renew.
const psk = Buffer.alloc(32, 7);
const settings = { ciphers: 'PSK', maxVersion: 'TLSv1.2' } as const;
const overTls = (listener: RequestListener) => createServer({ ...settings, pskCallback: () => psk }, listener);

async function statusOverTls(port: number, headers: Record<string, string>): Promise<number | undefined> {
  const createConnection = () => connect({ ...settings, port, host: '127.0.0.1', pskCallback: () => ({ psk, identity: 'test' }), checkServerIdentity: () => undefined });
  return new Promise((resolve, reject) => {
    request({ port, path: '/items', headers: { ...headers, Connection: 'close' }, createConnection }, (response) => {
      response.resume().on('end', () => {
        resolve(response.statusCode);
      });
    }).on('error', reject).end();
  });
}

describe.each(hosts)('requireHttps on $name', (host) => {
  it('refuses plain connections, whatever their headers claim, before looking at the key', async () => {
    const app = await start(host, { auth: { requireHttps: true } });
    const { key } = await app.issue();
    for (const claim of [{}, { 'X-Forwarded-Proto': 'https' }, { Forwarded: 'proto=https' }, { 'X-Forwarded-Ssl': 'on' }, { 'X-Url-Scheme': 'https' }]) {
      await app.get('/items', { ...(claim as Record<string, string>), 'X-API-Key': key }).expect(403).expect(({ body }) => {
        expect(body.code).toBe('insecure_transport');
      });
    }
    await app.get('/items').expect(403);
    expect(app.reached()).toBe(0);
  });

  it('lets TLS through', async () => {
    const { keyring, issue } = await start(host);
    const auth = host.apiKeyAuth(keyring, { requireHttps: true });
    const { port } = await listen(host.listener([auth, (_req, res) => res.end()]), overTls);
    expect(await statusOverTls(port, { 'X-API-Key': (await issue()).key })).toBe(200);
    expect(await statusOverTls(port, {})).toBe(401);
  });
});

describe.each(expresses)('requireHttps behind a proxy on %s', (_name, create) => {
  it('believes the proxy that Express has been told to trust, and no other', async () => {
    const { keyring, issue } = await start(hosts[0]!);
    const { key } = await issue();
    for (const [trust, status] of [[true, 200], ['loopback', 200], [false, 403], ['203.0.113.1', 403]] as const) {
      const server = create();
      server.set('trust proxy', trust);
      server.use(apiKeyAuth(keyring, { requireHttps: true }), ((_req: unknown, res: { end(): void }) => { res.end(); }) as never);
      const app = await listen(server);
      await app.get('/items', { 'X-API-Key': key, 'X-Forwarded-Proto': 'https' }).expect(status);
      await app.get('/items', { 'X-API-Key': key }).expect(403);
    }
  });
});
