import { inColour } from './colours.js';
import { HIDDEN, isRedacted, type Rule } from './spans.js';
import { isWordy } from './words.js';

/** What a JWS or JWE in compact form may stand in (RFC 7515 §7.1, RFC 7516 §7.1). */
const DOTTED = /[\w.-]+/g;
/** The shortest header, `{"alg":…`, in base64url. */
const SHORTEST_HEADER = 11;

/** A token is found inside a longer word too: `jwt-eyJ…`, `%5FeyJ…`. All that follows a header up to the end of the word is hidden with it. */
export const jwts: Rule = (text) => {
  if (!text.includes('eyJ')) return [];
  return [...text.matchAll(DOTTED)].flatMap(({ index, 0: run }) => {
    const start = headerIn(run);
    return start < 0 ? [] : [{ start: index + start, end: index + run.length, stub: HIDDEN }];
  });
};

/** Where a header begins that at least two further parts follow; -1 where none does. */
function headerIn(run: string): number {
  const parts = run.split('.');
  let from = 0;
  for (const part of parts.slice(0, -2)) {
    const at = part.indexOf('eyJ');
    // `keyJsonParser.parse.call` is a name.
    if (at >= 0 && part.length - at >= SHORTEST_HEADER && (at === 0 || !isWordy(part.slice(at)))) return from + at;
    from += part.length + 1;
  }
  return -1;
}

/** The scheme of `Authorization` with a token behind it (RFC 6750 §2.1, RFC 7617 §2). */
const SCHEME = /(?:bearer|basic|apikey)[ \t]{1,8}(?=([A-Za-z0-9._~+/-]{4,}={0,2}))/gi;

/** Prose speaks of Bearer tokens and Basic plans: what follows must not read as words. */
export const schemes: Rule = (text) =>
  [...text.matchAll(SCHEME)].flatMap(({ index, 0: scheme, 1: token = '' }) => {
    const before = text.charAt(index - 1);
    // A terminal's colour is no part of the word.
    if (/[A-Za-z0-9]/.test(before) && !(before === 'm' && inColour(text, index - 1))) return [];
    if (isWordy(token) || isRedacted(token)) return [];
    const start = index + scheme.length;
    return [{ start, end: start + token.length, stub: HIDDEN }];
  });
