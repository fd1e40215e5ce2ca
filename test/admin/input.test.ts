import { describe, expect, it } from '@jest/globals';
import express from 'express';
import type { Middleware } from 'keystile';
import { expresses, hosts } from '../support/hosts.js';
import { requestText } from '../support/raw-http.js';
import { each, useAdmin, type AdminApp } from './support.js';

const start = useAdmin();
const JSON_TYPE = { 'Content-Type': 'application/json' };
const deep = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

/** Bodies of a creation, as text, with what they get and the fields that are named. */
const HOSTILE: readonly (readonly [name: string, text: string, status: number, ...fields: string[]])[] = [
  ['no JSON', '{', 400],
  ['JSON with something behind it', '{"name":"x"}x', 400],
  ['nothing', '', 422, '/name'],
  ['null', 'null', 422, ''],
  ['a list', '[]', 422, ''],
  ['a text', '"name"', 422, ''],
  ['a wrong type', '{"name":1}', 422, '/name'],
  ['an empty name', '{"name":""}', 422, '/name'],
  ['a long name', JSON.stringify({ name: 'x'.repeat(257) }), 422, '/name'],
  ['NUL', '{"name":"a\\u0000b"}', 422, '/name'],
  ['a lone surrogate', '{"name":"\\ud800"}', 422, '/name'],
  ['a lone surrogate in a tag', '{"name":"x","tags":["ok","\\udfff"]}', 422, '/tags/1'],
  ['unknown fields', '{"name":"x","id":"1","hash":"h","revokedAt":1}', 422, '/id', '/hash', '/revokedAt'],
  ['__proto__', '{"name":"x","__proto__":{"scopes":["write"]}}', 422, '/__proto__'],
  ['__proto__ twice, deep down', '{"name":"x","metadata":{"a":[{"__proto__":{},"__proto__":{"b":1}}]}}', 422, '/metadata/a/0/__proto__'],
  ['constructor', '{"name":"x","constructor":{"prototype":{"admin":true}}}', 422, '/constructor'],
  ['a wrong date', '{"name":"x","expiresAt":"2027-02-30T00:00:00Z"}', 422, '/expiresAt'],
  ['an end that is over', '{"name":"x","expiresAt":"2020-01-01T00:00:00Z"}', 422, '/expiresAt'],
  ['a number for a date', '{"name":"x","expiresAt":1893456000000}', 422, '/expiresAt'],
  ['a date before all dates', '{"name":"x","notBefore":"1900-01-01T00:00:00Z"}', 422, '/notBefore'],
  ['an unknown scope', '{"name":"x","scopes":["read","reed"]}', 422, '/scopes/1'],
  ['scopes that are no list', '{"name":"x","scopes":"read"}', 422, '/scopes'],
  ['an unknown plan', '{"name":"x","plan":"platinum"}', 422, '/plan'],
  ['a plan named toString', '{"name":"x","plan":"toString"}', 422, '/plan'],
  ['an unknown environment', '{"name":"x","environment":"prod"}', 422, '/environment'],
  ['a wrong CIDR', '{"name":"x","access":{"ips":{"allow":["10.0.0.0/8","10/8"]}}}', 422, '/access/ips/allow/1'],
  ['a wrong path', '{"name":"x","access":{"endpoints":{"deny":["orders"]}}}', 422, '/access/endpoints/deny/0'],
  ['allowed and denied paths', '{"name":"x","access":{"endpoints":{"allow":[],"deny":[]}}}', 422, '/access/endpoints/deny'],
  ['a wrong origin', '{"name":"x","access":{"origins":["https://a/b"]}}', 422, '/access/origins/0'],
  ['a misspelt restriction', '{"name":"x","access":{"ip":{}}}', 422, '/access/ip'],
  ['a wrong limit', '{"name":"x","limits":[{"kind":"window","windowMs":60000,"limit":-1}]}', 422, '/limits/0/limit'],
  ['a limit without a window', '{"name":"x","limits":[{"kind":"window","limit":1}]}', 422, '/limits/0/windowMs'],
  ['a limit twice', '{"name":"x","limits":[{"kind":"concurrency","limit":1},{"kind":"concurrency","limit":2}]}', 422, '/limits'],
  ['a slot of no tenant', '{"name":"x","slot":"primary"}', 422, '/slot'],
  ['a third slot', '{"name":"x","tenantId":"t","slot":"tertiary"}', 422, '/slot'],
  ['a wrong owner', '{"name":"x","owner":{"type":"cat","id":"","x":1}}', 422, '/owner/type', '/owner/id', '/owner/x'],
  ['deep JSON', `{"name":"x","metadata":{"a":${deep(40)}}}`, 422, ''],
  ['very deep JSON', deep(50_000), 422, ''],
  ['deeper than metadata may be', `{"name":"x","metadata":{"a":${deep(20)}}}`, 422, expect.stringMatching(/^\/metadata\/a/) as unknown as string],
  ['large metadata', JSON.stringify({ name: 'x', metadata: { a: 'x'.repeat(20_000) } }), 422, '/metadata'],
  ['a huge list', JSON.stringify({ name: 'x', tags: Array(20_000).fill('t') }), 422, '/tags'],
  ['a huge list of nothing', `{"name":"x","scopes":[${'0,'.repeat(40_000)}0]}`, 422, '/scopes'],
  ['many unknown fields', JSON.stringify({ name: 'x', ...Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`f${index}`, 0])) }), 422],
  ['1 MB', JSON.stringify({ name: 'x'.repeat(1_000_000) }), 413],
  ['a byte too many', JSON.stringify({ name: 'x' }).padEnd(102_401), 413],
];

describe.each(hosts)('hostile bodies on $name', (host) => {
  it('are refused, naming the field, and nothing is stored', async () => {
    const app = await start(host);
    for (const [name, text, status, ...fields] of HOSTILE) {
      const answer = await app.as('root', 'post', '/keys').set(JSON_TYPE).send(text);
      const named = each(answer.body.errors ?? [], 'field');
      expect([name, answer.status, fields.length === 0 ? [] : named]).toEqual([name, status, fields]);
      expect(answer.text.length).toBeLessThan(20_000);
      expect(answer.headers['content-type']).toBe('application/problem+json');
    }
    expect((await app.keyring.list()).keys).toEqual([]);
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(app.faults).toEqual([]);
  });

  it('of other kinds are refused before they are read', async () => {
    const app = await start(host);
    const types = [undefined, 'text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/json; charset=latin1', 'application/jsonx', 'text/json', 'application/json, text/plain'];
    for (const type of types) {
      const lines = ['x-user: root', ...(type === undefined ? [] : [`Content-Type: ${type}`]), 'Content-Length: 12'];
      const [answer] = await app.raw(requestText(lines, { method: 'POST', target: '/admin/keys' }) + '{"name":"x"}');
      expect([type, answer?.status]).toEqual([type, 415]);
    }
    const gzipped = await app.as('root', 'post', '/keys', { name: 'x' }, { 'Content-Encoding': 'gzip' }).catch((error: unknown) => error as { status: number });
    expect(gzipped.status).toBe(415);
    for (const type of ['application/json;charset="UTF-8"', 'Application/JSON']) await app.as('root', 'post', '/keys').set('Content-Type', type).send('{"name":"x"}').expect(201);
    await app.as('root', 'patch', '/keys/none').set({ 'Content-Type': 'application/merge-patch+json', 'If-Match': '*' }).send('{}').expect(404);
  });

  it('that are not UTF-8 are refused', async () => {
    const app = await start(host);
    for (const [bytes, status] of [[[0xff], 400], [[0xc3, 0xa9], 201], [[0xed, 0xa0, 0x80], 400]] as const) {
      const lines = requestText(['x-user: root', 'Content-Type: application/json', `Content-Length: ${11 + bytes.length}`], { method: 'POST', target: '/admin/keys' });
      const [answer] = await app.raw(Buffer.concat([Buffer.from(`${lines}{"name":"`), Buffer.from(bytes), Buffer.from('"}')]));
      expect([bytes, answer?.status]).toEqual([bytes, status]);
    }
  });

  it('in pieces, without a length, are bounded as well', async () => {
    const app = await start(host);
    const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
    const head = requestText(['x-user: root', 'Content-Type: application/json', 'Transfer-Encoding: chunked'], { method: 'POST', target: '/admin/keys' });
    const [good] = await app.raw(head + chunk('{"na') + chunk('me":"x"}') + chunk(''));
    const [long] = await app.raw(head + chunk('{"name":"') + Array(120).fill(chunk('x'.repeat(1_000))).join('') + chunk('"}') + chunk(''));
    // Without its end: the answer does not wait for it.
    const [endless] = await app.raw(head + chunk('x'.repeat(60_000)) + chunk('x'.repeat(60_000)));
    expect([good?.status, long?.status, endless?.status]).toEqual([201, 413, 413]);
  });

  it('whose sender leaves in the middle make nothing', async () => {
    const app = await start(host);
    const lines = requestText(['x-user: root', 'Content-Type: application/json', 'Content-Length: 100'], { method: 'POST', target: '/admin/keys' });
    const { connect } = await import('node:net');
    await new Promise<void>((resolve) => {
      const socket = connect(app.port, '127.0.0.1', () => socket.write(`${lines}{"name":"x"`, () => socket.destroy()));
      socket.on('close', () => { resolve(); });
    });
    await app.as('root', 'get', '/keys').expect(200).expect(({ body }) => { expect(body.keys).toEqual([]); });
    expect(app.faults).toEqual([]);
  });

  it('of a repeated field count its last one, which is validated', async () => {
    const app = await start(host);
    const { body } = await app.as('root', 'post', '/keys').set(JSON_TYPE).send('{"name":1,"scopes":["write"],"scopes":["read"],"name":"last"}').expect(201);
    expect(body.apiKey).toMatchObject({ name: 'last', scopes: ['read'] });
  });
});

describe.each(hosts)('parameters on $name', (host) => {
  it.each([
    ['limit=0', '/limit'], ['limit=501', '/limit'], ['limit=1e2', '/limit'], ['limit=', '/limit'], ['limit=5&limit=5', '/limit'], ['status=gone', '/status'],
    ['slot=x', '/slot'], ['deleted=yes', '/deleted'], ['sort=hash', '/sort'], ['nonsense=1', '/nonsense'], ['__proto__=1', '/__proto__'], ['constructor=1', '/constructor'],
    ['tag=', '/tag'], ['search=%00', '/search'], ['ownerId=x', '/ownerId'], [`search=${'x'.repeat(257)}`, '/search'], [`x=${'y'.repeat(9_000)}`, ''],
  ])('%s is refused', async (query, field) => {
    const app = await start(host);
    const { body } = await app.as('root', 'get', `/keys?${query}`).expect(422);
    expect(each(body.errors, 'field')).toEqual([field]);
  });

  it('that no key can have find none', async () => {
    const app = await start(host);
    for (const id of ['%00', '%', '%ff', 'a%2Fb', '__proto__', 'x'.repeat(129), '%ED%A0%80', '..', '*']) {
      await app.as('root', 'get', `/keys/${id}`).expect(404);
      await app.as('root', 'delete', `/keys/${id}`).expect(404);
    }
    expect((await app.as('root', 'get', '/keys?cursor=nonsense').expect(200)).body).toEqual({ keys: [] });
    expect(app.faults).toEqual([]);
  });

  it.each([['"a', 400], ['1', 400], ['"1", "2"', 400], ['W/"1"', 412], ['"2"', 412], ['"x"', 412], ['"01"', 412], ['"1"', 200], ['*', 200]])('If-Match: %s gets %i', async (value, status) => {
    const app = await start(host);
    const { apiKey } = await app.keyring.create({ name: 'x' });
    await app.as('root', 'patch', `/keys/${apiKey.id}`, { name: 'y' }, { 'If-Match': value }).expect(status);
    expect((await app.keyring.get(apiKey.id))?.name).toBe(status === 200 ? 'y' : 'x');
    await app.as('root', 'post', `/keys/${apiKey.id}/revoke`, {}, { 'If-Match': '"77"' }).expect(412);
  });
});

describe.each(expresses)('a body parser before the router on %s', (_name, create) => {
  const parsers: readonly (readonly [string, () => Middleware])[] = [
    ['json', () => express.json()],
    ['json without a bound', () => express.json({ limit: '10mb' })],
    ['text', () => express.text({ type: '*/*' })],
    ['raw', () => express.raw({ type: '*/*' })],
    ['urlencoded', () => express.urlencoded({ extended: true })],
  ];
  const host = hosts.find(({ name }) => name === (create === express ? 'Express 5' : 'Express 4'));

  it.each(parsers)('%s changes nothing', async (_parser, make) => {
    const app: AdminApp = await start(host!, { before: [make()] });
    await app.as('root', 'post', '/keys', { name: 'x' }).expect(201);
    await app.as('root', 'post', '/keys', { nonsense: 1 }).expect(422);
    await app.as('root', 'post', '/keys/none/disable').set(JSON_TYPE).send('').expect(404);
    await app.as('root', 'post', '/keys').set(JSON_TYPE).send('{"name":"x","__proto__":{"a":1}}').expect(422);
    await app.as('root', 'post', '/keys').set(JSON_TYPE).send(`{"name":"x","metadata":{"a":${deep(5_000)}}}`).expect(422);
    await app.as('root', 'post', '/keys', { name: 'x'.repeat(110_000) }).expect(413);
    await app.as('root', 'get', '/keys').expect(200);
  });
});
