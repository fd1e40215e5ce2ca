import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { pathToRegexp } from 'path-to-regexp';
import { compileEndpoints } from '../src/core/access/endpoints.js';
import { endsOf } from '../src/core/access/matcher.js';
import { canonicalPath } from '../src/core/access/path.js';
import { hosts } from './support/route-hosts.js';

const allow = (rules: string[], method: string | undefined, target: string | undefined): boolean | undefined => compileEndpoints({ allow: rules }, 'endpoints')?.(method, target);
const deny = (rules: string[], method: string | undefined, target: string | undefined): boolean | undefined => compileEndpoints({ deny: rules }, 'endpoints')?.(method, target);
const refuses = (rule: string): (() => unknown) => () => compileEndpoints({ deny: [rule] }, 'endpoints');

describe('a rule that ends in two slashes', () => {
  it.each(['/a//', 'GET //', '///', '/a{/b}//'])('is refused, like one with two slashes elsewhere: %s', (rule) => {
    for (const rules of [{ allow: [rule] }, { deny: [rule] }]) expect(() => compileEndpoints(rules, 'endpoints')).toThrow(expect.objectContaining({ code: 'invalid_endpoint_rule' }));
  });
});

describe('allow', () => {
  it.each<[string, string[], string[]]>([
    ['/orders', ['GET /orders', 'DELETE /orders', 'GET /orders/', 'GET /ORDERS?x=1', 'PURGE /orders'], ['GET /orders/1', 'GET /order', 'GET /orders.json', 'GET /', 'GET /v1/orders']],
    ['GET /orders/:id', ['GET /orders/7', 'HEAD /orders/7', 'GET /Orders/7/', 'GET /orders/a.b', 'GET /orders/%40me', 'GET /orders/:id'], ['POST /orders/7', 'get /orders', 'GET /orders/7/8', 'GET /orders/', 'GET /orders']],
    ['HEAD /orders', ['GET /orders', 'HEAD /orders'], ['POST /orders']],
    ['/reports/*rest', ['GET /reports/a', 'GET /reports/a/b/c/'], ['GET /reports', 'GET /reports/', 'GET /reportsx']],
    ['/', ['GET /', 'GET /?a'], ['GET /a']],
    ['/a/', ['GET /a', 'GET /a/'], ['GET /a/b']],
    ['/a{/:b}/c', ['GET /a/c', 'GET /a/x/c'], ['GET /a/x/y/c', 'GET /a']],
    ['/:from-:to', ['GET /lon-par', 'GET /a-b-c'], ['GET /lon', 'GET /lon/par', 'GET /-a']],
    ['/café', ['GET /caf%C3%A9', 'GET /CAF%c3%a9'], ['GET /cafe', 'GET /%63af%C3%A9']],
    ['/caf%C3%A9', ['GET /caf%C3%A9'], ['GET /café']],
    ['/users/me', ['GET /users/me'], ['GET /users/%6de', 'GET /users/m%65']],
    ['M-SEARCH /x', ['M-SEARCH /x'], ['GET /x']],
    ['/a\\:b', ['GET /a:b'], ['GET /ab']],
  ])('%s', (rule, good, bad) => {
    const ask = (request: string): boolean | undefined => allow([rule], ...(request.split(' ') as [string, string]));
    expect(good.filter((request) => ask(request) !== true)).toEqual([]);
    expect(bad.filter((request) => ask(request) !== false)).toEqual([]);
  });

  it('follows the expression Express itself would use', () => {
    const piece = fc.constantFrom('a', 'b', '-', '.', ':p', ':q', '*w', '/', '{/a}', '{-:r}', 'A');
    const target = fc.array(fc.constantFrom('a', 'b', '-', '.', '/', 'A', '%41', '%20'), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), fc.array(target, { minLength: 1, maxLength: 8 }), (pieces, targets) => {
        const pattern = `/${pieces.join('')}`;
        const express = compiled(pattern);
        const judge = ruled(pattern);
        fc.pre(express !== undefined && judge !== undefined);
        for (const path of targets.map((parts) => `/${parts.join('')}`)) {
          if (canonicalPath(path) === undefined) continue;
          expect([pattern, path, judge('GET', path)]).toEqual([pattern, path, express.test(path.length > 1 ? path.replace(/\/$/, '') : path)]);
        }
      }),
      { numRuns: 3_000 },
    );
  });
});

describe('deny', () => {
  it.each<[string, string[], string[]]>([
    ['/admin', ['GET /admin', 'GET /ADMIN/', 'GET /%61dmin', 'GET /admin.json', 'GET /admin.json/x', 'GET /admin/.json', 'GET /admin.', 'GET /admin?x'], ['GET /admins', 'GET /admin/users', 'GET /a', 'GET /admin-x.json', 'GET /x/admin']],
    ['/admin/*rest', ['GET /admin', 'GET /admin/', 'GET /admin/a/b', 'GET /admin.json', 'GET /admin./x', 'GET /Admin/%41'], ['GET /admins', 'GET /adminx/y', 'GET /x.admin']],
    ['DELETE /orders/:id', ['DELETE /orders/1', 'delete /orders/1', 'DELETE /orders.1', 'DELETE /orders./1', 'DELETE /orders/1.json'], ['GET /orders/1', 'DELETE /orders', 'DELETE /orders/1/lines', 'DELETE /users/1.json']],
    ['GET /a', ['GET /a', 'HEAD /a', 'head /a', 'Get /a'], ['POST /a']],
    ['/api/admin', ['GET /api/admin', 'GET /api./admin', 'GET /api.admin', 'GET /api/admin.x'], ['GET /api/v1.admin', 'GET /apiadmin']],
    ['/files/report.pdf', ['GET /files/report.pdf', 'GET /files/report.pdf.bak', 'GET /files/REPORT%2epdf'], ['GET /files/report', 'GET /files/report/pdf', 'GET /files/other.pdf']],
    ['/*rest', ['GET /', 'GET /a', 'GET /a.b/c', 'GET /.x'], []],
    ['/', ['GET /', 'GET /?x'], ['GET /a', 'GET /a.b']],
    ['/a{/*rest}', ['GET /a', 'GET /a/b', 'GET /a.b'], ['GET /ab']],
    ['/a/*x/z', ['GET /a/b/z', 'GET /a/b/c/z', 'GET /a/b/z.json'], ['GET /a/b', 'GET /a/b/zz']],
    ['/caf%C3%A9', ['GET /caf%C3%A9', 'GET /%63af%c3%a9', 'GET /CAF%C3%89'], ['GET /cafe']],
  ])('%s', (rule, denied, open) => {
    const ask = (request: string): boolean | undefined => deny([rule], ...(request.split(' ') as [string, string]));
    expect(denied.filter((request) => ask(request) !== false)).toEqual([]);
    expect(open.filter((request) => ask(request) !== true)).toEqual([]);
  });
});

describe('any rule', () => {
  it('refuses what is not told or could mean two things, also where it matches nothing', () => {
    for (const ask of [allow, deny]) {
      expect(ask(['/x/*rest'], undefined, '/x/y')).toBe(false);
      expect(ask(['/x/*rest'], 'GET', undefined)).toBe(false);
      expect(['//x/y', '/x/../y', '/x/%2f', '/x;y', '/x\\y', '/x/%', 'http://h/x/y', '*', '', '/x/%252e', '/other//y'].filter((target) => ask(['/x/*rest'], 'GET', target))).toEqual([]);
    }
  });

  it("stands for 'all', 'none' and empty lists", () => {
    expect(compileEndpoints('all', 'endpoints')).toBeUndefined();
    expect(compileEndpoints({ deny: [] }, 'endpoints')).toBeUndefined();
    expect(compileEndpoints('none', 'endpoints')?.('GET', '/')).toBe(false);
    expect(allow([], 'GET', '/')).toBe(false);
  });

  it('is chosen by method, with those for all methods', () => {
    const rules = ['GET /a', 'POST /b/:x', '/c', '/d/:x'];
    expect(['GET /a', 'POST /a', 'POST /b/1', 'GET /b/1', 'PUT /c', 'GET /c', 'POST /d/1', 'PUT /d/1', '* /a'].map((request) => allow(rules, ...(request.split(' ') as [string, string])))).toEqual([true, false, true, false, true, true, true, true, false]);
  });

  it.each(['', 'orders', 'GET', 'GET orders', 'GETT /x', 'get /x', 'GET  /x', 'GET /x y\n', '* /x', 'GET,POST /x', '/x?y', '/(a)', '/x+', '/x[1]', '/x!', '/:', '/*', '/{a', '/a}', '/:a:b', '/*a*b', '//x', '/x//y', '/x/../y', '/./x', '/x;y', '/x#y', '/x\\\\y', '/x%2fy', '/x%', '/%zz', '/%25%34%31', '/%ff', '/%4{1}', '/a%00', '/\ud800', '/*a/*b/*c', '{/a}', '/{a}{b}{c}{d}{e}', '/:a-:b-:c-:d', `/${'{'.repeat(250)}${'}'.repeat(250)}`])(
    'is not written like number %#',
    (rule) => {
      expect(refuses(rule)).toThrow(expect.objectContaining({ code: 'invalid_endpoint_rule', option: 'endpoints.deny[0]' }));
    },
  );

  it('is told what it should have been', () => {
    expect(refuses('GETT /x')).toThrow("did you mean 'GET'?");
    expect(refuses('/(a)')).toThrow('Unexpected ( at index 1');
    expect(refuses('orders')).toThrow("write '/orders/:id'");
  });
});

/** Ways to write the same path differently for some router; applied in any order, any number of times. */
const TRICKS: readonly ((path: string, at: number) => string)[] = [
  (path, at) => splice(path, at, (char) => char.toUpperCase()),
  (path, at) => splice(path, at, (char) => (/[a-z/\\.;%]/i.test(char) ? `%${char.charCodeAt(0).toString(16)}` : char)),
  (path, at) => slashes(path, at, '//'),
  (path, at) => slashes(path, at, '/./'),
  (path, at) => slashes(path, at, '/x/../'),
  (path, at) => slashes(path, at, '%2f'),
  (path, at) => slashes(path, at, '%252F'),
  (path, at) => slashes(path, at, '\\'),
  (path, at) => slashes(path, at, ';x=1/'),
  (path) => path.replace(/(?<=[^./])\/(?=.)/g, './'),
  (path) => `${path}/`,
  (path) => `${path};a`,
  (path) => `${path}/.`,
  (path) => `${path}%00`,
  (path) => path.replace(/(?<=[^./])\/?$/, '.json'),
  (path) => path.replace(/(?<=[^./])\/?$/, '.'),
  (path) => `http://evil${path}`,
  (path) => `/x/..${path}`,
];
const splice = (text: string, at: number, change: (char: string) => string): string => {
  const place = at % text.length;
  return text.slice(0, place) + change(text[place] ?? '') + text.slice(place + 1);
};
const slashes = (path: string, at: number, by: string): string => {
  const places = [...path.matchAll(/\//g)].map(({ index }) => index);
  const place = places[at % Math.max(1, places.length)];
  return place === undefined ? path : path.slice(0, place) + by + path.slice(place + 1);
};
const respelt = (paths: readonly string[]): fc.Arbitrary<string> =>
  fc
    .tuple(fc.constantFrom(...paths), fc.array(fc.tuple(fc.constantFrom(...TRICKS), fc.nat()), { maxLength: 4 }), fc.constantFrom('', '?', '?a=/b', '?/../c'))
    .map(([path, tricks, query]) => tricks.reduce((text, [trick, at]) => trick(text, at), path) + query);

describe('a denied path', () => {
  const rules = ['/admin/users', '/orders/:id', '/reports/*rest'];
  const judge = compileEndpoints({ deny: rules }, 'endpoints');

  it('stays denied in every spelling', () => {
    fc.assert(
      fc.property(respelt(['/admin/users', '/orders/7', '/reports', '/reports/a/b', '/reports/a.csv']), (target) => {
        expect([target, judge?.('GET', target)]).toEqual([target, false]);
      }),
      { numRuns: 10_000 },
    );
  });

  it.each(hosts)('is not reached on %s', async (_name, reached) => {
    const pieces = fc.array(fc.constantFrom('/', '/', '/', '.', '%2e', 'admin', 'users', 'ADMIN', '%61dmin', 'orders', '7', 'reports', 'x', ';', '%2f', '\\', '.json', '%25'), { maxLength: 7 }).map((parts) => `/${parts.join('')}`);
    let hits = 0;
    await fc.assert(
      fc.asyncProperty(fc.oneof(pieces, respelt(['/admin/users', '/orders/7', '/reports/a'])), async (target) => {
        if (!(await reached(target))) return;
        hits++;
        expect([target, judge?.('GET', target)]).toEqual([target, false]);
      }),
      { numRuns: 2_000 },
    );
    // A host that is never reached would prove nothing.
    expect(hits).toBeGreaterThan(100);
  });
});

describe('patterns made to be slow', () => {
  const patterns = ['/*a/*b', '/{:a-}{:b-}{:c}{d}', '/*a{/b}{/c}{/d}{/e}/*f', '/:a-:b-:c/*d-*e', `/:a/${'a'.repeat(480)}`, `/*a/${'a/'.repeat(240)}`, `/*a{aa}{aa}{aa}{aa}${'a'.repeat(400)}`, '/:a/:b/:c/:d/:e/:f/:g/:h/:i/:j/:k'];
  const paths = ['a', '-', '.', 'a/', '-/', './', 'a-', 'a.', '.a', '/a'].map((part) => `/x${part.repeat(2_048)}`.slice(0, 2_048));

  it('cost no more than a bounded number of steps, alone or by the thousand', () => {
    const judges = [...patterns.map((pattern) => [pattern]), Array.from({ length: 1_000 }, (_, index) => patterns[index % patterns.length] ?? '')].flatMap((rules) => [
      compileEndpoints({ allow: rules }, 'endpoints'),
      compileEndpoints({ deny: rules }, 'endpoints'),
    ]);
    const slowest = judges.flatMap((judge) => paths.map((path) => [0, 1, 2].map(() => millisecondsOf(() => judge?.('GET', path))).sort((a, b) => a - b)[0] ?? 0));
    expect(Math.max(...slowest)).toBeLessThan(100);
  });

  it('are left as soon as the effort is spent', () => {
    const effort = { left: 1_000 };
    const steps = Array.from({ length: 100 }, () => ({ kind: 'wildcard' }) as const);
    expect(endsOf(steps, 'a'.repeat(2_000), [0], effort)).toEqual([]);
    expect(effort.left).toBeGreaterThan(-2_000);
  });

  it('are refused when there is no end to them', () => {
    const rules = Array.from({ length: 1_000 }, (_, index) => `/*a/:b/x${String(index)}`);
    const path = `/${'a/'.repeat(1_000)}`;
    expect([allow([...rules, '/*any'], 'GET', path), deny(rules, 'GET', path)]).toEqual([false, false]);
  });

  it('leave room for a thousand honest ones', () => {
    const rules = Array.from({ length: 1_000 }, (_, index) => `GET /api/v1/:tenant/resource-${String(index)}/:id`);
    const path = '/api/v1/a-tenant-with-a-long-name/resource-999/5f0c1d2e-9b7a-4c3d-8e1f-001122334455';
    expect([allow(rules, 'GET', path), deny(rules, 'GET', path), deny(rules, 'GET', `${path}/lines`)]).toEqual([true, false, true]);
  });
});

function compiled(pattern: string): RegExp | undefined {
  try {
    return pathToRegexp(pattern.length > 1 ? pattern.replace(/\/$/, '') : pattern).regexp;
  } catch {
    return undefined;
  }
}

function ruled(pattern: string): ReturnType<typeof compileEndpoints> {
  try {
    return compileEndpoints({ allow: [pattern] }, 'endpoints');
  } catch {
    return undefined;
  }
}

function millisecondsOf(work: () => unknown): number {
  const { user, system } = process.cpuUsage();
  work();
  const spent = process.cpuUsage({ user, system });
  return (spent.user + spent.system) / 1_000;
}
