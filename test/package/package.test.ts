import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { answers, manifest, pack, run, type Packed } from '../support/package.js';

const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');

let packed: Packed | undefined;
let project: Record<'esm' | 'commonjs' | 'typescript' | 'plain', string>;

beforeAll(async () => {
  const made = (packed = await pack());
  const [esm, commonjs, typescript, plain] = await Promise.all([
    made.install('esm', ['express', 'jose', 'kysely', 'zod']),
    made.install('commonjs', ['express4', 'zod']),
    made.install('typescript', ['express', 'connect', '@types/express', '@types/connect', '@types/node']),
    made.install('plain', ['@types/node']),
  ]);
  project = { esm, commonjs, typescript, plain };
}, 300_000);

afterAll(() => packed?.remove());

describe('the packed tarball', () => {
  it('serves Express 5 from an ESM project', async () => {
    expect(await answers('server.js', project.esm)).toEqual([[200, 'esm', 401]]);
  });

  it('serves Express 4 from a CommonJS project', async () => {
    expect(await answers('server.js', project.commonjs)).toEqual([[200, 'commonjs', 401]]);
  });

  it('serves the dashboard, its page found from ESM and from CommonJS', async () => {
    for (const folder of [project.esm, project.commonjs]) expect(await answers('dashboard.js', folder)).toEqual([[200, true, 401]]);
  });

  it('works with its ESM and its CommonJS copy in one process', async () => {
    expect(await answers('mixed.js', project.esm)).toEqual([[200, 'mixed', 401], [200, 'mixed', 401]]);
  });

  it('resolves every entry in both systems, with the same names', async () => {
    const entries = Object.keys(manifest.exports).filter((entry) => entry !== './package.json').map((entry) => entry.replace('.', 'keystile'));
    const [names] = (await answers('subpaths.js', project.esm, ...entries)) as [[string[], string[]][]];
    expect(names).toHaveLength(entries.length);
    for (const [asEsm, asCommonJs] of names) {
      expect(asEsm.length).toBeGreaterThan(0);
      expect(asCommonJs).toEqual(asEsm);
    }
  });

  it('brings no more than its four dependencies', async () => {
    const installed = await readdir(join(project.plain, 'node_modules'));
    const brought = installed.filter((name) => /^[a-z]/.test(name) && name !== 'keystile' && name !== 'undici-types');
    expect(brought.sort()).toEqual(Object.keys(manifest.dependencies).sort());
  });
});

describe('its types, library files checked too', () => {
  it('hold in a strict project, and the compiled programs run', async () => {
    await run(process.execPath, [compiler, '-p', '.'], project.typescript);
    expect(await answers('server.mjs', project.typescript)).toEqual([[200, 'typescript', 401]]);
    expect(await answers('server.cjs', project.typescript)).toEqual([[200, 'typescript', 401]]);
    await run(process.execPath, ['testing.mjs'], project.typescript);
  }, 180_000);

  it('hold with exactOptionalPropertyTypes', async () => {
    await run(process.execPath, [compiler, '-p', 'tsconfig.exact.json', '--noEmit'], project.typescript);
  }, 180_000);

  it('hold where no framework is installed', async () => {
    await run(process.execPath, [compiler, '-p', '.'], project.plain);
    expect(await answers('server.mjs', project.plain)).toEqual([[200, 'plain', 401]]);
  }, 180_000);
});
