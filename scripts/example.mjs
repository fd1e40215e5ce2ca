/** Starts an example by its name: `npm run example agg-market` runs `examples/agg-market/server.ts`. */
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

const folder = fileURLToPath(new URL('../examples/', import.meta.url));
const name = process.argv[2] ?? '';
const file = ['/server.ts', '/server.cjs', '.ts'].map((ending) => `${folder}${name}${ending}`).find((path) => /^[\w-]+$/.test(name) && name !== 'host' && existsSync(path));

if (file === undefined) {
  const names = readdirSync(folder).map((entry) => entry.replace(/\.ts$/, '')).filter((entry) => entry !== 'host');
  console.error(`npm run example <name>, where <name> is one of: ${names.join(', ')}`);
  process.exitCode = 1;
} else {
  // The example finds itself where it would stand had it been started alone.
  process.argv.splice(1, 2, file);
  // CommonJS runs from the build, as it would with the package installed; TypeScript from the sources.
  if (file.endsWith('.ts')) {
    (await import('tsx/esm/api')).register();
    // Processes that the example starts are given this process's flags.
    process.execArgv.push('--import', 'tsx');
  }
  await import(pathToFileURL(file).href);
}
