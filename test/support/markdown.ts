/** A fenced block of code; `line` is the line of its first line of code, from 1. */
export interface Fence {
  readonly info: string;
  readonly code: string;
  readonly line: number;
}

const FENCE = /^(\s*)(`{3,}|~{3,})(.*)$/;

/** Fenced blocks of a page, and the page's other lines (fenced ones blank, so that line numbers stay). */
export function readMarkdown(text: string): { fences: Fence[]; prose: string[] } {
  const fences: Fence[] = [];
  const prose: string[] = [];
  let open: { marker: string; indent: number; info: string; line: number; code: string[] } | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const [, indent = '', marker = '', info = ''] = FENCE.exec(line) ?? [];
    if (open === undefined) {
      if (marker !== '') open = { marker, indent: indent.length, info: info.trim(), line: index + 2, code: [] };
      prose.push(marker === '' ? line : '');
      continue;
    }
    prose.push('');
    if (marker.startsWith(open.marker) && info.trim() === '') {
      fences.push({ info: open.info, code: open.code.join('\n'), line: open.line });
      open = undefined;
    } else {
      open.code.push(line.slice(Math.min(open.indent, line.length - line.trimStart().length)));
    }
  }
  if (open !== undefined) throw new Error(`the block that begins on line ${open.line - 1} never ends`);
  return { fences, prose };
}

/** Anchors that GitHub gives to the headings of a page. */
export function anchorsOf(prose: readonly string[]): Set<string> {
  const anchors = new Set<string>();
  for (const heading of headingsOf(prose)) {
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll('`', '');
    const slug = plain.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, '').trim().replace(/\s/g, '-');
    let anchor = slug;
    for (let again = 1; anchors.has(anchor); again++) anchor = `${slug}-${again}`;
    anchors.add(anchor);
  }
  return anchors;
}

/** Texts of the headings of a page, `#` marks removed. */
export function headingsOf(prose: readonly string[]): string[] {
  return prose.flatMap((line) => /^#{1,6}\s+(.+?)\s*#*$/.exec(line)?.[1] ?? []);
}

/** Targets of the links and pictures of a page, with their lines. */
export function linksOf(prose: readonly string[]): { target: string; line: number }[] {
  return prose.flatMap((text, index) => {
    const visible = text.replace(/`[^`]*`/g, '');
    const inline = [...visible.matchAll(/\]\(\s*<?([^\s)>]+)/g)];
    const reference = [...visible.matchAll(/^\[[^\]]+\]:\s+(\S+)/g)];
    return [...inline, ...reference].map((match) => ({ target: match[1] ?? '', line: index + 1 }));
  });
}
