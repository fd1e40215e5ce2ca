import { describe, expect, it } from '@jest/globals';
import { typecheck } from '../support/typecheck.js';

const PRELUDE = `import express, { type Request, type Response } from 'express';
import { createServer, type IncomingMessage } from 'node:http';
import { WebSocketServer } from 'ws';
import { apiKeyAuth, authenticateUpgrade, bearer, createKeyring, header, isKeystileError, keyFormat, memoryStore, perMinute, principalOf, subprotocol } from 'keystile';
import type { ApiKey, KeyRecord, KeyStore, Keyring, RefusalCode, Verification } from 'keystile';
import { testKeyring } from 'keystile/testing';
declare const req: Request; declare const res: Response; declare const key: string; declare const id: string;
const keyring = createKeyring({ prefix: 'awx', scopes: { read: [], write: ['read'] }, plans: { starter: [perMinute(60)] } });
const bare = createKeyring({ prefix: 'awx' });
const app = express();
const server = createServer(app);
const wss = new WebSocketServer({ noServer: true });
const auth = apiKeyAuth(keyring);
export { authenticateUpgrade, subprotocol, server, wss, bearer, header, isKeystileError, keyFormat, memoryStore, principalOf, testKeyring, req, res, key, id, bare, app, auth };
export type { IncomingMessage, ApiKey, KeyRecord, KeyStore, Keyring, RefusalCode, Verification };
`;
const at = (name: string): string => `${name}:1`;

/** What the compiler says about each snippet, by its name. */
function judged(snippets: readonly (readonly [name: string, code: string])[]): Map<string, string[]> {
  const messages = typecheck(snippets.map(([name, code]) => ({ at: at(name), code: `${PRELUDE}${code}` })));
  return new Map(snippets.map(([name]) => [name, messages.filter((message) => message.startsWith(`${name}:`))]));
}

const COMPILES: readonly (readonly [name: string, code: string])[] = [
  ['declared scopes and plans', `await keyring.create({ name: 'x', scopes: ['read', 'write'], plan: 'starter' });
await keyring.update(id, { scopes: ['read'], plan: null, metadata: { a: [1, null, { b: 'c' }] }, expiresAt: new Date() }, { version: 1 });
await keyring.verify(key, { scopes: ['read'], tenant: null, ip: '192.0.2.1' });
await keyring.import({ key, name: 'x', scopes: ['write'] });`],
  ['a declared scope in middleware and guards', `apiKeyAuth(keyring, { scopes: ['read'] }); auth.requireScopes('read'); auth.requireScopes('read', 'write');
app.use('/v1', auth); app.get('/v1', auth.requireScopes('read'), auth.requireRealtime(), auth.forbidApiKeys(), (_req, response) => { response.json({}); });`],
  ['both arms of a verification, after a look at ok', `const verification = await keyring.verify(key);
if (verification.ok) { const scope: 'read' | 'write' | undefined = verification.principal.scopes[0]; verification.release(); void scope; }
else { const code: RefusalCode = verification.code; const seconds: number | undefined = verification.retryAfterSeconds; void code; void seconds; }`],
  ['req.apiKey on Express, which may be undefined', 'const name: string | undefined = req.apiKey?.name; const tenant: string | undefined = principalOf(req).tenantId; void name; void tenant;'],
  ['a keyring of any scopes where any is asked for', 'const any: Keyring = keyring; const narrow: Keyring<"read" | "write", "starter"> = keyring; void any; void narrow;'],
  ['events by their names', `keyring.on('revoked', ({ apiKey, at }) => { const reason: string | undefined = apiKey.revokedReason; void reason; void at.toFixed(); });
keyring.on('refused', ({ code, keyId }) => { const refusal: RefusalCode = code; void refusal; void keyId?.length; }); keyring.on('fault', ({ error }) => { const unknown: unknown = error; void unknown; });`],
  ['a store that answers later, and one that answers at once', `const later: KeyStore = { insert: async (record) => { await null; return record.version > 1 ? 'conflict' : 'inserted'; }, find: async () => null, update: async () => undefined, replace: async () => 'changed' as const, delete: async () => true, list: async () => ({ records: [] }), touch: async () => undefined };
const now: KeyStore = { insert: () => 'conflict', find: () => undefined, update: () => null, replace: () => 'slot_taken', delete: () => false, list: () => ({ records: [], nextCursor: 'x' }), touch: () => undefined }; createKeyring({ prefix: 'awx', store: later }); void now;`],
  ['the life of a key', "const next = await keyring.rotate(id, { gracePeriod: 0, expiresAt: null, version: 1, by: 'ops', ip: '192.0.2.1' }); next.previous?.graceExpiresAt; const slot = await keyring.regenerate('acme', 'primary', { scopes: ['read'], plan: null, environment: 'test' }); slot.apiKey.slot; (await keyring.checkStale())[0]?.reason === 'unused'; keyring.on('rotated', ({ apiKey, previous, by }) => [apiKey.id, previous?.replacedBy, by]); await keyring.revokeAll({ owner: { type: 'user', id } }, { reason: 'left' });"],
  ['errors told apart', "try { await keyring.revoke(id); } catch (error) { if (isKeystileError(error) && error.code === 'key_not_found') throw error; }"],
  ['a test keyring of the application\'s own scopes', "const made = testKeyring({ scopes: { read: [], write: ['read'] }, plans: { starter: [] } }); const same: Keyring<'read' | 'write', 'starter'> = made.keyring; await made.issue({ scopes: ['write'], plan: 'starter' }); await made.issue(); made.clock.advance(5); void same;"],
  ['a guarded upgrade, with ws behind it', `server.on('upgrade', authenticateUpgrade(keyring, { scopes: ['read'], credentials: subprotocol() }, (request, socket, head, { principal, onEnd }) => {
  const scope: 'read' | 'write' | undefined = principal?.scopes[0]; void scope; wss.handleUpgrade(request, socket, head, (ws) => { onEnd(({ code }) => ws.close(1008, code)); }); }));`],
  ['every way to say an option', "apiKeyAuth(keyring, { credentials: [header('x-key'), bearer(), (request) => request.headers.host], required: (request) => request.method !== 'GET', tenant: async () => 'acme', cost: () => 2, refusals: { render: (refusal) => ({ code: refusal.code }), deliver: 'next', messages: { invalid_key: 'no' } } });"],
];

/** A mistake, and what the compiler must say about it. */
const REFUSED: readonly (readonly [name: string, code: string, says: RegExp])[] = [
  ['a misspelt scope in create', "await keyring.create({ name: 'x', scopes: ['raed'] });", /"raed"/],
  ['a misspelt scope in update', "await keyring.update(id, { scopes: ['raed'] });", /"raed"/],
  ['a misspelt scope in import', "await keyring.import({ key, name: 'x', scopes: ['raed'] });", /"raed"/],
  ['a misspelt scope in verify', "await keyring.verify(key, { scopes: ['raed'] });", /"raed"/],
  ['a misspelt scope in explain', "await keyring.explain(id, { scopes: ['raed'] });", /"raed"/],
  ['a misspelt scope in apiKeyAuth', "apiKeyAuth(keyring, { scopes: ['raed'] });", /"raed"/],
  ['a misspelt scope in authenticateUpgrade', "authenticateUpgrade(keyring, { scopes: ['raed'] }, () => undefined);", /"raed"/],
  ['an option of responses in authenticateUpgrade', "authenticateUpgrade(keyring, { refusals: { deliver: 'next' } }, () => undefined);", /deliver/],
  ['an upgrade without a handler', 'authenticateUpgrade(keyring, {});', /Expected 3|argument/],
  ['a misspelt scope in requireScopes', "auth.requireScopes('read', 'raed');", /"raed"/],
  ['a misspelt scope that another implies', "createKeyring({ prefix: 'awx', scopes: { read: [], write: ['raed'] } });", /"raed"/],
  ['a misspelt scope in a test keyring', "await testKeyring({ scopes: { read: [] } }).issue({ scopes: ['raed'] });", /"raed"/],
  ['a scope of a keyring without scopes', "await bare.create({ name: 'x', scopes: ['read'] });", /'never'/],
  ['a guard without a scope', 'auth.requireScopes();', /Expected|argument/],
  ['a misspelt plan in create', "await keyring.create({ name: 'x', plan: 'statrer' });", /"statrer"/],
  ['a misspelt plan in update', "await keyring.update(id, { plan: 'statrer' });", /"statrer"/],
  ['a plan of a keyring without plans', "await bare.create({ name: 'x', plan: 'starter' });", /'undefined'|'never'/],
  ['a misspelt option of createKeyring', "createKeyring({ prefix: 'awx', palns: {} });", /palns/],
  ['a misspelt option of apiKeyAuth', "apiKeyAuth(keyring, { requierd: false });", /requierd/],
  ['a misspelt option of keyFormat', "keyFormat('{secret}', { prefx: 'awx' });", /prefx/],
  ['a misspelt field of a key', "await keyring.create({ name: 'x', expires: 5 });", /expires/],
  ['a key without a name', 'await keyring.create({});', /name/],
  ['another environment or tenant for a key that exists', "await keyring.update(id, { tenantId: 'other' });", /tenantId/],
  ['a name that is cleared', 'await keyring.update(id, { name: null });', /null/],
  ['metadata that is no JSON', "await keyring.create({ name: 'x', metadata: { at: new Date() } });", /Date/],
  ['a principal before a look at ok', 'const verification = await keyring.verify(key); void verification.principal;', /principal/],
  ['a code after a yes', 'const verification = await keyring.verify(key); if (verification.ok) void verification.code;', /code/],
  ['a refusal code that does not exist', "const verification = await keyring.verify(key); if (!verification.ok && verification.code === 'key_invalid') throw new Error();", /no overlap/],
  ['req.apiKey without a look whether it is there', 'void req.apiKey.name;', /undefined/],
  ['req.apiKey on node:http without keystile/connect', 'createServer((request) => { void request.apiKey; });', /apiKey/],
  ['a principal that is changed', "principalOf(req).name = 'x';", /read-only/],
  ['a principal\'s hash', 'void principalOf(req).hash;', /hash/],
  ['an API key\'s hash', 'const apiKey = await keyring.get(id); void apiKey?.hash;', /hash/],
  ['an event that does not exist', "keyring.on('revokd', () => undefined);", /revokd/],
  ['the key of an event that has none', "keyring.on('purged', ({ apiKey }) => apiKey);", /apiKey/],
  ['a misspelt scope in regenerate', "await keyring.regenerate('acme', 'primary', { scopes: ['raed'] });", /"raed"/],
  ['a slot that does not exist', "await keyring.regenerate('acme', 'third');", /"third"/],
  ['a slot that is to be changed', "await keyring.update(id, { slot: 'primary' });", /slot/],
  ['a slot that is cleared of its name', "await keyring.regenerate('acme', 'primary', { name: null });", /null/],
  ['a limit as text', "perMinute('60');", /'number'/],
  ['a subject that does not exist', "perMinute(60, { per: 'user' });", /"user"/],
  ['a store without list', "const store: KeyStore = { insert: () => 'inserted', find: () => null, update: () => null, replace: () => 'changed', delete: () => true, touch: () => undefined }; void store;", /list/],
  ['a store that answers insert with true', 'const store: KeyStore = { ...memoryStore(), insert: () => true }; void store;', /boolean|true/],
  ['a header option that does not exist', "apiKeyAuth(keyring, { headers: { rateLimit: 'draft-7' } });", /draft-7/],
  ['a text for a code that does not exist', "apiKeyAuth(keyring, { refusals: { messages: { key_invalid: 'no' } } });", /key_invalid/],
];

// One program for all: each costs seconds.
const found = judged([...COMPILES, ...REFUSED.map(([name, code]) => [name, code] as const)]);

describe('what compiles', () => {
  it.each(COMPILES.map(([name]) => name))('%s', (name) => {
    expect(found.get(name)).toEqual([]);
  });
});

describe('what does not', () => {
  it.each(REFUSED.map(([name, , says]) => [name, says] as const))('%s', (name, says) => {
    expect(found.get(name)?.join('\n')).toMatch(says);
    // The mistake is on the one line after the prelude, and is the only one.
    const line = PRELUDE.split('\n').length;
    expect(found.get(name)?.map((message) => message.split(': ')[0])).toEqual([`${name}:${line}`]);
  });
});

describe('req.apiKey', () => {
  const use = "import { createServer } from 'node:http';\nimport { createKeyring } from 'keystile';\n";
  const connect = "import connect from 'connect';\nimport { apiKeyAuth, principalOf } from 'keystile/connect';\nconst auth = apiKeyAuth(createKeyring({ prefix: 'awx' }));\n";

  it('stands on the requests of node:http and Connect with keystile/connect', () => {
    const code = `${use}${connect}createServer((req, res) => { auth(req, res, () => res.end(req.apiKey?.name ?? principalOf(req).id)); });\nconnect().use(auth).use((req, res) => { res.end(req.apiKey?.name); });`;
    expect(typecheck([{ at: 'with:1', code }])).toEqual([]);
    // Without that import it does not: see above.
  });
});
