/**
 * Runs the tests and a smoke of the build on every supported Node: all tests but those that are about npm, about the repository,
 * about what another program does, or about plain arithmetic.
 *
 * Real binaries come from npm's node-<platform>-<arch> packages, into a temporary folder; the Node that runs this
 * script is used as it is. Majors can be named (`node scripts/node-versions.mjs 22 24`); `--others` are all but the running one.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SUPPORTED = ['20', '22', '24'];

const root = fileURLToPath(new URL('..', import.meta.url));
const own = process.versions.node.split('.')[0];
const asked = process.argv.slice(2);
const chosen = asked.length > 0 ? asked : SUPPORTED;
const majors = asked.includes('--others') ? SUPPORTED.filter((major) => major !== own) : chosen;
const ELSEWHERE = String.raw`test/(package|redis|dashboard|products|redaction)/|test/sql/(postgres|mariadb|faults|processes|observing)|\.property\.test|test/(architecture|docs|hygiene)\.test`;
const jest = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js'];

/** The path of a Node of that major. */
function binary(major, folder) {
  if (major === own) return process.execPath;
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  const name = `node-${platform}-${process.arch}`;
  execFileSync('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--silent', '--prefix', folder, `${name}@${major}`], { stdio: 'inherit' });
  return join(folder, 'node_modules', name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
}

/** Runs a program; what it printed is shown only when it failed. */
function run(node, args) {
  const result = spawnSync(node, args, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  if (result.status !== 0) console.error(result.stdout, result.stderr);
  return { ok: result.status === 0, lastLine: result.stdout.trimEnd().split('\n').at(-1) ?? '' };
}

if (!existsSync(join(root, 'dist'))) execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' });

let failed = false;
for (const major of majors) {
  const folder = mkdtempSync(join(tmpdir(), `keystile-node-${major}-`));
  try {
    const node = binary(major, folder);
    const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
    const tests = run(node, [...jest, '--testPathIgnorePatterns', ELSEWHERE]);
    const smoke = run(node, ['scripts/smoke.mjs']);
    failed ||= !tests.ok || !smoke.ok;
    // The counts are spelt with a slash so that a reader of the whole log does not add them to the main run's.
    const counts = tests.lastLine.replaceAll(', ', ' / ');
    console.log(`Node ${version}: tests ${tests.ok ? 'pass' : 'FAIL'} (${counts}), build ${smoke.ok ? 'works' : 'FAILS'}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
process.exitCode = failed ? 1 : 0;
