/**
 * Builds the page of the dashboard, dashboard/, into static files.
 *
 * As a program it builds into dist/dashboard; with `--if-needed` only where the sources are newer than what is there.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const sources = join(root, 'dashboard');
const target = join(root, 'dist', 'dashboard');

/** Puts the page into a folder, with the module by which the compiled library finds it there. */
export async function buildDashboard(outDir) {
  const [{ build }, { config }] = await Promise.all([import('vite'), import('../dashboard/vite.config.js')]);
  await build({ ...config, configFile: false, build: { ...config.build, outDir } });
  writeFileSync(join(outDir, 'folder.cjs'), 'exports.folder = __dirname;\n');
}

function isNeeded() {
  const index = join(target, 'index.html');
  if (!existsSync(index)) return true;
  const built = statSync(index).mtimeMs;
  return readdirSync(sources, { recursive: true, withFileTypes: true }).some((entry) => entry.isFile() && statSync(join(entry.parentPath, entry.name)).mtimeMs > built);
}

/** Made beside its place and moved there when it is whole: two builds at once do not disturb each other. */
async function main() {
  if (process.argv.includes('--if-needed') && !isNeeded()) return;
  mkdirSync(join(root, 'dist'), { recursive: true });
  const fresh = mkdtempSync(join(root, '.dist-'));
  try {
    await buildDashboard(join(fresh, 'new'));
    if (existsSync(target)) renameSync(target, join(fresh, 'old'));
    renameSync(join(fresh, 'new'), target);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
