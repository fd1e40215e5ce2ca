import type { Activity } from '../core/observing.js';
import type { Answer } from './answer.js';
import { ENTRY_FIELDS, showEntry, type EntryView } from './observed.js';
import type { Page, Pages } from './visible-page.js';

interface Format {
  readonly type: string;
  readonly head: string;
  readonly line: (entry: EntryView) => string;
}

/**
 * Where a spreadsheet would begin a formula: at the start of a cell, after spaces too, or where one that separates cells by semicolons
 * or tabs, and so sees no quotes, would start a cell. In their full width the signs are formulas in East Asian versions.
 */
const FORMULA = /(?<=^|[;\t\r\n"])(?=\s*[=+\-@\uff1d\uff0b\uff0d\uff20])|^(?=[\t\r\n])/g;

/** The formats of an export. */
export const EXPORTS: Readonly<Record<'ndjson' | 'csv', Format>> = {
  ndjson: { type: 'application/x-ndjson; charset=utf-8', head: '', line: (entry) => `${JSON.stringify(entry)}\n` },
  // RFC 4180, with its line ends.
  csv: { type: 'text/csv; charset=utf-8; header=present', head: csvLine(ENTRY_FIELDS), line: (entry) => csvLine(ENTRY_FIELDS.map((name) => entry[name] ?? '')) },
};

const PAGE = 500;

/** Everything from the first page to the last, read as fast as it is written. */
export function exportOf(name: keyof typeof EXPORTS, pages: Pages<Activity>): Answer {
  const { type, head, line } = EXPORTS[name];
  return { status: 200, type, headers: { 'Content-Disposition': `attachment; filename="activity.${name}"` }, pieces: piecesOf(pages, head, line) };
}

async function* piecesOf(pages: Pages<Activity>, head: string, line: Format['line']): AsyncGenerator<string> {
  let page: Page<Activity> = await pages({ limit: PAGE });
  yield head + page.items.map((entry) => line(showEntry(entry))).join('');
  while (page.nextCursor !== undefined) {
    page = await pages({ limit: PAGE, cursor: page.nextCursor });
    yield page.items.map((entry) => line(showEntry(entry))).join('');
  }
}

function csvLine(cells: readonly string[]): string {
  return `${cells.map(cellOf).join(',')}\r\n`;
}

/** Paths and names are other people's words: what a spreadsheet would take for a formula is made text by an apostrophe. */
function cellOf(text: string): string {
  const harmless = text.replace(FORMULA, "'");
  return /[",;\r\n\t]/.test(harmless) || harmless !== text ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
