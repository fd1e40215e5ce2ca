const MAX_PATH = 2_048;
const PERCENT = 37;
const DOT = 46;
const SLASH = 47;
const QUESTION = 63;

/**
 * What nearly every target looks like: nothing encoded, no segment empty or beginning with a dot. An expression sees that in
 * 50 ns; anything else is looked at character by character.
 */
const PLAIN = /^(?:\/[\w~!$&'()*+,=:@-][\w.~!$&'()*+,=:@-]*)+\/?(?:\?|$)/;

/** Raw `#`, `;` and backslash: a fragment has no place in a target, and routers disagree about the other two. */
const FORBIDDEN: ReadonlySet<number> = new Set([35, 59, 92]);

/**
 * The one path that a request target (RFC 9112 §3.2.1) means: without its query, percent-decoded once. `undefined` when
 * two routers could take it for two paths: absolute, authority and asterisk forms, `//`, segments of nothing but dots, `;`,
 * backslashes, controls, an encoded slash, a broken or double encoding, characters that should have been encoded,
 * and paths longer than 2,048 characters.
 *
 * Express matches the undecoded path and `express.static` the decoded one, Express 4 lets a nested router see `/x`
 * for `/api//x`, and servers before Node may resolve dots or strip `;` parameters: none of that is decided here, it is
 * refused.
 *
 * @example
 * ```ts
 * canonicalPath('/caf%C3%A9?menu=1'); // '/café'
 * canonicalPath('/public/%2e%2e/admin'); // undefined
 * ```
 */
export function canonicalPath(target: string): string | undefined {
  if (PLAIN.test(target)) return plainPath(target);
  if (target.charCodeAt(0) !== SLASH) return undefined;
  let encoded = false;
  let previous = SLASH;
  let end = 1;
  for (; end < target.length; end++) {
    const code = target.charCodeAt(end);
    if (code === QUESTION) break;
    if (code <= 32 || code >= 127 || end >= MAX_PATH || FORBIDDEN.has(code)) return undefined;
    if (previous === SLASH && (code === SLASH || (code === DOT && isDotSegment(target, end)))) return undefined;
    if (code === PERCENT) encoded = true;
    previous = code;
  }
  const path = end === target.length ? target : target.slice(0, end);
  return encoded ? decode(path) : path;
}

/** The path of a plain target. */
function plainPath(target: string): string | undefined {
  const query = target.indexOf('?');
  const length = query < 0 ? target.length : query;
  return length > MAX_PATH ? undefined : target.slice(0, length);
}

/** Whether a segment that begins with a dot is nothing but dots: `.`, `..`, and what some file systems take for them. */
function isDotSegment(target: string, start: number): boolean {
  let after = start + 1;
  while (target.charCodeAt(after) === DOT) after++;
  const code = target.charCodeAt(after);
  return Number.isNaN(code) || code === SLASH || code === QUESTION;
}

/** The decoded path, unless decoding made something that a second reader would read again. */
function decode(path: string): string | undefined {
  if (/%(?:2f|5c|3b)/i.test(path)) return undefined;
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    // A broken escape or bytes that are not UTF-8.
    return undefined;
  }
  return /[\0-\x1f\x7f-\x9f]|%[\da-f]{2}|\/\.+(?:\/|$)/i.test(decoded) ? undefined : decoded;
}
