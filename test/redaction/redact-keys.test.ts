import { describe, expect, it } from '@jest/globals';
import { basic, createKeyring, header, keyFormat, logRedaction, query, redactKeys } from 'keystile';

const KEY = 'awx_live_w469LPQsy0pq_NVCZJrRHqxEVZjMPtK33hCcVc6J2hweGo';
const HEX = 'ab'.repeat(32);
const JWT = 'eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJlLXNpZ25hdHVyZQ';

describe('redactKeys', () => {
  it.each([
    [KEY, 'awx_...weGo'],
    [`agg_shop-7_${HEX}`, 'agg_...abab'],
    [`Authorization: Bearer ${KEY}`, 'Authorization: Bearer awx_...weGo'],
    ['authorization: Bearer 8f14e45f-ceea-467f', 'authorization: Bearer [redacted]'],
    ['proxy-authorization: Basic dXNlcjpwYXNz', 'proxy-authorization: Basic [redacted]'],
    ['Authorization: Key k3y-0f-s0me0ne', 'Authorization: Key [redacted]'],
    ['sent bearer 8f14e45f-ceea-467f to it', 'sent bearer [redacted] to it'],
    [`the token ${JWT}, which is old`, 'the token [redacted], which is old'],
    ["curl -H 'X-API-Key: 8f14e45fceea' https://x.example", "curl -H 'X-API-Key: [redacted]' https://x.example"],
    ['{"x-app-api-key":"secret","a":"b"}', '{"x-app-api-key":"[redacted]","a":"b"}'],
    ['{"msg":"{\\"x-api-key\\":\\"secret\\"}"}', '{"msg":"{\\"x-api-key\\":\\"[redacted]\\"}"}'],
    ["{ 'x-api-key': [ 'secret' ] }", "{ 'x-api-key': [ '[redacted]' ] }"],
    ['["Host","a.example","X-API-Key","8f14e45fceea"]', '["Host","a.example","X-API-Key","[redacted]"]'],
    [`jwt-${JWT}`, expect.not.stringMatching(/eyJ|c2ln/)],
    [`token_${JWT}`, expect.not.stringMatching(/eyJ|c2ln/)],
    [`x${JWT} a`, 'x[redacted] a'],
    [`%5F${JWT} a`, '%5F[redacted] a'],
    [`\x1b[31m${JWT}\x1b[0m`, '\x1b[31m[redacted]\x1b[0m'],
    [`\x1b[31mBearer 8f14e45f-ceea\x1b[0m`, '\x1b[31mBearer [redacted]\x1b[0m'],
    [`keystile.v1.${JWT}`, 'keystile.v1.[redacted]'],
    [`7${KEY} a`, '7awx_...weGo a'],
    [`7_${KEY} a`, '7_awx_...weGo a'],
    [`\x1b[32m${KEY}\x1b[0m`, '\x1b[32mawx_...weGo\x1b[0m'],
    [`\x1b[1;32m${KEY}\x1b[0m`, '\x1b[1;32mawx_...weGo\x1b[0m'],
    [`2024-01-01T00:00:00Z-${KEY}`, '2024-01-01T00:00:00...weGo'],
    [`a=3D${KEY}`, 'a=3...weGo'],
    [`/p/-agl_production_${KEY.slice(-39)}`, '/p/-agl_...weGo'],
    ['/v1/orders?api_key=secret&page=2', '/v1/orders?api_key=[redacted]&page=2'],
    ['/v1/orders?page=2&apiKey=secret#top', '/v1/orders?page=2&apiKey=[redacted]#top'],
    ['/v1/orders?access_token=a.b.c', '/v1/orders?access_token=[redacted]'],
    ['/v1/orders?api_key[]=secret&api_key[0]=other', '/v1/orders?api_key[]=[redacted]&api_key[0]=[redacted]'],
    ['/v1/orders?%61pi%5Fkey=secret&page=2', '/v1/orders?%61pi%5Fkey=[redacted]&page=2'],
    [`/v1/orders?api_key=${KEY.replace('awx', '%61wx')}&page=2`, '/v1/orders?api_key=awx_...weGo&page=2'],
    ['refused shop_kR3-x9QzpW7bT-v2LmVP8dF-s4HjAN6gY-c1Ka', 'refused shop_...c1Ka'],
    ['/go?to=%2Forders%3Fapi_key%3Dsecret%26page%3D2', '/go?to=%2Forders%3Fapi_key%3D[redacted]%26page%3D2'],
    [`/go?to=${encodeURIComponent(encodeURIComponent(`?a=${KEY}&b=1`))}`, '/go?to=%253Fa%253Dawx_...weGo%2526b%253D1'],
    ['grant_type=x&subject_token=secret&client_secret=other', 'grant_type=x&subject_token=[redacted]&client_secret=[redacted]'],
    [`chat.v1, keystile.${KEY}`, 'chat.v1, keystile.awx_...weGo'],
  ])('%s', (text, shown) => {
    expect(redactKeys(text)).toEqual(shown);
  });

  it.each([
    'Bearer token is missing; choose the Basic plan.',
    'This app requires x-app-api-key for all requests.',
    'Authorization: required',
    'WWW-Authenticate: Bearer error="invalid_token", ApiKey header="X-API-Key"',
    'Vary: Authorization, X-API-Key',
    "allowedHeaders: ['X-API-Key', 'Content-Type']",
    "{ apiKey: { id: 'w469LPQsy0pq', masked: 'awx_...weGo' } }",
    '{"apiKey":null,"apiKeys":12,"x-api-key":true}',
    'if (req.apiKey === undefined) return (apiKey) => apiKey.id',
    'f47ac10b-58cc-4372-a567-0e02b2c3d479',
    '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    'keyJsonSerializer.parse.call and monkeyJumpingOver.the.fence',
    '2026-11-22-4bf92f3577b34da6a3ce929d0e0e4736',
    'commit 07553428e9c0eacf761a5d4541a3300ff7859578',
    'my-service-7d4b9c6f5d-x2x9z is ready after 12,000 ms at 2026-11-22T09:54:00.000Z',
    'test_createKeyringThrowsWhenThePrefixIsWrong in node_modules/some-package-with-a-long-name/index.js:12:34',
    'C:\\new\\table 100% of 5%25 \\u0041 \u00e9\u{1f511}',
    '',
  ])('leaves alone: %s', (text) => {
    expect(redactKeys(text)).toBe(text);
  });
});

describe('logRedaction', () => {
  const keyring = createKeyring({ formats: [keyFormat(undefined, { prefix: 'awx' }), '{secret:hex:40}', 'agg_{tenant}_{secret:hex:64}'] });

  it('knows the formats of its keyring, and takes no public id of others for a key', () => {
    const { redactKeys: redact } = logRedaction(keyring);
    expect(redact(`${'0f'.repeat(20)} ${KEY} agg_a_b_${HEX}`)).toBe('...0f0f awx_...weGo agg_...abab');
    expect(redactKeys('order_01h455vb4pex5vsknk084sn02q')).not.toContain('01h455');
    expect(redact('order_01h455vb4pex5vsknk084sn02q awx_live_maintenance_window_tonight')).toBe('order_01h455vb4pex5vsknk084sn02q awx_live_maintenance_window_tonight');
  });

  it('leaves no half of an escape behind, where a key may begin in it', () => {
    const { redactKeys: redact } = logRedaction(createKeyring({ formats: '{tenant}_{secret:hex:64}' }));
    expect(JSON.parse(redact(JSON.stringify([`\u0000shop_${HEX}`, `\nshop_${HEX}`])))).toEqual(['...abab', '...abab']);
  });

  it('takes several keyrings', () => {
    const other = createKeyring({ prefix: 'shop' });
    const { redactKeys: redact } = logRedaction([keyring, other]);
    expect(redact(`${KEY} ${other.format.generate({ environment: 'test' }).key}`)).toMatch(/^awx_\.\.\.weGo shop_\.\.\.\w{4}$/);
  });

  it('knows the headers and parameters of its credentials, and further names', () => {
    const credentials = [header('X-Shop-Secret'), query('k'), basic(), () => undefined];
    const { redactKeys: redact } = logRedaction(keyring, { credentials, names: ['x-old+token'] });
    expect(redact('/?k=abc&kk=def X-Shop-Secret: a1b2, "x-old+token":"abc" and k: no')).toBe('/?k=[redacted]&kk=def X-Shop-Secret: [redacted], "x-old+token":"[redacted]" and k: no');
    expect(redactKeys('/?k=abc X-Shop-Secret: a1b2')).toBe('/?k=abc X-Shop-Secret: a1b2');
  });

  it.each([
    [() => logRedaction({} as never), 'keyring'],
    [() => logRedaction([keyring, undefined as never]), 'keyring'],
    [() => logRedaction(keyring, { name: ['x'] } as never), 'names'],
    [() => logRedaction(keyring, { names: 'x' } as never), 'names'],
    [() => logRedaction(keyring, { names: ['a b'] }), 'names'],
    [() => logRedaction(keyring, { credentials: [] }), 'credentials'],
  ])('refuses what it cannot use: %s', (make, named) => {
    expect(make).toThrow(named);
  });
});
