import type { HostRequest } from './types.js';

const NO_LINES: readonly string[] = Object.freeze([]);

/** Headers of which Node keeps the first line only; of all others it joins the lines with commas. */
const FIRST_ONLY: ReadonlySet<string> = new Set(
  (
    'age authorization content-length content-type etag expires from host if-modified-since if-unmodified-since last-modified location ' +
    'max-forwards proxy-authorization referer retry-after server user-agent'
  ).split(' '),
);

/**
 * Every line of a header, by its lower-case name. `req.headers` shows duplicates joined with commas, or for
 * `Authorization` only the first: `rawHeaders` has them all.
 */
export function headerLines(req: HostRequest, name: string): readonly string[] {
  const value = req.headers[name];
  if (value === undefined) return NO_LINES;
  if (typeof value !== 'string') return value;
  if (!FIRST_ONLY.has(name) && !value.includes(',')) return [value];
  const lines = rawLines(req.rawHeaders, name);
  return lines.length === 0 ? [value] : lines;
}

/** How many lines a header has. */
export function countLines(req: HostRequest, name: string): number {
  return rawLines(req.rawHeaders, name).length;
}

/** Two entries a field: Node shows 1,000 fields, and at most some dozens more in `rawHeaders`. */
const MOST_ENTRIES = 2_000;

/** Whether Node has dropped header fields: another key, or the `Origin`, may be among them. */
export function isCut(req: HostRequest): boolean {
  const raw = req.rawHeaders as readonly string[] | undefined;
  return raw !== undefined && raw.length > MOST_ENTRIES;
}

// Requests made by hand (unit tests of hosts) may lack rawHeaders.
function rawLines(raw: readonly string[] | undefined, name: string): readonly string[] {
  const lines: string[] = [];
  for (let index = 0; raw !== undefined && index + 1 < raw.length; index += 2) {
    const field = raw[index] ?? '';
    if (field.length === name.length && field.toLowerCase() === name) lines.push(raw[index + 1] ?? '');
  }
  return lines;
}

/** Takes a header out of all three places where Node keeps it. */
export function removeHeader(req: HostRequest, name: string): void {
  rewriteHeader(req, name, () => undefined);
}

/** Writes each line of a header anew in all three places where Node keeps it; `undefined` takes the line out. */
export function rewriteHeader(req: HostRequest, name: string, rewrite: (line: string) => string | undefined): void {
  const put = (fields: Record<string, unknown>, value: string | readonly string[] | undefined): void => {
    if (value === undefined || (typeof value !== 'string' && value.length === 0)) Reflect.deleteProperty(fields, name);
    else fields[name] = value;
  };
  // Touching the getter first, so that it cannot be built from rawHeaders later on.
  const distinct = req.headersDistinct as Record<string, readonly string[] | undefined> | undefined;
  if (distinct !== undefined) put(distinct, distinct[name]?.flatMap((line) => rewrite(line) ?? []));
  const joined = req.headers[name];
  put(req.headers, typeof joined === 'string' ? rewrite(joined) : joined?.flatMap((line) => rewrite(line) ?? []));
  const raw = req.rawHeaders as string[] | undefined;
  for (let index = (raw?.length ?? 0) - 2; raw !== undefined && index >= 0; index -= 2) {
    if (raw[index]?.toLowerCase() !== name) continue;
    const line = rewrite(raw[index + 1] ?? '');
    if (line === undefined) raw.splice(index, 2);
    else raw[index + 1] = line;
  }
}

/** Takes a query parameter out of `url` and `originalUrl`, and out of the query a host has already parsed. */
export function removeQuery(req: HostRequest, name: string): void {
  if (req.url !== undefined) req.url = withoutParameter(req.url, name);
  if (req.originalUrl !== undefined) req.originalUrl = withoutParameter(req.originalUrl, name);
  // Express 4 parses once, into a property of its own; Express 5 parses `url` whenever asked.
  const parsed = Object.getOwnPropertyDescriptor(req, 'query')?.value as Record<string, unknown> | undefined;
  if (typeof parsed === 'object') Reflect.deleteProperty(parsed, name);
}

function withoutParameter(target: string, name: string): string {
  const start = target.indexOf('?');
  if (start < 0) return target;
  const kept = target
    .slice(start + 1)
    .split('&')
    .filter((pair) => !new URLSearchParams(pair).has(name));
  return target.slice(0, start) + (kept.length === 0 ? '' : `?${kept.join('&')}`);
}
