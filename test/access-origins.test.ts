import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { compileOrigins, type OriginRules } from '../src/core/access/origins.js';

const from = (rules: OriginRules, origin: string | undefined, referer?: string): boolean | undefined =>
  compileOrigins(rules, 'origins')?.({ origin, referer, browser: true });

describe('rules', () => {
  it.each([
    ['https://app.example.com', ['https://app.example.com', 'https://app.example.com:443', 'HTTPS://APP.EXAMPLE.COM'], ['http://app.example.com', 'https://app.example.com:8443', 'https://example.com', 'https://x.app.example.com']],
    ['HTTPS://App.Example.com:443', ['https://app.example.com'], ['https://app.example.com:444']],
    ['http://localhost:3000', ['http://localhost:3000'], ['https://localhost:3000', 'http://localhost', 'http://localhost:30000', 'http://localhost:300']],
    ['http://localhost', ['http://localhost', 'http://localhost:80'], ['http://localhost:443', 'https://localhost']],
    ['capacitor://localhost', ['capacitor://localhost'], ['http://localhost', 'capacitor://localhost.evil', 'capacitor://localhost:1']],
    ['app.example.com', ['http://app.example.com', 'https://app.example.com', 'https://app.example.com:8443'], ['https://example.com', 'https://a.app.example.com', 'capacitor://app.example.com', 'https://app.example.com.evil.com']],
    ['localhost:3000', ['http://localhost:3000', 'https://localhost:3000'], ['http://localhost', 'http://localhost:3001']],
    ['localhost:80', ['http://localhost', 'http://localhost:80', 'https://localhost:80'], ['https://localhost']],
    ['*.example.com', ['https://a.example.com', 'http://a.b.c.example.com:8080'], ['https://example.com', 'https://evilexample.com', 'https://a.example.com.evil.com', 'https://.example.com', 'ftp://a.example.com', 'capacitor://a.example.com']],
    ['https://*.example.com', ['https://a.example.com', 'https://a.b.example.com'], ['http://a.example.com', 'https://a.example.com:8443', 'https://example.com']],
    ['*.example.com:8443', ['https://a.example.com:8443', 'http://a.example.com:8443'], ['https://a.example.com']],
    ['*.localhost', ['http://app.localhost:3000'], ['http://localhost:3000']],
    ['bücher.example', ['https://xn--bcher-kva.example'], ['https://bücher.example', 'https://bucher.example']],
    ['https://*.Bücher.example', ['https://a.xn--bcher-kva.example'], ['https://xn--bcher-kva.example']],
    ['[::1]:3000', ['http://[::1]:3000'], ['http://[::1]', 'http://[::2]:3000', 'http://localhost:3000']],
    ['https://[2001:DB8:0::1]', ['https://[2001:db8::1]'], ['https://[2001:db8::2]', 'https://2001:db8::1']],
    ['127.0.0.1', ['http://127.0.0.1:5173'], ['http://127.1', 'http://2130706433', 'http://0x7f.0.0.1']],
  ])('%s', (rule, good, bad) => {
    expect(good.filter((origin) => from([rule], origin) !== true)).toEqual([]);
    expect(bad.filter((origin) => from([rule], origin) !== false)).toEqual([]);
  });

  it.each(['', '*', '*.', '*.*.com', 'a.*.com', 'https://', 'https://example.com/', 'https://example.com/path', 'https://example.com?x', 'https://example.com#x', 'https://user@example.com', 'user:pass@example.com', 'example.com.', '.example.com', 'a..b', 'example.com:0', 'example.com:65536', 'example.com:080', 'example.com:', 'ws://example.com', 'wss://example.com', 'file://x', 'null', 'data://x', 'ex ample.com', 'https://a.com,https://b.com', 'https:example.com', '//example.com', 'https://exa%6dple.com', '127.1', '2130706433', '0x7f.0.0.1', '*.127.0.0.1', '*.[::1]', '[::1', '[::g]', '::1', 'capacitor://*.localhost', 'a\\b', 'a\nb', '-a.com', `${'a.'.repeat(200)}com`])(
    'refuses %j',
    (rule) => {
      expect(() => compileOrigins([rule], 'origins')).toThrow(expect.objectContaining({ code: 'invalid_origin_rule', option: 'origins[0]' }));
    },
  );

  it("are none for 'all', and allow nothing when empty", () => {
    expect(compileOrigins('all', 'origins')).toBeUndefined();
    expect(from([], 'https://app.example.com')).toBe(false);
  });
});

describe('what a browser sends', () => {
  const rules = ['https://ok.com', 'https://*.ok.com'];

  it('is judged by Origin first, then by Referer', () => {
    expect(from(rules, 'https://ok.com', 'https://evil.com/')).toBe(true);
    expect(from(rules, 'https://evil.com', 'https://ok.com/')).toBe(false);
    expect(from(rules, 'null', 'https://ok.com/')).toBe(false);
    expect(from(rules, '', 'https://ok.com/')).toBe(false);
    expect(from(rules, undefined, undefined)).toBe(false);
    for (const referer of ['https://ok.com', 'https://ok.com/', 'https://ok.com/a?b=https://evil.com', 'https://ok.com?x', 'https://a.ok.com:443/#x']) {
      expect([referer, from(rules, undefined, referer)]).toEqual([referer, true]);
    }
  });

  it.each(['https://evil.com#https://ok.com', 'https://evil.com/https://ok.com', 'https://evil.com?https://ok.com', 'https://ok.com, https://evil.com', 'https://ok.com,https://ok.com', 'https://ok.com https://evil.com', 'https://ok.com.', 'https://ok.com.evil.com', 'https://evil-ok.com', 'https://evilok.com', 'https://ok.com@evil.com', 'https://evil.com@ok.com', 'https://ok.com:x@evil.com', 'https://evil.com\\@ok.com', 'https://evil.com\\.ok.com', 'https://ok.com%2eevil.com', 'https://ok.com\0', 'https://ok.com\n', '\thttps://ok.com', 'https:ok.com', 'https:/ok.com', 'https:///ok.com', '//ok.com', 'ok.com', 'javascript:https://ok.com', 'https://ok.com:0443', 'https://ok.com:', 'https://ok.com:443:443', 'https://ok.com:99999', 'https://..ok.com', 'https://-.ok.com', 'https://o\u212a.com', 'https://ok。com', 'null', 'NULL', 'undefined', `https://${'a.'.repeat(50_000)}ok.com`, `https://ok.com/${'a'.repeat(100_000)}`, `${'a'.repeat(100_000)}://ok.com`, `https://${'-'.repeat(100_000)}`])(
    'is refused when it is hostile value %#',
    (value) => {
      expect(from(rules, value)).toBe(false);
      if (!value.startsWith('https://evil.com/') && value !== 'https://ok.com') expect(from(rules, undefined, value)).toBe(false);
    },
  );

  it('never throws, and is read as URL reads it', () => {
    const part = fc.constantFrom('https://', 'http://', 'ok.com', 'evil.com', '.', ':', '443', '80', '@', '/', '\\', '#', '?', 'a', '-', '%2e', ' ', '\0', '[::1]', ',', 'o\u212a.com');
    fc.assert(
      fc.property(fc.oneof(fc.array(part, { maxLength: 7 }).map((parts) => parts.join('')), fc.string()), (text) => {
        const asOrigin = from(rules, text);
        const asReferer = from(rules, undefined, text);
        if (asOrigin === true) expect(asReferer).toBe(true);
        if (asReferer !== true) return;
        const { protocol, hostname, port, username } = new URL(text);
        expect({ protocol, port, username }).toEqual({ protocol: 'https:', port: '', username: '' });
        expect(hostname === 'ok.com' || hostname.endsWith('.ok.com')).toBe(true);
      }),
      { numRuns: 5_000 },
    );
  });
});

describe("'server-only'", () => {
  const check = compileOrigins('server-only', 'origins');

  it.each([
    [{ origin: undefined, referer: undefined, browser: false }, true],
    [{ origin: undefined, referer: undefined, browser: true }, false],
    [{ origin: 'https://ok.com', referer: undefined, browser: true }, false],
    [{ origin: '', referer: undefined, browser: false }, false],
    [{ origin: 'null', referer: undefined, browser: false }, false],
  ])('%j: %s', (sender, allowed) => {
    expect(check?.(sender)).toBe(allowed);
  });
});
