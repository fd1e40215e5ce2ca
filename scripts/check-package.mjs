/**
 * Checks the tarball that would be published: publint, "are the types wrong?", the files in it and its size.
 * Packing builds first (`prepack`).
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

/** Bytes. Raise a figure only together with the feature that needs the room. */
const PACKED_BUDGET = 550_000;
const UNPACKED_BUDGET = 2_800_000;
/** What a browser loads to show the dashboard, compressed. */
const PAGE_BUDGET = 120 * 1_024;

/** What a tarball may hold; sources, tests and benchmarks stay at home. */
const EXPECTED = /^(?:dist\/(?:esm|cjs)\/.+\.(?:js|d\.ts)|dist\/cjs\/package\.json|dist\/dashboard\/(?:index\.html|folder\.cjs|assets\/[\w-]+\.(?:js|css))|docs\/.+\.md|(?:README|CHANGELOG|SECURITY)\.md|LICENSE|package\.json)$/;
const REQUIRED = ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'SECURITY.md', 'docs/errors.md', 'dist/cjs/package.json', 'dist/dashboard/index.html', 'dist/dashboard/folder.cjs'];

const root = fileURLToPath(new URL('..', import.meta.url));
const temporary = mkdtempSync(join(tmpdir(), 'keystile-package-'));
const problems = [];

function expect(holds, problem) {
  if (!holds) problems.push(problem);
}

/** Runs a devDependency's command with this Node; its output is shown, its exit code returned. */
function run(name, command, args) {
  console.log(`> ${command} ${args.join(' ')}`);
  const folder = join(root, 'node_modules', name);
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const script = join(folder, typeof bin === 'string' ? bin : bin[command]);
  return spawnSync(process.execPath, [script, ...args], { cwd: root, stdio: 'inherit' }).status;
}

try {
  const output = execFileSync('npm', ['pack', '--json', '--silent', '--pack-destination', temporary], { cwd: root, encoding: 'utf8' });
  // What prepack prints comes first; the JSON begins on a line of its own.
  const [packed] = JSON.parse(output.slice(output.search(/^\[/m)));
  const tarball = join(temporary, packed.filename);
  const files = packed.files.map((file) => file.path);

  expect(run('publint', 'publint', [tarball, '--strict']) === 0, 'publint is not content');
  // node16 leaves out TypeScript's pre-2022 resolution, which knows no subpath exports.
  expect(run('@arethetypeswrong/cli', 'attw', [tarball, '--profile', 'node16', '--no-emoji']) === 0, 'attw is not content');

  for (const file of files) expect(EXPECTED.test(file), `${file} does not belong in the package`);
  for (const file of REQUIRED) expect(files.includes(file), `${file} is missing from the package`);
  expect(packed.size <= PACKED_BUDGET, `packed size ${packed.size} is over the budget of ${PACKED_BUDGET} bytes`);
  expect(packed.unpackedSize <= UNPACKED_BUDGET, `unpacked size ${packed.unpackedSize} is over the budget of ${UNPACKED_BUDGET} bytes`);
  const page = files.filter((file) => /^dist\/dashboard\/(?!folder)/.test(file)).reduce((sum, file) => sum + gzipSync(readFileSync(join(root, file))).length, 0);
  expect(page <= PAGE_BUDGET, `the dashboard's page is ${page} bytes compressed, over the budget of ${PAGE_BUDGET}`);
  console.log(`${page} of ${PAGE_BUDGET} bytes of the dashboard's page, compressed`);
  console.log(`${files.length} files, ${packed.size} of ${PACKED_BUDGET} bytes packed, ${packed.unpackedSize} of ${UNPACKED_BUDGET} unpacked`);
} finally {
  rmSync(temporary, { recursive: true, force: true });
}

for (const problem of problems) console.error(`package: ${problem}`);
process.exitCode = problems.length === 0 ? 0 : 1;
