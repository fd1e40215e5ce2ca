import { describe, expect, it } from '@jest/globals';
import type { Middleware } from 'keystile';
import { SignJWT } from 'jose';
import { createPrivateKey } from 'node:crypto';
import { carriesDelegatedToken } from '../../src/http/delegated-token.js';
import { json } from '../support/app.js';
import { hosts } from '../support/hosts.js';
import { useServers } from '../support/servers.js';
import { asBearer, bench, ISSUER, SIGNING_KEYS } from './support.js';

const listen = useServers();
const person: Middleware = (_req, res) => { json(res, { who: 'a person' }); };
const signed = async (claims: object, issuer = ISSUER): Promise<string> =>
  new SignJWT({ iss: issuer, sub: 'ada', ...claims }).setProtectedHeader({ alg: 'EdDSA', kid: 'session' }).sign(createPrivateKey({ key: SIGNING_KEYS.EdDSA, format: 'jwk' } as never));

describe.each(hosts)('forbidApiKeys on $name', (host) => {
  it('refuses whoever comes with a token that bearerToken has let in', async () => {
    const made = bench();
    const auth = host.apiKeyAuth(made.keyring, { required: false });
    const server = await listen(host.listener([made.accept({ required: false }), auth, auth.forbidApiKeys(), person]));
    await server.get('/account').expect(200);
    await server.get('/account', asBearer((await made.token()).token)).expect(403).expect(({ body }) => { expect(body.code).toBe('api_key_not_accepted'); });
  });

  it('refuses an exchanged token where bearerToken has never run, wherever a host may look for one', async () => {
    const made = bench();
    const guard = host.apiKeyAuth(made.keyring).forbidApiKeys();
    const server = await listen(host.listener([guard, person]));
    const { token } = await made.token();
    const ways: readonly (readonly [path: string, headers: Record<string, string>])[] = [
      ['/account', asBearer(token)],
      ['/account', { Authorization: `bearer   ${token}` }],
      ['/account', { Authorization: `DPoP ${token}` }],
      ['/account', { Authorization: `Basic ${Buffer.from('x').toString('base64')}, Bearer ${token}` }],
      ['/account', { Cookie: `a=b; session=${token}; c=d` }],
      ['/account', { Cookie: `session=%65yJ${token.slice(3)}` }],
      ['/account', { 'X-Access-Token': token }],
      [`/account?access_token=${token}`, {}],
      [`/account?access_token=${token.replaceAll('.', '%2E')}`, {}],
      ['/account', asBearer(`${token}x`)],
      [`/account?t=eyJx.${token}`, {}],
      ['/account', { Cookie: `session=s:x${token}` }],
    ];
    for (const [path, headers] of ways) await server.get(path, headers).expect(403).expect(({ body }) => { expect(body.code).toBe('api_key_not_accepted'); });
    made.clock.advance(3_600_000);
    await server.get('/account', asBearer(token)).expect(403);
  });

  it('leaves people and their sessions alone', async () => {
    const made = bench();
    const server = await listen(host.listener([host.apiKeyAuth(made.keyring).forbidApiKeys(), person]));
    const session = await signed({ scope: 'profile' });
    for (const headers of [{}, asBearer(session), { Cookie: `session=${session}` }, asBearer('eyJ.eyJ.x'), asBearer('eyJhbGciOi.J9'), { Cookie: 'a=%; b=%zz; c=%E0%A4' }, asBearer(await signed({ activity: 1 }))]) {
      await server.get('/account?q=%', headers as Record<string, string>).expect(200);
    }
  });

  it('refuses another issuer\'s tokens too, when somebody acts in a user\'s name with them', async () => {
    const made = bench();
    const server = await listen(host.listener([host.apiKeyAuth(made.keyring).forbidApiKeys(), person]));
    await server.get('/account', asBearer(await signed({ act: { sub: 'service', act: { sub: 'key' } } }, 'https://other.example.com'))).expect(403);
  });
});

describe('looking for tokens', () => {
  it.each(['eyJ', 'eyJ.', 'eyJa.a.', '%eyJ', '.', 'a.', 'a.eyJ', '%65yJ.'])('takes time in proportion to what is looked at, whoever sends it: %s', (piece) => {
    const filled = (length: number): string => Buffer.from(`%${piece.repeat(length / piece.length)}`).toString();
    const fastest = (text: string, times: number): number => Math.min(...Array.from({ length: times }, () => {
      const start = process.cpuUsage();
      carriesDelegatedToken({ headers: { 'x-a': text }, url: '/' } as never);
      return process.cpuUsage(start).user / 1_000;
    }));
    const [short, long] = [filled(12_000), filled(192_000)];
    expect([1, 2, 3].some((runs) => fastest(long, runs) / Math.max(fastest(short, 3), 0.5) < 80)).toBe(true);
  });
});
