/**
 * Compiles src twice, to dist/esm and dist/cjs, each with its declarations, and builds the dashboard's page, to dist/dashboard.
 *
 * The result is made beside dist and moved into place when it is whole, so that a failed build leaves the old one
 * and a program that is running from dist never sees half of a new one.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildDashboard } from './build-dashboard.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');

function compile(project, outDir) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [compiler, '-p', project, '--outDir', outDir], { cwd: root, stdio: 'inherit' });
    child.on('error', reject);
    child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`tsc -p ${project} failed`))));
  });
}

const started = Date.now();
// On the same file system as dist, or the final rename would not be atomic.
const fresh = mkdtempSync(join(root, '.dist-'));
try {
  const results = await Promise.allSettled([
    compile('tsconfig.build.json', join(fresh, 'esm')),
    compile('tsconfig.cjs.json', join(fresh, 'cjs')),
    buildDashboard(join(fresh, 'dashboard')),
  ]);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  // Below a package of "type": "module", only this makes the .js files there CommonJS.
  writeFileSync(join(fresh, 'cjs', 'package.json'), '{"type":"commonjs"}\n');
  const whole = join(root, 'dist');
  if (existsSync(whole)) renameSync(whole, join(fresh, 'old'));
  renameSync(fresh, whole);
  rmSync(join(whole, 'old'), { recursive: true, force: true });
  console.log(`built dist/esm, dist/cjs and dist/dashboard in ${((Date.now() - started) / 1000).toFixed(1)} s`);
} catch (error) {
  rmSync(fresh, { recursive: true, force: true });
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
