import { describe, expect, it } from '@jest/globals';
import { basic, createKeyring, header, logRedaction, query } from 'keystile';

const KEY = 'awx_live_w469LPQsy0pq_NVCZJrRHqxEVZjMPtK33hCcVc6J2hweGo';
const { serializers, paths } = logRedaction(createKeyring({ prefix: 'awx' }), { credentials: [header('X-Shop-Secret'), query('k'), basic()], names: ['pass'] });
const { err, req, res, apiKey } = serializers;

describe('what a serializer shows of an error', () => {
  it('is its fields, with texts redacted and credentials hidden by their names', () => {
    const request = { headers: { 'x-shop-secret': 'abc', authorization: 'Digest abc', cookie: 'a=b', accept: '*/*' }, auth: [{ pass: 12345 }, { PASS: ['a', 7n] }], retries: 3, ok: true, none: null };
    const shown = err(Object.assign(new TypeError('no'), { request, [KEY]: 1, at: new Date(0), to: new URL(`https://a.example/?k=${KEY}`), code: 'E_NO' }));
    expect(shown).toMatchObject({
      type: 'TypeError', message: 'no', stack: expect.stringContaining('TypeError: no') as unknown, code: 'E_NO', at: '1970-01-01T00:00:00.000Z', to: 'https://a.example/?k=awx_...weGo', 'awx_...weGo': 1,
      request: { headers: { 'x-shop-secret': '[redacted]', authorization: 'Digest [redacted]', cookie: '[redacted]', accept: '*/*' }, auth: [{ pass: '[redacted]' }, { PASS: ['[redacted]', '[redacted]'] }], retries: 3, ok: true, none: null },
    });
    expect(request.headers['x-shop-secret']).toBe('abc');
  });

  it('is a name of a field as it stands, `__proto__` included', () => {
    const shown = err(JSON.parse('{"__proto__":{"a":"b"}}')) as object;
    expect(Object.keys(shown)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(shown)).toBe(Object.prototype);
  });

  it('is never the whole of something huge, deep, circular or binary', () => {
    const circle: Record<string, unknown> = { name: 'circle', bytes: Buffer.from(KEY) };
    circle['self'] = circle;
    expect(err(circle)).toMatchObject({ name: 'circle', bytes: '[left out]', self: { self: { self: expect.anything() as unknown } } });
    const wide = Array.from({ length: 100 }, () => Array.from({ length: 100 }, () => ({ a: 'x', b: ['y'] })));
    expect(JSON.stringify(err({ wide })).length).toBeLessThan(20_000);
    expect(JSON.stringify(err(circle)).match(/self/g)?.length).toBeLessThan(10);
    expect(JSON.stringify(err(circle))).not.toContain(KEY);
  });

  it('is nothing of what a credential is made of, however deep', () => {
    const shown = err({ query: { k: { a: 'opaque', b: ['opaque', { c: 5 }] }, page: { a: 'kept' } }, access_token: { x: 'opaque' }, headers: { authorization: { v: 'opaque' } }, apiKey: { id: 'opaque', masked: KEY } });
    expect(JSON.stringify(shown)).not.toMatch(/opaque|5/);
    expect(shown).toMatchObject({ query: { k: { a: '[redacted]', b: ['[redacted]', { c: '[redacted]' }] }, page: { a: 'kept' } }, apiKey: { masked: 'awx_...weGo' } });
  });

  it('is no text in a box, and no bytes by another name', () => {
    const boxed = Object(KEY) as unknown;
    const bytes = Buffer.from(KEY);
    const shown = err({ boxed, pass: Object('opaque') as unknown, said: { toJSON: () => boxed }, data: bytes.toJSON(), buffer: { toJSON: () => bytes }, again: { toJSON: () => bytes.toJSON() } });
    expect(shown).toEqual({ boxed: 'awx_...weGo', pass: '[redacted]', said: 'awx_...weGo', data: '[left out]', buffer: '[left out]', again: '[left out]' });
    expect(err(boxed)).toBe('awx_...weGo');
  });

  it('is all the rest where one value cannot be read', () => {
    const no = (): never => { throw new Error('no'); };
    const unreadable = new Proxy({}, { get: no, ownKeys: no, getPrototypeOf: no });
    const { proxy, revoke } = Proxy.revocable([], {});
    revoke();
    const error = Object.assign(new Error('kept'), { unreadable, proxy, list: [1, unreadable] });
    expect(err(error)).toMatchObject({ message: 'kept', stack: expect.stringContaining('kept') as unknown, unreadable: '[left out]', proxy: '[left out]', list: [1, '[left out]'] });
    const bare = Object.setPrototypeOf(new Error('kept'), null) as object;
    expect(err(bare)).toMatchObject({ message: 'kept' });
    expect(req({ method: 'GET', get query() { return no(); }, url: '/a', headers: {} })).toMatchObject({ method: 'GET', url: '/a', query: '[left out]' });
  });

  it('is something even where reading it throws', () => {
    const hostile = { get a(): string { throw new Error('no'); }, b: { toJSON: (): never => { throw new Error('no'); } }, c: 'kept' };
    expect(err(hostile)).toEqual({ a: '[left out]', b: '[left out]', c: 'kept' });
    const unreadable = new Proxy({}, { get: () => { throw new Error('no'); }, ownKeys: () => { throw new Error('no'); } });
    for (const serialize of Object.values(serializers)) expect(() => serialize(unreadable)).not.toThrow();
    for (const serialize of Object.values(serializers)) for (const value of [undefined, null, 1, 'x', [], Symbol('x'), () => 1]) expect(() => JSON.stringify(serialize(value))).not.toThrow();
  });
});

describe('what it shows of the rest', () => {
  it('is of a request the address before any mount, and of its key the id', () => {
    const shown = req({ method: 'GET', originalUrl: '/v1/a?k=abc', url: '/a?k=abc', query: { k: 'abc', page: '2' }, headers: {}, apiKey: { id: 'w469LPQsy0pq', name: 'Warehouse', metadata: { a: 1 } } });
    expect(shown).toEqual({ id: undefined, method: 'GET', url: '/v1/a?k=[redacted]', query: { k: '[redacted]', page: '2' }, params: undefined, headers: {}, remoteAddress: undefined, remotePort: undefined, apiKey: { id: 'w469LPQsy0pq', masked: undefined } });
  });

  it('is of an overlong request still from where it came', () => {
    const query = Object.fromEntries(Array.from({ length: 2_000 }, (_, index) => [`p${index}`, 'x']));
    const shown = req({ method: 'GET', url: '/', query, headers: { host: 'a.example' }, socket: { remoteAddress: '192.0.2.1', remotePort: 5 } }) as { query: object };
    expect(shown).toMatchObject({ headers: { host: 'a.example' }, remoteAddress: '192.0.2.1', remotePort: 5 });
    expect(Object.keys(shown.query).length).toBeLessThan(500);
  });

  it('is of a response no status before it is sent', () => {
    expect([res({ headersSent: false, statusCode: 200 }), res({ headersSent: true, statusCode: 204 })]).toMatchObject([{ statusCode: null }, { statusCode: 204 }]);
  });

  it('is of a key its id and mask, and of a text nothing but the mask', () => {
    expect(apiKey({ id: 'w469LPQsy0pq', masked: 'awx_...weGo', name: 'Warehouse' })).toEqual({ id: 'w469LPQsy0pq', masked: 'awx_...weGo' });
    expect([apiKey(KEY), apiKey('secret')]).toEqual([{ apiKey: 'awx_...weGo' }, { apiKey: '[redacted]' }]);
  });
});

it('the paths name each header and parameter once', () => {
  expect(paths).toEqual([
    'req.headers["authorization"]', 'req.headers["proxy-authorization"]', 'req.headers["cookie"]', 'req.headers["x-api-key"]', 'req.headers["x-shop-secret"]', 'req.headers["pass"]',
    'req.query["api_key"]', 'req.query["apiKey"]', 'req.query["api-key"]', 'req.query["access_token"]', 'req.query["k"]', 'req.query["pass"]',
    'res.headers["set-cookie"]',
  ]);
});
