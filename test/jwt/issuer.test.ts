import { describe, expect, it } from '@jest/globals';
import { generateSigningKey, tokenIssuer, type SigningAlgorithm, type SigningKey, type TokenIssuerOptions } from 'keystile/jwt';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { createPublicKey, createSecretKey, generateKeyPairSync, webcrypto } from 'node:crypto';
import { failure } from '../core/support.js';
import { hosts } from '../support/hosts.js';
import { useServers } from '../support/servers.js';
import { asBearer, bench, ISSUER, show, SIGNING_KEYS } from './support.js';

const listen = useServers();
const ALGORITHMS = ['EdDSA', 'ES256', 'RS256'] as const satisfies readonly SigningAlgorithm[];
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k', 'oth'];

const cryptoKey = async (extractable: boolean): Promise<webcrypto.CryptoKey> => (await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, extractable, ['sign', 'verify'])).privateKey;

describe.each(ALGORITHMS)('a generated %s key', (algorithm) => {
  it('is JSON, names its algorithm and is called by its thumbprint', async () => {
    const key = await generateSigningKey(algorithm);
    expect(JSON.parse(JSON.stringify(key))).toEqual(key);
    expect(key).toMatchObject({ alg: algorithm, use: 'sig', kid: expect.stringMatching(/^[\w-]{43}$/), d: expect.any(String) });
  });

  it('signs tokens that another service verifies with nothing but the JWKS address', async () => {
    const { token, issuer, clock } = bench({ issuer: { keys: [SIGNING_KEYS[algorithm]] } });
    const server = await listen((req, res) => { issuer.jwksHandler(req, res, () => undefined); });
    const remote = createRemoteJWKSet(new URL(`http://127.0.0.1:${server.port}/.well-known/jwks.json`));
    const made = await token({ tenantId: 'shop' }, { scopes: ['read'] });
    const { payload, protectedHeader } = await jwtVerify(made.token, remote, { issuer: ISSUER, audience: ISSUER, typ: 'at+jwt', currentDate: new Date(clock.now()) });
    expect(protectedHeader).toEqual({ alg: algorithm, kid: SIGNING_KEYS[algorithm].kid, typ: 'at+jwt' });
    const now = clock.now() / 1_000;
    expect(payload).toEqual({
      iss: ISSUER, aud: ISSUER, sub: 'ada', iat: now, nbf: now - 30, exp: now + 300, jti: made.tokenId,
      scope: 'read', client_id: made.keyId, act: { sub: made.keyId }, tenant: 'shop', environment: 'live',
    });
  });

  it('is known to the set by its public half alone', () => {
    const issuer = tokenIssuer({ issuer: ISSUER, keys: [SIGNING_KEYS[algorithm]] });
    const [published] = issuer.jwks().keys;
    expect(published).toMatchObject({ kid: SIGNING_KEYS[algorithm].kid, alg: algorithm, use: 'sig' });
    expect(PRIVATE_MEMBERS.filter((member) => member in published!)).toEqual([]);
    expect(JSON.stringify(Object.values(issuer))).not.toContain(SIGNING_KEYS[algorithm]['d']);
  });
});

describe('keys of other forms', () => {
  it.each<[string, () => SigningKey | Promise<SigningKey>]>([
    ['a KeyObject', () => ({ kid: 'one', key: generateKeyPairSync('ed25519').privateKey })],
    ['a CryptoKey', async () => ({ kid: 'one', key: await cryptoKey(true) })],
    ['a JWK without alg', () => { const { alg: _alg, use: _use, ...jwk } = SIGNING_KEYS.ES256; return { ...jwk, kid: 'one' }; }],
  ])('%s signs', async (_form, make) => {
    const { token, issuer, accept } = bench({ issuer: { keys: [await make()] } });
    const server = await listen((req, res) => { accept()(req, res, () => { show(req, res, () => undefined); }); });
    await server.get('/', asBearer((await token()).token)).expect(200);
    expect(issuer.jwks().keys.map(({ kid }) => kid)).toEqual(['one']);
  });

  it('a key being retired may be there with its public half alone', async () => {
    const old = bench({ issuer: { keys: [SIGNING_KEYS.ES256] } });
    const publicJwk = { ...createPublicKey({ key: SIGNING_KEYS.ES256, format: 'jwk' } as never).export({ format: 'jwk' }), kid: SIGNING_KEYS.ES256.kid } as SigningKey;
    const now = tokenIssuer({ issuer: ISSUER, keys: [SIGNING_KEYS.EdDSA, publicJwk], clock: old.clock });
    const server = await listen((req, res) => { old.accept({ issuer: now })(req, res, () => { show(req, res, () => undefined); }); });
    await server.get('/', asBearer((await old.token()).token)).expect(200);
    expect(now.jwks().keys).toHaveLength(2);
  });
});

describe('rotation of signing keys', () => {
  it('signs with the first, and accepts tokens of all until a key is taken out', async () => {
    const before = bench({ issuer: { keys: [SIGNING_KEYS.RS256, SIGNING_KEYS.EdDSA] } });
    const made = await before.token();
    expect(decodeProtectedHeader(made.token).kid).toBe(SIGNING_KEYS.RS256.kid);
    const ask = async (keys: readonly SigningKey[]): Promise<number> => {
      const issuer = tokenIssuer({ issuer: ISSUER, keys, clock: before.clock });
      const server = await listen((req, res) => { before.accept({ issuer })(req, res, () => res.end()); });
      return (await server.get('/', asBearer(made.token))).status;
    };
    expect(await ask([SIGNING_KEYS.EdDSA, SIGNING_KEYS.RS256])).toBe(200);
    expect(await ask([SIGNING_KEYS.EdDSA])).toBe(401);
    // Another key under the old name.
    expect(await ask([SIGNING_KEYS.EdDSA, { ...SIGNING_KEYS.ES256, kid: SIGNING_KEYS.RS256.kid }])).toBe(401);
  });
});

describe('wrong options', () => {
  const secret = SIGNING_KEYS.EdDSA['d'] as string;
  const wrong: [string, Partial<Record<keyof TokenIssuerOptions | 'lifetme', unknown>>, string, string][] = [
    ['a misspelt option', { lifetme: 5 }, 'unknown_option', 'tokenIssuer.lifetme'],
    ['no issuer', { issuer: undefined }, 'invalid_option', 'issuer'],
    ['an issuer with a blank', { issuer: 'a b' }, 'invalid_option', 'issuer'],
    ['no audience at all', { audience: [] }, 'invalid_option', 'audience'],
    ['an audience that is none', { audience: ['a', ''] }, 'invalid_option', 'audience[1]'],
    ['no keys', { keys: [] }, 'invalid_option', 'keys[0]'],
    ['one key for a list', { keys: SIGNING_KEYS.EdDSA }, 'invalid_option', 'keys'],
    ['too many keys', { keys: Array.from({ length: 17 }, () => SIGNING_KEYS.EdDSA) }, 'invalid_option', 'keys'],
    ['the same kid twice', { keys: [SIGNING_KEYS.EdDSA, { ...SIGNING_KEYS.ES256, kid: SIGNING_KEYS.EdDSA.kid }] }, 'invalid_option', 'keys'],
    ['a key without kid', { keys: [{ ...SIGNING_KEYS.EdDSA, kid: undefined }] }, 'invalid_option', 'keys[0]'],
    ['a public key first', { keys: [{ ...SIGNING_KEYS.EdDSA, d: undefined }] }, 'invalid_option', 'keys[0]'],
    ['a shared secret', { keys: [{ kty: 'oct', k: 'AAAA', kid: 'x' }] }, 'invalid_option', 'keys[0]'],
    ['a shared secret as an object', { keys: [{ kid: 'x', key: createSecretKey(Buffer.alloc(32)) }] }, 'invalid_option', 'keys[0]'],
    ['a JWK that is broken', { keys: [{ ...SIGNING_KEYS.EdDSA, d: `${secret.slice(1)}!` }] }, 'invalid_option', 'keys[0]'],
    ['an algorithm of another key', { keys: [{ ...SIGNING_KEYS.EdDSA, alg: 'ES256' }] }, 'invalid_option', 'keys[0]'],
    ['a key for encryption', { keys: [{ ...SIGNING_KEYS.EdDSA, use: 'enc' }] }, 'invalid_option', 'keys[0]'],
    ['a short RSA key', { keys: [{ kid: 'x', key: generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey }] }, 'invalid_option', 'keys[0]'],
    ['a curve that has no place here', { keys: [{ kid: 'x', key: generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey }] }, 'invalid_option', 'keys[0]'],
    ['an X25519 key', { keys: [{ kid: 'x', key: generateKeyPairSync('x25519').privateKey }] }, 'invalid_option', 'keys[0]'],
    ['a text as key', { keys: [{ kid: 'x', key: 'pem' }] }, 'invalid_option', 'keys[0]'],
    ['a life of over an hour', { lifetime: 3_600_001 }, 'invalid_option', 'lifetime'],
    ['no life', { lifetime: 0 }, 'invalid_option', 'lifetime'],
    ['a life in words', { lifetime: '5m' }, 'invalid_option', 'lifetime'],
    ['a clock that is none', { clock: {} }, 'invalid_option', 'clock'],
  ];

  it.each(wrong)('%s: an error names it and quotes no key', async (_what, options, code, option) => {
    const call = (): unknown => tokenIssuer({ issuer: ISSUER, keys: [SIGNING_KEYS.EdDSA], ...options } as TokenIssuerOptions);
    expect(await failure(call)).toEqual([code, option]);
    expect(call).not.toThrow(secret.slice(1, 20));
  });

  it('a CryptoKey that cannot be exported, and an unknown algorithm to generate', async () => {
    const key = await cryptoKey(false);
    expect(await failure(() => tokenIssuer({ issuer: ISSUER, keys: [{ kid: 'x', key }] }))).toEqual(['invalid_option', 'keys[0]']);
    expect(await failure(() => generateSigningKey('HS256' as never))).toEqual(['invalid_option', 'algorithm']);
  });
});

describe.each(hosts)('the JWKS handler on $name', (host) => {
  it('answers GET and HEAD with the set, cacheable, and nothing else', async () => {
    const { issuer } = bench({ issuer: { keys: [SIGNING_KEYS.EdDSA, SIGNING_KEYS.RS256] } });
    const { agent } = await listen(host.listener([['/.well-known/jwks.json', issuer.jwksHandler]]));
    const first = await agent.get('/.well-known/jwks.json').buffer(true).expect(200);
    expect(JSON.parse(first.text)).toEqual(issuer.jwks());
    expect(first.headers).toMatchObject({ 'content-type': 'application/jwk-set+json', 'cache-control': 'public, max-age=300', etag: expect.stringMatching(/^"[0-9a-f]{32}"$/) });
    await agent.get('/.well-known/jwks.json').set('If-None-Match', `"x", W/${first.headers['etag']}`).expect(304);
    await agent.get('/.well-known/jwks.json').set('If-None-Match', '"x"').expect(200);
    await agent.head('/.well-known/jwks.json').expect(200).expect('Content-Length', String((first.text).length));
    await agent.post('/.well-known/jwks.json').expect(405).expect('Allow', 'GET, HEAD');
  });
});
