import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { base64url, SignJWT, type JWTHeaderParameters, type JWTPayload } from 'jose';
import { createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, sign as signBytes, type KeyObject } from 'node:crypto';
import { hosts } from '../support/hosts.js';
import { requestText } from '../support/raw-http.js';
import { useServers, type TestServer } from '../support/servers.js';
import { asBearer, bench, ISSUER, show, SIGNING_KEYS, type TokenBench } from './support.js';

const listen = useServers();
const { EdDSA, ES256, RS256 } = SIGNING_KEYS;

/** A key of the issuer, as whoever has stolen it, or whoever only has the published half, would use it. */
const privateOf = (jwk: typeof EdDSA): KeyObject => createPrivateKey({ key: jwk, format: 'jwk' } as never);
const publicOf = (jwk: typeof EdDSA): KeyObject => createPublicKey({ key: jwk, format: 'jwk' } as never);

const part = (value: unknown): string => base64url.encode(JSON.stringify(value));
const partsOf = (token: string): [header: JWTHeaderParameters, claims: JWTPayload, signature: string] => {
  const [header = '', claims = '', signature = ''] = token.split('.');
  const read = (text: string): unknown => JSON.parse(Buffer.from(text, 'base64url').toString());
  return [read(header) as JWTHeaderParameters, read(claims) as JWTPayload, signature];
};
const sign = async (header: JWTHeaderParameters, claims: JWTPayload, key: KeyObject = privateOf(EdDSA)): Promise<string> => new SignJWT(claims).setProtectedHeader(header).sign(key);
/** What jose would not sign. */
const forged = (header: object, claims: object, signature: string | ((input: string) => string)): string => {
  const input = `${part(header)}.${part(claims)}`;
  return `${input}.${typeof signature === 'string' ? signature : signature(input)}`;
};
/** The issuer's own signature, under whatever header. */
const signRaw = (input: string): string => signBytes(null, Buffer.from(input), privateOf(EdDSA)).toString('base64url');
const hmac = (secret: string | Buffer) => (input: string): string => createHmac('sha256', secret).update(input).digest('base64url');

async function start(): Promise<TokenBench & { server: TestServer; good: string; reached: () => number; verdict(token: string): Promise<unknown> }> {
  const made = bench({ issuer: { keys: [EdDSA, ES256, RS256] } });
  let reached = 0;
  const server = await listen(hosts[0]!.listener([made.accept({ required: false }), (req, res, next) => { reached++; show(req, res, next); }]));
  const verdict = async (token: string): Promise<unknown> => {
    const { status, body } = await server.get('/', asBearer(token));
    return status === 200 ? (body.subject ?? 'anonymous') : `${status} ${body.code}`;
  };
  return { ...made, server, good: (await made.token()).token, reached: () => reached, verdict };
}

type Forge = (header: JWTHeaderParameters, claims: JWTPayload, signature: string, good: string) => string | Promise<string>;

const INVALID: readonly (readonly [name: string, forge: Forge])[] = [
  ['alg none, without signature', (header, claims) => forged({ ...header, alg: 'none' }, claims, '')],
  ['alg none, with the old signature', (header, claims, signature) => forged({ ...header, alg: 'none' }, claims, signature)],
  ['alg NONE', (header, claims) => forged({ ...header, alg: 'NONE' }, claims, '')],
  ['no alg', (header, claims, signature) => forged({ kid: header.kid, typ: header.typ }, claims, signature)],
  ['alg as a list', (header, claims, signature) => forged({ ...header, alg: ['EdDSA'] }, claims, signature)],
  ['HS256 with the public RSA key as its secret', (header, claims) => forged({ ...header, alg: 'HS256', kid: RS256.kid }, claims, hmac(publicOf(RS256).export({ type: 'spki', format: 'pem' })))],
  ['HS256 with the public JWK as its secret', (header, claims) => forged({ ...header, alg: 'HS256' }, claims, hmac(JSON.stringify(publicOf(EdDSA).export({ format: 'jwk' }))))],
  ['HS256 with an empty secret', (header, claims) => forged({ ...header, alg: 'HS256' }, claims, hmac(''))],
  ['another algorithm of the same RSA key', async (header, claims) => sign({ ...header, alg: 'RS512', kid: RS256.kid }, claims, privateOf(RS256))],
  ['PSS with the same RSA key', async (header, claims) => sign({ ...header, alg: 'PS256', kid: RS256.kid }, claims, privateOf(RS256))],
  ['the kid of a key of another kind', async (header, claims) => sign({ ...header, kid: ES256.kid }, claims)],
  ['the kid of another key, and its algorithm', (header, claims, signature) => forged({ ...header, kid: ES256.kid, alg: 'ES256' }, claims, signature)],
  ['an unknown kid', async (header, claims) => sign({ ...header, kid: 'unknown' }, claims)],
  ['a kid of an object\'s own', async (header, claims) => sign({ ...header, kid: '__proto__' }, claims)],
  ['no kid', async ({ kid: _kid, ...header }, claims) => sign(header, claims)],
  ['a key of somebody else under the right kid', async (header, claims) => sign(header, claims, generateKeyPairSync('ed25519').privateKey)],
  ['a key that the token brings along', async (header, claims) => { const { privateKey, publicKey } = generateKeyPairSync('ed25519'); return sign({ ...header, jwk: publicKey.export({ format: 'jwk' }) }, claims, privateKey); }],
  ['an address of keys that the token brings along', async (header, claims) => sign({ ...header, jku: 'https://evil.example.com/jwks.json' }, claims, generateKeyPairSync('ed25519').privateKey)],
  ['an unknown crit', (header, claims) => forged({ ...header, crit: ['exp2'], exp2: 1 }, claims, signRaw)],
  ['an empty crit', (header, claims) => forged({ ...header, crit: [] }, claims, signRaw)],
  ['a payload that is not encoded', (header, claims) => forged({ ...header, crit: ['b64'], b64: false }, claims, signRaw)],
  ['another type', async (header, claims) => sign({ ...header, typ: 'JWT' }, claims)],
  ['no type', async ({ typ: _typ, ...header }, claims) => sign(header, claims)],
  ['no exp', async (header, { exp: _exp, ...claims }) => sign(header, claims)],
  ['exp as a text', async (header, claims) => sign(header, { ...claims, exp: '99999999999' as never })],
  ['exp that is over', async (header, claims) => sign(header, { ...claims, exp: (claims.iat ?? 0) })],
  ['exp beyond all numbers', (header, claims) => { const input = `${part(header)}.${base64url.encode(JSON.stringify(claims).replace(/"exp":\d+/, '"exp":1e999'))}`; return `${input}.${signRaw(input)}`; }],
  ['exp further away than any token of this library', async (header, claims) => sign(header, { ...claims, exp: (claims.iat ?? 0) + 3_601 })],
  ['no nbf', async (header, { nbf: _nbf, ...claims }) => sign(header, claims)],
  ['nbf to come', async (header, claims) => sign(header, { ...claims, nbf: (claims.iat ?? 0) + 1 })],
  ['no aud', async (header, { aud: _aud, ...claims }) => sign(header, claims)],
  ['another aud', async (header, claims) => sign(header, { ...claims, aud: 'https://other.example.com' })],
  ['an aud that only begins alike', async (header, claims) => sign(header, { ...claims, aud: `${ISSUER}.evil.example.com` })],
  ['an empty list of aud', async (header, claims) => sign(header, { ...claims, aud: [] })],
  ['no sub', async (header, { sub: _sub, ...claims }) => sign(header, claims)],
  ['no jti', async (header, { jti: _jti, ...claims }) => sign(header, claims)],
  ['act without a key', async (header, claims) => sign(header, { ...claims, act: {} })],
  ['act of another key than client_id', async (header, claims) => sign(header, { ...claims, act: { sub: 'other' } })],
  ['act null', async (header, claims) => sign(header, { ...claims, act: null })],
  ['act as a text', async (header, claims) => sign(header, { ...claims, act: 'x' })],
  ['an unknown key', async (header, claims) => sign(header, { ...claims, client_id: 'unknown', act: { sub: 'unknown' } })],
  ['a key id that is none', async (header, claims) => sign(header, { ...claims, client_id: '', act: { sub: '' } })],
  ['a key id that is too long', async (header, claims) => sign(header, { ...claims, client_id: 'x'.repeat(5_000), act: { sub: 'x'.repeat(5_000) } })],
  ['scope as a list', async (header, claims) => sign(header, { ...claims, scope: ['read'] })],
  ['no environment', async (header, { environment: _environment, ...claims }) => sign(header, claims)],
  ['tenant as a number', async (header, claims) => sign(header, { ...claims, tenant: 5 })],
  ['a signature cut short', (_header, _claims, _signature, good) => good.slice(0, -1)],
  ['a signature with one more character', (_header, _claims, _signature, good) => `${good}A`],
  ['the same signature in other letters', (_header, _claims, _signature, good) => { const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'; return good.slice(0, -1) + letters[letters.indexOf(good.at(-1) ?? '') ^ 1]!; }],
  ['no signature', (_header, _claims, signature, good) => good.slice(0, -signature.length)],
  ['another user', (header, claims, signature) => forged(header, { ...claims, sub: 'eve' }, signature)],
  ['more scopes', (header, claims, signature) => forged(header, { ...claims, scope: 'read write admin' }, signature)],
];

describe('a token of this issuer that is not good', () => {
  it.each(INVALID)('%s', async (_what, forge) => {
    const { good, verdict, reached, faults } = await start();
    expect(await verdict(good)).toBe('ada');
    expect(await verdict(await forge(...partsOf(good), good))).toBe('401 invalid_token');
    expect([reached(), faults]).toEqual([1, []]);
  });

  it('is refused without a look when it is too long', async () => {
    const { verdict, good, server } = await start();
    expect(await verdict(`${good}${'A'.repeat(9_000)}`)).toBe('401 invalid_token');
    const huge = await server.raw(requestText([`Authorization: Bearer ${good}${'A'.repeat(40_000)}`]));
    // Node's own limit on headers comes first, unless a host raises it.
    expect(huge[0]?.status).toBe(431);
  });
});

describe('a token that is somebody else\'s', () => {
  const LEFT: readonly (readonly [name: string, forge: Forge])[] = [
    ['of another issuer', async (header, claims) => sign(header, { ...claims, iss: 'https://other.example.com' })],
    ['of no issuer', async (header, { iss: _iss, ...claims }) => sign(header, claims)],
    ['of a person, signed by the host under the same name', async (header, { act: _act, ...claims }) => sign(header, claims)],
    ['that is no JWT', () => 'abc.def.ghi'],
    ['that is encrypted', (_header, _claims, _signature, good) => `${good}.AAAA.AAAA`],
    ['that begins like one', () => 'eyJhbGciOiJub25lIn0'],
    ['with a payload that is no JSON', (header) => `${part(header)}.AAAA.AAAA`],
    ['with a list for a payload', (header) => `${part(header)}.${part([])}.AAAA`],
  ];
  it.each(LEFT)('%s, is left alone', async (_what, forge) => {
    const { good, verdict } = await start();
    expect(await verdict(await forge(...partsOf(good), good))).toBe('anonymous');
  });
});

describe('any change of a good token', () => {
  it('never makes another good one', async () => {
    const { good, verdict, faults } = await start();
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.constantFrom(...'ABCDEFGHabcdefgh0123456789-_.'), fc.boolean(), async (at, character, insert) => {
        fc.pre(insert || good[at] !== character);
        const changed = good.slice(0, at) + character + good.slice(insert ? at : at + 1);
        expect(['401 invalid_token', 'anonymous']).toContain(await verdict(changed));
      }),
      { numRuns: 200 },
    );
    expect(faults).toEqual([]);
  });

  it('and no text at all, is a fault or reaches the handler as somebody', async () => {
    const { verdict, faults } = await start();
    const claims = fc.record({ iss: fc.constantFrom(ISSUER, 'x'), act: fc.jsonValue(), exp: fc.jsonValue(), aud: fc.jsonValue(), client_id: fc.jsonValue() }, { requiredKeys: ['iss', 'act'] });
    const header = fc.record({ alg: fc.oneof(fc.constantFrom('EdDSA', 'ES256', 'none', 'HS256', 'dir', '__proto__'), fc.jsonValue()), kid: fc.oneof(fc.constantFrom(EdDSA.kid, ES256.kid, 'x'), fc.jsonValue()), typ: fc.jsonValue(), crit: fc.jsonValue() }, { requiredKeys: [] });
    await fc.assert(
      fc.asyncProperty(header, claims, fc.base64String({ maxLength: 90 }), async (head, body, signature) => {
        expect(['401 invalid_token', 'anonymous']).toContain(await verdict(forged(head, body, signature.replace(/[+/=]/g, '_'))));
      }),
      { numRuns: 200 },
    );
    expect(faults).toEqual([]);
  });
});

describe.each(hosts)('odd Authorization headers on $name', (host) => {
  it('two tokens are ambiguous, the same one twice is one, and the scheme is read without case', async () => {
    const made = bench();
    const server = await listen(host.listener([made.accept(), show]));
    const [one, two] = [(await made.token()).token, (await made.token()).token];
    const ask = async (...lines: string[]): Promise<number | undefined> => (await server.raw(requestText(lines.map((line) => `Authorization: ${line}`))))[0]?.status;
    expect(await ask(`bEARER ${one}`)).toBe(200);
    expect(await ask(`Bearer \t ${one}`)).toBe(200);
    expect(await ask(`Bearer ${one}`, `Bearer ${one}`)).toBe(200);
    expect(await ask(`Bearer ${one}`, `Bearer ${two}`)).toBe(400);
    expect(await ask(`Basic ${one}`)).toBe(401);
    expect(await ask(`Bearer ${one}, Bearer ${two}`)).toBe(401);
    expect(await ask(`Bearer ${one} ${two}`)).toBe(401);
  });
});
