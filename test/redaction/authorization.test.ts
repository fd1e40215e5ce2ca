import { describe, expect, it } from '@jest/globals';
import { createKeyring, logRedaction, redactKeys } from 'keystile';

/** Values under schemes of all kinds, what of them nobody may see, and what is shown on a line of its own. */
const VALUES: readonly (readonly [value: string, secret: string, shown: string])[] = [
  ['SSWS 00QCx8s7d6f5', '00QC', '[redacted]'],
  ['Negotiate YIIZhdA8bQ==', 'YIIZ', '[redacted]'],
  ['Bot MTk4NjIyNDgz.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs', 'ZnCj', '[redacted]'],
  ['AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;range, Signature=fe5f80f77d5fa3beca038a24', 'fe5f', '[redacted]'],
  ['Digest username="bob", realm="a b", response="6629fae49393a05397450978"', '6629', 'Digest [redacted]'],
  ['Digest username="CORP\\nick", response="6629fae49393a05397450978"', '6629', 'Digest [redacted]'],
  ['Token token="a1b2c3d4e5", coupon="q7w8"', 'a1b2', 'Token [redacted]'],
  ['correct horse 7battery9 staple', 'horse', '[redacted]'],
  ['Basic dXNlcjpwYXNzd29yZA==', 'dXNl', 'Basic [redacted]'],
  ['Bearer 8f14e45f-ceea-467f', '8f14', 'Bearer [redacted]'],
];

const own = logRedaction(createKeyring({ prefix: 'awx' }));

describe.each([['redactKeys', redactKeys], ['logRedaction', own.redactKeys]])('%s hides what follows the name Authorization', (_name, redact) => {
  it.each(VALUES)('on a line: %s', (value, _secret, shown) => {
    expect(redact(`Authorization: ${value}`)).toBe(`Authorization: ${shown}`);
    expect(redact(`GET / HTTP/1.1\r\nproxy-authorization: ${value}\r\nHost: a.example`)).toBe(`GET / HTTP/1.1\r\nproxy-authorization: ${shown}\r\nHost: a.example`);
    expect(redact(`curl -H ${JSON.stringify(`Authorization: ${value}`)} https://a.example`)).toBe(`curl -H "Authorization: ${shown}" https://a.example`);
    expect(redact(`curl -H 'Authorization: ${value}' https://a.example`)).toBe(`curl -H 'Authorization: ${shown}' https://a.example`);
  });

  it.each(VALUES)('in JSON, which stays JSON with the fields beside it: %s', (value, secret) => {
    const line = { authorization: value, list: ['Proxy-Authorization', value, 'Host'], msg: `sent Authorization: ${value}\r\nHost: a.example`, nested: JSON.stringify({ authorization: value, kept: 1 }), kept: 1 };
    const shown = redact(JSON.stringify(line));
    expect(shown).not.toContain(secret);
    const parsed = JSON.parse(shown) as typeof line;
    expect(parsed.msg).toMatch(/^sent Authorization: (?:\w+ )?\[redacted\]\r\nHost: a\.example$/);
    expect([parsed.list[0], parsed.list[2], parsed.kept, (JSON.parse(parsed.nested) as typeof line).kept]).toEqual(['Proxy-Authorization', 'Host', 1, 1]);
  });

  it.each(VALUES)('in an inspected object: %s', (value, secret) => {
    const shown = redact(`{ headers: { authorization: '${value}', kept: 1 } }`);
    expect(shown).not.toContain(secret);
    expect(shown).toMatch(/^\{ headers: \{ authorization: '.{0,30}', kept: 1 \} \}$/);
  });

  it.each([
    ['Authorization: Bearer 8f14e45f-ceea was refused', 'Authorization: Bearer [redacted] was refused'],
    // A quote that is never closed still ends with the text around it.
    ['{"msg":"Authorization: Digest a=\\"b1c2d3","kept":"x"}', '{"msg":"Authorization: Digest [redacted]","kept":"x"}'],
    [`{"msg":"authorization: 'SSWS 00QC1x","kept":"x"}`, `{"msg":"authorization: '[redacted]","kept":"x"}`],
    ['{"msg":"Authorization: Basic dXNlcg=","kept":"x"}', '{"msg":"Authorization: Basic [redacted]","kept":"x"}'],
    ['Authorization: [redacted]\nAuthorization: SSWS 00QC1x', 'Authorization: [redacted]\nAuthorization: [redacted]'],
    ['Authorization: [redacted] Proxy-Authorization: SSWS 00QC1x', 'Authorization: [redacted] Proxy-Authorization: [redacted]'],
    ['{"authorization":"SSWS 00QC1x\\\\","kept":"x"}', '{"authorization":"[redacted]","kept":"x"}'],
    ['{"m":"{\\"authorization\\":\\"SSWS 00QC1x\\\\\\\\\\",\\"kept\\":1}"}', '{"m":"{\\"authorization\\":\\"[redacted]\\",\\"kept\\":1}"}'],
    ['/v1/orders?authorization=a1b2c3d4&page=2', '/v1/orders?authorization=[redacted]&page=2'],
  ])('up to its end: %s', (text, shown) => {
    expect(redact(text)).toBe(shown);
  });

  it.each([
    'authorization: required for all routes',
    'Authorization: Bearer token, or an API key',
    '{"authorization":{"required":true,"code":"a1b2c3"}}',
    '{ authorization: { required: true }, code: "a1b2c3" }',
    '["Authorization","X-API-Key","a1b2c3"]',
    'Access-Control-Allow-Headers: authorization, x-a1b2c3',
  ])('but not prose, nor objects, nor names: %s', (text) => {
    expect(redact(text)).toBe(text);
  });
});
