import { HIDDEN, isStub, type Rule } from './spans.js';
import { isWordy } from './words.js';

/** JWS and JWE in compact form (RFC 7515 §7.1, RFC 7516 §7.1). Tried at the start of a word alone, so that no word is read twice. */
const JWT = /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){2,4}/g;

export const jwts: Rule = (text) => (text.includes('eyJ') ? [...text.matchAll(JWT)].map(({ index, 0: token }) => ({ start: index, end: index + token.length, stub: HIDDEN })) : []);

/** The scheme of `Authorization` with a token behind it (RFC 6750 §2.1, RFC 7617 §2). */
const SCHEME = /(?<![A-Za-z0-9])((?:bearer|basic|apikey)[ \t]{1,8})([A-Za-z0-9._~+/-]{4,}={0,2})/gi;

/** Prose speaks of Bearer tokens and Basic plans: what follows must not read as words. */
export const schemes: Rule = (text) =>
  [...text.matchAll(SCHEME)].flatMap(({ index, 1: scheme = '', 2: token = '' }) => {
    if (isWordy(token) || isStub(token)) return [];
    const start = index + scheme.length;
    return [{ start, end: start + token.length, stub: HIDDEN }];
  });
