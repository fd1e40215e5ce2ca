import { beforeAll, describe, expect, it } from '@jest/globals';
import ts from 'typescript';
import { importsOf, parse, sourceFiles, type Import } from './support/imports.js';
import { read } from './support/repository.js';

/** What each part of src may import: other parts, packages, and packages for their types alone. */
const PARTS: Record<string, { parts: readonly string[]; packages: readonly string[]; types?: readonly string[] }> = {
  core: { parts: [], packages: ['lru-cache', 'bcryptjs', 'ipaddr.js', 'path-to-regexp', 'node:crypto', 'node:net', 'node:util', 'node:buffer', 'node:events'] },
  memory: { parts: ['core'], packages: ['node:crypto'] },
  keyring: { parts: ['core', 'memory'], packages: [] },
  http: { parts: ['core'], packages: ['node:net', 'node:crypto'], types: ['node:http', 'node:tls', 'node:stream'] },
  express: { parts: ['http', 'core'], packages: [], types: ['node:http', 'express', 'express-serve-static-core'] },
  connect: { parts: ['http', 'core'], packages: [], types: ['node:http', 'connect'] },
  realtime: { parts: ['http', 'core'], packages: ['node:http'], types: ['node:stream'] },
  admin: { parts: ['http', 'core'], packages: ['zod', 'path-to-regexp', 'node:buffer', 'node:crypto'], types: ['node:http'] },
  // Its page is an application of its own, in dashboard/, of which this is told only where it was built.
  dashboard: { parts: ['admin', 'http', 'core'], packages: ['node:fs', 'node:path', 'node:zlib', 'dashboard/folder.cjs'], types: ['node:http'] },
  jwt: { parts: ['http', 'core'], packages: ['jose', 'node:crypto'], types: ['node:http'] },
  sql: { parts: ['core'], packages: ['node:crypto', 'node:timers/promises', 'kysely', 'node:fs', 'node:module', 'node:path'] },
  redis: { parts: ['core'], packages: ['node:crypto'] },
  testing: { parts: ['core', 'keyring'], packages: ['node:assert', 'node:assert/strict', 'node:util'] },
  cli: { parts: ['core', 'keyring', 'sql', 'redis'], packages: ['node:fs', 'node:util', 'node:process'] },
};

const ENTRIES = ['src/index.ts', 'src/admin/index.ts', 'src/connect/index.ts', 'src/jwt/index.ts', 'src/redis/index.ts', 'src/sql/index.ts', 'src/testing/index.ts'];

/** `core` of src/core/x.ts, `keyring` of src/keyring.ts, `index` of src/index.ts. */
const partOf = (path: string): string => /^src\/([\w-]+)/.exec(path)?.[1] ?? path;

let sources: string[] = [];
let imports: Import[] = [];
beforeAll(() => {
  sources = sourceFiles();
  imports = importsOf(sources);
});

describe('arrows', () => {
  it('sees the imports at all', () => {
    expect(sources.length).toBeGreaterThan(20);
    expect(imports.filter((one) => partOf(one.from) === 'keyring').map((one) => partOf(one.to))).toContain('memory');
    expect(imports.some((one) => one.typeOnly) && imports.some((one) => !one.typeOnly)).toBe(true);
  });

  it('point only from the outside in, and every part is known', () => {
    const wrong = imports.filter(({ from, to, typeOnly }) => {
      const [own, other] = [partOf(from), partOf(to)];
      if (own === 'index') return false;
      // The entry hands the page out with the API that it stands on; nothing else of admin knows of it.
      if (from === 'src/admin/index.ts' && other === 'dashboard') return false;
      const allowed = PARTS[own];
      if (allowed === undefined) return true;
      if (to.startsWith('src/')) return other !== own && !allowed.parts.includes(other);
      return !allowed.packages.includes(to) && !(typeOnly && allowed.types?.includes(to) === true);
    });
    expect(wrong.map(({ from, to }) => `${from} -> ${to}`)).toEqual([]);
    expect(sources.map(partOf).filter((part) => part !== 'index' && !(part in PARTS))).toEqual([]);
  });

  it('name files that exist', () => {
    expect(imports.filter(({ to }) => to.startsWith('src/') && !sources.includes(to)).map(({ from, to }) => `${from} -> ${to}`)).toEqual([]);
  });

  it('never lead to an entry', () => {
    expect(imports.filter(({ to }) => ENTRIES.includes(to)).map(({ from, to }) => `${from} -> ${to}`)).toEqual([]);
  });

  it('join core and memory in src/keyring.ts alone', () => {
    const joining = sources.filter((path) => ['core', 'memory'].every((part) => partOf(path) !== part && imports.some(({ from, to }) => from === path && partOf(to) === part)));
    expect(joining.filter((path) => path !== 'src/index.ts')).toEqual(['src/keyring.ts']);
  });

  it('load neither a host framework nor an optional peer at run time from the main entry', () => {
    const reached = reach('src/index.ts', imports.filter((one) => !one.typeOnly));
    const packages = imports.filter(({ from, to, typeOnly }) => reached.has(from) && !typeOnly && !to.startsWith('src/')).map(({ to }) => to);
    const manifest = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
    expect(packages.filter((name) => !name.startsWith('node:') && !(name in manifest.dependencies))).toEqual([]);
  });

  it('form no circle, types included', () => {
    const circles = sources.filter((path) => imports.some(({ from, to }) => to === path && reach(path, imports).has(from)));
    expect(circles).toEqual([]);
  });
});

describe('size', () => {
  it('keeps files short: the longest at most 240 lines, half of them at most 90', () => {
    const lengths = sources.map((path) => ({ path, lines: read(path).trimEnd().split('\n').length }));
    expect(lengths.filter(({ lines }) => lines > 240)).toEqual([]);
    const sorted = lengths.map(({ lines }) => lines).sort((a, b) => a - b);
    expect(sorted[Math.floor(sorted.length / 2)]).toBeLessThanOrEqual(90);
  });

  it('keeps functions short: at most 60 lines, not counting the functions inside', () => {
    expect(sources.flatMap(functionsOf).filter(({ lines }) => lines > 60)).toEqual([]);
  });
});

describe('ports', () => {
  it.each([
    ['KeyStore', 7, 'src/core/ports.ts'],
    ['Limiter', 5, 'src/core/ports.ts'],
    ['Hasher', 7, 'src/core/ports.ts'],
    ['Clock', 1, 'src/core/ports.ts'],
    ['ActivityLog', 2, 'src/core/observing.ts'],
    ['UsageMeter', 3, 'src/core/observing.ts'],
  ])('%s has at most %i members, all of them required', (name, most, path) => {
    const port = parse(path).statements.find((statement) => ts.isInterfaceDeclaration(statement) && statement.name.text === name);
    const members = port !== undefined && ts.isInterfaceDeclaration(port) ? port.members : [];
    expect(members.length).toBeGreaterThan(0);
    expect(members.length).toBeLessThanOrEqual(most);
    expect(members.filter((member) => member.questionToken !== undefined).map((member) => member.name?.getText())).toEqual([]);
    expect(port !== undefined && ts.isInterfaceDeclaration(port) && port.heritageClauses === undefined).toBe(true);
  });
});

/** The functions of a file; a function within another (a method of a factory) is counted as its own, not as part of it. */
function functionsOf(path: string): { at: string; lines: number }[] {
  const file = parse(path);
  const found: { at: string; lines: number }[] = [];
  const visit = (node: ts.Node): number => {
    const first = file.getLineAndCharacterOfPosition(node.getStart(file)).line;
    const last = file.getLineAndCharacterOfPosition(node.getEnd()).line;
    let inner = 0;
    ts.forEachChild(node, (child) => {
      inner += visit(child);
    });
    if (!ts.isFunctionLike(node)) return inner;
    const whole = last - first + 1;
    found.push({ at: `${path}:${first + 1}`, lines: whole - inner });
    // The line on which it begins still belongs to what is around it.
    return whole - 1;
  };
  visit(file);
  return found;
}

/** Every source file that `start` imports, directly or not; `start` itself only through a circle. */
function reach(start: string, arrows: readonly Import[]): Set<string> {
  const reached = new Set<string>();
  const waiting = [start];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const { from, to } of arrows) {
      if (from !== next || reached.has(to)) continue;
      reached.add(to);
      waiting.push(to);
    }
  }
  return start === 'src/index.ts' ? reached.add(start) : reached;
}
