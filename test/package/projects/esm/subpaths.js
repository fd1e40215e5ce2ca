// Names that every entry exports, as ESM and as CommonJS.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const names = (loaded) => Object.keys(loaded).filter((name) => name !== 'default' && name !== 'module.exports' && name !== '__esModule').sort();
const entries = process.argv.slice(2);
console.log(JSON.stringify(await Promise.all(entries.map(async (entry) => [names(await import(entry)), names(require(entry))]))));
