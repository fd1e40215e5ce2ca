import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canonicalPath } from '../src/core/access/path.js';

describe('canonicalPath', () => {
  it.each([
    ['/', '/'],
    ['/?', '/'],
    ['/v1/orders/123?x=1', '/v1/orders/123'],
    ['/v1/orders/?a=//..;\\%2f%', '/v1/orders/'],
    ['/caf%C3%A9', '/café'],
    ['/%61dmin', '/admin'],
    ['/a%20b/%3Fc', '/a b/?c'],
    ['/100%25', '/100%'],
    ['/.well-known/x', '/.well-known/x'],
    ['/a/...', undefined],
    ['/a/..b/.c./d..', '/a/..b/.c./d..'],
    ["/a-_~!$&'()*+,=:@", "/a-_~!$&'()*+,=:@"],
    [`/${'a'.repeat(2_047)}?${'b'.repeat(9_999)}`, `/${'a'.repeat(2_047)}`],
  ])('of target %# is what it should be', (target, path) => {
    expect(canonicalPath(target)).toBe(path);
  });

  it.each([
    ['nothing', ['', '?', '?x=/a']],
    ['other forms', ['*', 'a', 'http://evil/a', 'HTTP://evil/a', 'evil:443', ' /a']],
    ['doubled slashes', ['//', '//a', '/a//b', '/a//', '/a//?x']],
    ['dot segments', ['/.', '/..', '/a/.', '/a/./b', '/a/..', '/a/../b', '/a/..?x', '/.?x', '/%2e', '/a/%2E%2e/b', '/a/.%2e', '/a/%2e?x']],
    ['parameters and backslashes', ['/a;b', '/a;', '/a%3bb', '/a%3Bb', '/a\\b', '/a%5cb', '/a%5C']],
    ['encoded slashes', ['/a%2fb', '/a%2Fb', '/%2f']],
    ['broken escapes', ['/%', '/a%2', '/a%zz', '/a%u0041', '/%?41']],
    ['bytes that are not UTF-8', ['/%ff', '/%c0%af', '/%c3', '/%ed%a0%80', '/%f8%88%80%80%80']],
    ['double encoding', ['/%2541', '/%252e%252e', '/%25%34%31', '/a%252fb', '/%252541']],
    ['controls', ['/a\0', '/a%00', '/a%0d%0a', '/a\tb', '/a\x7f', '/a%7F', '/a%C2%85', '/a b']],
    ['what should have been encoded', ['/café', '/a\u00a0', '/\ud800', '/\u2028']],
    ['fragments', ['/a#b', '/#', '/a#?x']],
    ['long paths', [`/${'a'.repeat(2_048)}`, '/'.repeat(100_000), `/${'%41'.repeat(1_000)}`, `/${'a'.repeat(1_000_000)}`]],
  ])('refuses %s', (_what, targets) => {
    expect(targets.filter((target) => canonicalPath(target) !== undefined)).toEqual([]);
  });

  it('never throws, and gives only paths that a second reader would read the same', () => {
    const hostile = fc.array(fc.constantFrom('/', '.', '..', '%', '%2', '2f', '%2e', '%25', '41', ';', '\\', '?', '#', 'a', 'é', '%c3%a9', '\0', '%00'), { maxLength: 12 });
    fc.assert(
      fc.property(fc.oneof(hostile.map((parts) => `/${parts.join('')}`), fc.string({ unit: 'binary' })), (target) => {
        const path = canonicalPath(target);
        if (path === undefined) return;
        const segments = path.split('/');
        expect(path[0]).toBe('/');
        expect(segments.slice(1, -1)).not.toContain('');
        expect(segments.some((segment) => segment === '.' || segment === '..')).toBe(false);
        expect(path).not.toMatch(/[\\;]|%[\da-f]{2}/i);
        expect(new URL(`http://host${target.split('?')[0] ?? ''}`).pathname.replace(/%[\da-f]{2}/gi, '').length).toBeGreaterThan(0);
      }),
      { numRuns: 2_000 },
    );
  });

  it('decodes what encodeURIComponent made, once', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 1, unit: 'grapheme' }), { minLength: 1 }), (segments) => {
        const path = `/${segments.join('/')}`;
        fc.pre(segments.every((segment) => !/[\\;/]|%[\da-f]{2}|^\.\.?$/i.test(segment) && !/\p{Cc}/u.test(segment)));
        expect(canonicalPath(`/${segments.map(encodeURIComponent).join('/')}`)).toBe(path);
      }),
    );
  });
});
