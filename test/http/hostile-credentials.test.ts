import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { requestText } from '../support/raw-http.js';
import { nodeDropsHeaderFields } from '../support/node-limits.js';
import { fortress, type Attack, type Fortress } from '../support/hostile.js';
import { useServers } from '../support/servers.js';

jest.setTimeout(60_000);
const listen = useServers();

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'PROPFIND'];
const headerNames = ['X-API-Key', 'x-api-key', 'X-Api-KEY'];
const bearers = ['Bearer', 'bearer', 'BEARER', 'BeArEr'];
const latin1 = (codes: readonly number[]): string => String.fromCharCode(...codes);

const asHeader = (value: string, index: number): string => `${headerNames[index % headerNames.length] ?? ''}: ${value}`;
const asBearer = (value: string, index: number): string => `Authorization: ${bearers[index % bearers.length] ?? ''} ${value}`;
const places = [asHeader, asBearer];

/** A key of the right shape and checksum that nobody was given. */
const madeUp = ({ keyring }: Fortress): string => keyring.format.generate({ environment: 'live' }).key;

async function expectRefused(against: Fortress, attacks: readonly Attack[], atLeast: number): Promise<void> {
  expect(attacks.length).toBeGreaterThanOrEqual(atLeast);
  expect(await against.withstand(attacks)).toEqual([]);
}

describe('hostile credentials, on all four hosts alike', () => {
  it('two different ones are ambiguous, wherever they stand', async () => {
    const against = await fortress(listen);
    const { key: one } = await against.keyring.create({ name: 'one' });
    const { key: two } = await against.keyring.create({ name: 'two' });
    const values = [one, two, madeUp(against), 'awx_live_', 'awx_live___proto__', `${one}x`];
    const attacks = values.flatMap((first) =>
      values.filter((second) => second !== first).flatMap((second) =>
        places.flatMap((here, i) => places.map((there, j): Attack => {
          const lines = [here(first, i), there(second, j + 1)];
          return { name: lines.join(' + '), bytes: requestText(lines), expect: 'ambiguous_credentials', secrets: [first, second] };
        })),
      ),
    );
    for (const value of ['', '__proto__', 'null', `${one},${one}`]) {
      attacks.push({ name: `${value} beside a key`, bytes: requestText([asHeader(value, 0), asBearer(one, 0)]), expect: 'ambiguous_credentials', secrets: [one] });
      attacks.push({ name: `${value} after a key`, bytes: requestText([asHeader(one, 0), 'Cookie: a=b', asHeader(value, 1)]), expect: 'ambiguous_credentials', secrets: [one] });
    }
    const many = Array.from({ length: 50 }, () => asHeader(one, 0));
    attacks.push({ name: 'the 51st differs', bytes: requestText([...many, asHeader(two, 0)]), expect: 'ambiguous_credentials', secrets: [one, two] });
    await expectRefused(against, attacks, 120);
  });

  it('malformed ones are refused as such, whatever they are made of', async () => {
    const against = await fortress(listen, { required: false });
    const { key } = await against.keyring.create({ name: 'one' });
    const prototypes = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '__defineGetter__', 'valueOf'];
    const values = [
      '', ...prototypes, ...prototypes.map((name) => `awx_live_${name}`), 'null', 'undefined', 'true', '0', '{}', '[]', '*', '../../etc/passwd', "' OR 1=1 --", '${jndi:ldap://x}',
      `${key} `.repeat(2), `${key},${key}`, `${key}, ${key}`, `"${key}"`, `Bearer ${key}`, `${key}x`, `x${key}`, key.slice(0, -1), key.slice(1), key.toUpperCase(), key.toLowerCase(), key.replace('awx', 'AWX'),
      key.replace('live', 'test'), key.replace('live', 'prod'), key.split('').reverse().join(''), encodeURIComponent(`${key}=`), 'a'.repeat(512), 'a'.repeat(513), 'a'.repeat(10_000), `${key}${'0'.repeat(10_000)}`,
      `awx_live_${'_'.repeat(5_000)}`, latin1([0xe9, 0xff, 0x80]), `${key}${latin1([0xa0])}x`, `awx_live_${latin1([0xc3, 0xa9])}`, latin1([0xef, 0xbb, 0xbf]) + key, `${key}\t${key}`,
    ];
    const attacks = values.flatMap((value, index): Attack[] => {
      const method = methods[index % methods.length] ?? 'GET';
      const all = [requestText([asHeader(value, index)]), requestText([asHeader(value, index)], { method, version: index % 2 === 0 ? '1.0' : '1.1' })];
      if (value.startsWith('awx_')) all.push(requestText([asBearer(value, index)]));
      return all.map((bytes, variant) => ({ name: `${JSON.stringify(value.slice(0, 40))} (${variant})`, bytes, expect: bytes.startsWith('HEAD') ? 401 : 'malformed_key', secrets: [value, key] }));
    });
    await expectRefused(against, attacks, 100);
  });

  it('made-up ones are invalid, with every method and version', async () => {
    const against = await fortress(listen);
    const attacks = methods.flatMap((method) => ['1.0', '1.1'].flatMap((version) => places.map((place, index): Attack => {
      const key = madeUp(against);
      return { name: `${method} ${version}`, bytes: requestText([place(key, index)], { method, version }), expect: method === 'HEAD' ? 401 : 'invalid_key', secrets: [key] };
    })));
    await expectRefused(against, attacks, 36);
  });

  it('in places where nobody looks are none', async () => {
    const against = await fortress(listen);
    const { key } = await against.keyring.create({ name: 'one' });
    const basic = Buffer.from(`${key}:`).toString('base64');
    const lines = ['X_API_Key', 'X-API-Keys', 'API-Key', 'X-Auth-Token', 'Proxy-Authorization', 'X-Forwarded-Authorization', '__proto__', 'constructor'].map((name) => [`${name}: ${key}`]);
    lines.push([`Authorization: ${key}`], [`Authorization: Basic ${basic}`], [`Authorization: Bearer`], [`Authorization: Bearer,${key}`], [`Authorization: Digest ${key}`], [`Cookie: x-api-key=${key}`], ['Authorization: Bearer eyJhbGciOi.J9'], [`Authorization: Bearer "${key}"`]);
    lines.push(['Transfer-Encoding: chunked', '', `0\r\nX-API-Key: ${key}`]);
    const attacks = [
      ...lines.map((each): Attack => ({ name: each.join(' | '), bytes: requestText(each), expect: 'missing_key', secrets: [key, basic] })),
      ...['?api_key=', '?x-api-key=', '?key=', '?access_token=', '#'].map((place): Attack => ({ name: place, bytes: requestText([], { target: `/items${place}${key}` }), expect: 'missing_key', secrets: [key] })),
    ];
    await expectRefused(against, attacks, 20);
  });

  it('among more than 1,000 header fields are not looked for', async () => {
    const against = await fortress(listen, { required: false });
    const { key } = await against.keyring.create({ name: 'one' });
    const filler = (count: number): string[] => Array.from({ length: count }, (_, index) => `${index.toString(36)}:`);
    const attacks = [[asHeader(key, 0), ...filler(1_000)], [...filler(1_010), asHeader(key, 0)], [asHeader(key, 0), ...filler(1_100), asHeader(madeUp(against), 0)], filler(2_000)].map(
      (lines, index): Attack => ({ name: `fields ${index}`, bytes: requestText(lines), expect: nodeDropsHeaderFields ? 'malformed_request' : 431, secrets: [key] }),
    );
    await expectRefused(against, attacks, 4);
  });

  it('that Node itself cannot take never come through', async () => {
    const against = await fortress(listen);
    const { key } = await against.keyring.create({ name: 'one' });
    const controls = [0x00, 0x01, 0x07, 0x08, 0x0b, 0x0c, 0x0e, 0x1b, 0x1f, 0x7f].map(
      (code): Attack => ({ name: `control ${code}`, bytes: requestText([asHeader(`${key}${latin1([code])}`, 0)]), expect: 400, secrets: [key] }),
    );
    const attacks: Attack[] = [
      ...controls,
      { name: '100 kB', bytes: requestText([asHeader('a'.repeat(100_000), 0)]), expect: 431 },
      { name: 'two lengths', bytes: requestText([asHeader(key, 0), 'Content-Length: 1', 'Content-Length: 2']), expect: 400, secrets: [key] },
      { name: 'length and chunks', bytes: requestText([asHeader(key, 0), 'Content-Length: 1', 'Transfer-Encoding: chunked']), expect: 400, secrets: [key] },
      { name: 'a folded line', bytes: requestText(['X-API-Key:', ` ${key}`, `X-Bad name: ${key}`]), expect: 400, secrets: [key] },
      { name: 'no host', bytes: `GET /items HTTP/1.1\r\nX-API-Key: ${key}x\r\nConnection: close\r\n\r\n`, expect: 400, secrets: [key] },
    ];
    await expectRefused(against, attacks, 15);
  });

  it('of any bytes at all are refused, also in a row on one connection', async () => {
    const against = await fortress(listen);
    const { key } = await against.keyring.create({ name: 'one' });
    const byte = fc.integer({ min: 0x21, max: 0xff }).filter((code) => code !== 0x7f);
    const text = fc.array(byte, { minLength: 1, maxLength: 80 }).map(latin1);
    const wrong = fc.oneof(text, fc.tuple(fc.nat(key.length - 1), byte).map(([at, code]) => key.slice(0, at) + latin1([code]) + key.slice(at + 1)), text.map((tail) => key + tail));
    await fc.assert(
      fc.asyncProperty(fc.array(wrong.filter((value) => value !== key), { minLength: 1, maxLength: 8 }), async (values) => {
        const last = values.length - 1;
        const bytes = values.map((value, index) => `GET /items HTTP/1.1\r\nHost: a\r\n${index === last ? 'Connection: close\r\n' : ''}X-API-Key: ${value}\r\n\r\n`).join('');
        expect(await against.withstand([{ name: 'bytes', bytes, expect: 401, answers: values.length, secrets: [...values, key] }])).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});
