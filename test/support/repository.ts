import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Absolute path of the repository, with a slash at the end. */
export const root = fileURLToPath(new URL('../../', import.meta.url));

// What .gitignore names. Git itself is not asked: the tests also run in an unpacked archive.
const IGNORED = /^(?:\.git|node_modules|dist|\.dist-.*|coverage|package-lock\.json|.*\.tgz)$/;

/** Text of a file, by its path from the repository's root. */
export function read(path: string): string {
  return readFileSync(root + path, 'utf8');
}

/** Every file of the repository below `folder` (`''` for all), as sorted paths from its root. */
export function files(folder = ''): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(root + folder, { withFileTypes: true })) {
    if (IGNORED.test(entry.name)) continue;
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) found.push(...files(path));
    else found.push(path);
  }
  return found.sort();
}

/** The pages that people read: Markdown at the top and in docs. */
export function pages(): string[] {
  return files().filter((path) => /^(?:[A-Z]+\.md|docs\/.+\.md)$/.test(path));
}
