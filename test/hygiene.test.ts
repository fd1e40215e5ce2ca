import { describe, expect, it } from '@jest/globals';
import { accessSync, constants } from 'node:fs';
import { readMarkdown } from './support/markdown.js';
import { manifest } from './support/package.js';
import { files, read, root } from './support/repository.js';

const SELF = 'test/hygiene.test.ts';
const texts = files().filter((path) => path !== SELF && !/\.(?:png|ico|woff2?)$/.test(path));

/** What must not stand in any file, and why. */
const FORBIDDEN: readonly (readonly [why: string, pattern: RegExp])[] = [
  ['a path of one machine', /(?<![\w.:])\/(?:home|Users|root|work|mnt|tmp)\/[\w.-]|\b[A-Z]:\\\\?Users/],
  ['the address of a package registry', /\bregistry\.[\w-]+\.\w+|npm\.pkg\.github\.com|\bnpmmirror\b|\bverdaccio\b|_authToken/],
  ['how the work was organised', /\b(?:this|previous|last|next|another) session\b|\bsub-?agents?\b|\bissue #?\d+\b|\bthe brief\b|\bshared\/(?:DESIGN|STYLE|FIELD|TOOLCHAIN)|\b(?:DESIGN|STYLE|FIELD|TOOLCHAIN)(?:\.md|\s*§)/i],
  ['the name of a writing aid', /\b(?:claude|anthropic|chatgpt|openai|copilot|gemini|llm)\b/i],
  ['a note to come back', /\b(?:TODO|FIXME|XXX|HACK)\b/],
  ['a test that silences the others', /\b(?:describe|it|test)\.only\b|\bf(?:describe|it)\(/],
  ['a merge mark', /^(?:<{7}|>{7}) /m],
];

describe('every file', () => {
  it.each(FORBIDDEN)('is free of %s', (_why, pattern) => {
    const found = texts.flatMap((path) => read(path).split('\n').flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1} ${line.trim()}`] : [])));
    expect(found).toEqual([]);
  });

  it('ends with one newline and has neither tabs nor trailing blanks', () => {
    expect(texts.filter((path) => !/[^\n]\n$/.test(read(path)) || /\t|[ \t]$/m.test(read(path)))).toEqual([]);
  });
});

describe('package.json', () => {
  it('has the four runtime dependencies and no other', () => {
    expect(Object.keys(manifest.dependencies).sort()).toEqual(['bcryptjs', 'ipaddr.js', 'lru-cache', 'path-to-regexp']);
  });

  it('pins every devDependency exactly', () => {
    const loose = Object.entries(manifest.devDependencies).filter(([, version]) => !/^(?:npm:[@\w/-]+@)?\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version));
    expect(loose).toEqual([]);
  });

  it('has the version of the newest entry of the changelog', () => {
    const versions = [...read('CHANGELOG.md').matchAll(/^## \[?(\d+\.\d+\.\d+[\w.-]*)\]?/gm)].map((match) => match[1]);
    expect(versions[0]).toBe(manifest.version);
  });
});

describe('.ci/run', () => {
  it('is executable', () => {
    expect(() => { accessSync(`${root}.ci/run`, constants.X_OK); }).not.toThrow();
  });
});

describe('the tree in CONTRIBUTING.md', () => {
  const tree = readMarkdown(read('CONTRIBUTING.md')).fences.find(({ info }) => info === 'text')?.code ?? '';
  const listed = treePaths(tree);

  it('lists what exists', () => {
    const real = files();
    expect(listed.length).toBeGreaterThan(20);
    expect(listed.filter((path) => !real.includes(path) && !real.some((one) => one.startsWith(`${path}/`)))).toEqual([]);
  });

  it('lists every folder, and every file directly in src', () => {
    const real = files();
    const folders = new Set(real.filter((path) => !path.startsWith('test/package/projects/')).flatMap((path) => path.split('/').slice(0, -1).map((_, depth, parts) => parts.slice(0, depth + 1).join('/'))));
    const wanted = [...folders, ...real.filter((path) => /^src\/[^/]+$/.test(path))];
    expect(wanted.filter((path) => !listed.includes(path))).toEqual([]);
  });
});

/** Paths of a listing in which each level is indented by two blanks and a remark follows two or more blanks. */
function treePaths(tree: string): string[] {
  const parents: string[] = [];
  return tree.split('\n').flatMap((line) => {
    const [, indent = '', name] = /^( *)(\S+)/.exec(line) ?? [];
    if (name === undefined) return [];
    parents.length = indent.length / 2;
    parents.push(name.replace(/\/$/, ''));
    return [parents.join('/')];
  });
}
