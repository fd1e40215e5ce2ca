import { describe, expect, it } from '@jest/globals';
import { existsSync } from 'node:fs';
import { posix } from 'node:path';
import ts from 'typescript';
import { parse } from './support/imports.js';
import { anchorsOf, headingsOf, linksOf, readMarkdown } from './support/markdown.js';
import { files, pages, read, root } from './support/repository.js';
import { typecheck } from './support/typecheck.js';

const REQUIRED = ['README', 'CHANGELOG', 'CONTRIBUTING', 'SECURITY', 'docs/keys', 'docs/access', 'docs/limits', 'docs/errors', 'docs/testing', 'docs/architecture'];

describe('the docs', () => {
  it('are all there', () => {
    expect(REQUIRED.filter((page) => !existsSync(`${root}${page}.md`))).toEqual([]);
    expect(pages().filter((path) => /^docs\/.*(?:store|adapter)/.test(path))).not.toEqual([]);
  });

  it('keep the README within 200 lines', () => {
    expect(read('README.md').trimEnd().split('\n').length).toBeLessThanOrEqual(200);
  });

  it('reach every page from the README', () => {
    const linked = linksOf(readMarkdown(read('README.md')).prose).map(({ target }) => target.replace(/^\.\//, '').replace(/#.*/, ''));
    expect(pages().filter((path) => path !== 'README.md' && !linked.includes(path))).toEqual([]);
  });
});

describe('TypeScript in the docs', () => {
  const fences = pages().flatMap((path) => readMarkdown(read(path)).fences.map((fence) => ({ ...fence, path })));

  it('is always marked `ts`, which has it checked', () => {
    const unchecked = fences.filter(({ info }) => /^(?:typescript|tsx|mts|cts|ts\b.+|)$/i.test(info));
    expect(unchecked.map(({ path, line, info }) => `${path}:${line - 1} is marked "${info}"`)).toEqual([]);
  });

  it('compiles against the sources', () => {
    const snippets = fences.filter(({ info }) => info === 'ts').map(({ path, line, code }) => ({ at: `${path}:${line}`, code }));
    expect(snippets.map(({ at }) => at).filter((at) => at.startsWith('README.md'))).not.toEqual([]);
    expect(snippets.filter(({ code }) => /@ts-(?:ignore|nocheck)/.test(code)).map(({ at }) => at)).toEqual([]);
    expect(typecheck(snippets)).toEqual([]);
  }, 60_000);

  it('is really compared with the sources', () => {
    const code = "import { createKeyring } from 'keystile';\ncreateKeyring({ prefix: 1 });\nconst missing: string = createKeyrings;";
    expect(typecheck([{ at: 'example.md:10', code }]).map((message) => message.slice(0, 'example.md:11'.length))).toEqual(['example.md:11', 'example.md:12']);
  }, 60_000);
});

describe('links in the docs', () => {
  it.each(pages())('resolve in %s', (path) => {
    const broken = linksOf(readMarkdown(read(path)).prose).filter(({ target }) => !/^(?:https?|mailto):/.test(target) && !resolves(path, target));
    expect(broken.map(({ target, line }) => `${path}:${line} ${target}`)).toEqual([]);
  });
});

describe('docs/errors.md', () => {
  it('has a heading of its own for every code, and for nothing else that looks like one', () => {
    const codes = [...['RefusalCode', 'OperationCode', 'ConfigurationCode'].flatMap((name) => literalsOf('src/core/errors.ts', name)), ...literalsOf('src/admin/problems.ts', 'ManagementCode')];
    expect(codes.length).toBeGreaterThan(40);
    const headings = headingsOf(readMarkdown(read('docs/errors.md')).prose).flatMap((heading) => /^`(\w+)`$/.exec(heading)?.[1] ?? []);
    expect(headings.sort()).toEqual(codes.sort());
  });
});

/** The string literals of a union type. */
function literalsOf(path: string, name: string): string[] {
  const alias = parse(path).statements.find((statement) => ts.isTypeAliasDeclaration(statement) && statement.name.text === name);
  const types = alias !== undefined && ts.isTypeAliasDeclaration(alias) && ts.isUnionTypeNode(alias.type) ? alias.type.types : [];
  return types.flatMap((type) => (ts.isLiteralTypeNode(type) && ts.isStringLiteral(type.literal) ? type.literal.text : []));
}

function resolves(page: string, target: string): boolean {
  const [file = '', anchor] = decodeURI(target).split('#');
  const path = file === '' ? page : posix.join(posix.dirname(page), file).replace(/\/$/, '');
  const known = files();
  if (!known.includes(path)) return anchor === undefined && known.some((one) => one.startsWith(`${path}/`));
  return anchor === undefined || (path.endsWith('.md') && anchorsOf(readMarkdown(read(path)).prose).has(anchor));
}
