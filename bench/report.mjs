/** results.json keeps what was measured; RESULTS.md is written from it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { PARTS } from './parts.mjs';

const JSON_FILE = new URL('results.json', import.meta.url);
const MARKDOWN_FILE = new URL('RESULTS.md', import.meta.url);

export const machine = () => `${cpus()[0].model}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GB, ${process.platform} ${process.arch}, Node ${process.version}`;

export function readResults() {
  try {
    return JSON.parse(readFileSync(JSON_FILE, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return {};
    throw error;
  }
}

export function writeResults(results) {
  writeFileSync(JSON_FILE, `${JSON.stringify(results, undefined, 1)}\n`);
  writeFileSync(MARKDOWN_FILE, render(results));
}

function table(rows) {
  if (rows.length === 0) return [];
  const names = Object.keys(rows[0]);
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(names), line(names.map(() => '---')), ...rows.map((row) => line(names.map((name) => String(row[name])))), ''];
}

function render(results) {
  const parts = PARTS.filter(({ name }) => results[name] !== undefined);
  const all = parts.flatMap(({ name }) => results[name].targets);
  const reached = all.filter((target) => target.reached === 'yes').length;
  return [
    '# Benchmark',
    '',
    'Written by `npm run bench`; `npm run bench -- --only verify` measures one part anew, `-- --quick` only shows that everything runs.',
    'The built package (`dist/esm`) is measured, through its public entry.',
    '',
    'Contestants take turns, for seven rounds in process and five over sockets. A cell shows the median of the rounds and, in brackets,',
    'the least and the greatest. Quotients are taken within a round, then their median: what slows the machine slows both sides.',
    'CPU time is the whole process\'s, garbage collector and compiler included. Every answer is checked while it is timed.',
    '',
    '## Targets',
    '',
    `${reached} of ${all.length} reached.`,
    '',
    ...table(all),
    ...parts.flatMap(({ name, title, about }) => {
      const { date, machine: measuredOn, figures } = results[name];
      return [`## ${title}`, '', about, '', ...table(figures), `${date} UTC; ${measuredOn}.`, ''];
    }),
  ]
    .join('\n')
    .replace(/\n+$/, '\n');
}
