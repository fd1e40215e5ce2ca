/**
 * `npm run bench -- [--quick] [--only <part>]... [--no-build]`: runs every part in processes of its own and writes RESULTS.md.
 * A part may be named several times over; what is not measured anew keeps its figures. `--quick` shows whether everything
 * runs: its figures are printed and not written.
 */
import { execFileSync, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { PARTS } from './parts.mjs';
import { machine, readResults, writeResults } from './report.mjs';

const { values } = parseArgs({ options: { quick: { type: 'boolean' }, only: { type: 'string', multiple: true }, 'no-build': { type: 'boolean' } } });
const chosen = PARTS.filter(({ name }) => values.only === undefined || values.only.includes(name));
const unknown = values.only?.find((name) => !PARTS.some((part) => part.name === name));
if (unknown !== undefined) throw new Error(`no part '${unknown}': ${PARTS.map(({ name }) => name).join(', ')}`);

const here = (file) => fileURLToPath(new URL(file, import.meta.url));
const npm = (...args) => execFileSync('npm', args, { cwd: here('..'), stdio: 'inherit', shell: process.platform === 'win32' });
if (!existsSync(here('node_modules/tinybench'))) npm('install', '--prefix', 'bench', '--no-package-lock', '--no-audit', '--no-fund');
if (values['no-build'] !== true) npm('run', '--silent', 'build');

function measure({ name, flags = [] }, args) {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, NODE_ENV: 'production', ...(values.quick && { BENCH_QUICK: '1' }) };
    const child = fork(here(`${name}.mjs`), args, { execArgv: flags, env });
    let result;
    child.on('message', (message) => (result = message));
    child.on('exit', (code) => {
      if (code === 0 && result !== undefined) resolve(result);
      else reject(new Error(`${name} ${args.join(' ')} ended with code ${code} and ${result === undefined ? 'no' : 'a'} result`));
    });
  });
}

const results = readResults();
for (const part of chosen) {
  const started = Date.now();
  const measured = { date: new Date().toISOString().slice(0, 16).replace('T', ' '), machine: machine(), figures: [], targets: [] };
  for (const args of part.runs) {
    const { figures, targets } = await measure(part, args);
    measured.figures.push(...figures);
    measured.targets.push(...targets);
  }
  console.log(`\n${part.title} (${part.name}), ${Math.round((Date.now() - started) / 1_000)} s`);
  console.table(measured.figures);
  console.table(measured.targets);
  if (values.quick) continue;
  results[part.name] = measured;
  // After each part: a run that is cut short has not been for nothing.
  writeResults(results);
}
