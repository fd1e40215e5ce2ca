import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { folder } from '../../dashboard/folder.cjs';
import { ConfigurationError } from '../core/errors.js';
import type { PageSettings } from './options.js';

/** A static file, ready to be sent. */
export interface StaticFile {
  readonly type: string;
  /** Of an asset, whose name changes with its content; of the page, which must not be kept. */
  readonly cache: string;
  readonly bytes: Buffer;
  readonly zipped: Buffer;
}

const TYPES: ReadonlyMap<string, string> = new Map([
  ['.html', 'text/html; charset=utf-8'],
  ['.js', 'text/javascript; charset=utf-8'],
  ['.css', 'text/css; charset=utf-8'],
  ['.svg', 'image/svg+xml'],
]);

/** The files of the page by their path beneath the mount, read once: what is asked for can only be one of these. */
export function readFiles(settings: PageSettings): ReadonlyMap<string, StaticFile> {
  try {
    const page = withSettings(readFileSync(join(folder, 'index.html'), 'utf8'), settings);
    const assets = readdirSync(join(folder, 'assets')).map((name): [string, StaticFile] => [`/assets/${name}`, staticFile(name, readFileSync(join(folder, 'assets', name)), 'public, max-age=31536000, immutable')]);
    return new Map([['/', staticFile('index.html', Buffer.from(page), 'no-store')], ...assets]);
  } catch (error) {
    throw new ConfigurationError('invalid_option', 'dashboard', `its page is not where it was built, in ${folder}: ${(error as Error).message}`);
  }
}

function staticFile(name: string, bytes: Buffer, cache: string): StaticFile {
  return { type: TYPES.get(extname(name)) ?? 'application/octet-stream', cache, bytes, zipped: gzipSync(bytes) };
}

/** Told in the page itself, for whoever has not signed in yet. */
function withSettings(page: string, settings: PageSettings): string {
  const metas = Object.entries(settings).map(([name, value]) => `<meta name="keystile:${name}" content="${escaped(String(value))}" />`);
  return page.replace('</head>', () => `${metas.join('')}</head>`);
}

const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => `&#${String(character.charCodeAt(0))};`);
