import { endOfValue } from './end-of-value.js';
import { HIDDEN, isRedacted, type Rule, type Span } from './spans.js';
import { isWordy } from './words.js';

const QUOTE = String.raw`\\{0,31}["'\x60]`;
/** The name of the header, up to where its value begins: on a line of its own, in JSON, in an inspected object, in a list of raw headers. */
const NAME = new RegExp(String.raw`authorization(?<after>${QUOTE})?[ \t]{0,4}(?<between>[:=](?![=>])|=>|,)(?:[ \t]{0,8}|\s{0,40}(?:\[\s{0,40})?(?=${QUOTE}))(?<open>${QUOTE})?`, 'gi');
/** Schemes that may be shown; of any other word nobody knows that it is no part of the credential. */
const SCHEME = /^(?:bearer|basic|apikey|api-key|token|key|digest)[ \t]{1,8}/i;
/** These have one token behind them (RFC 6750 §2.1, RFC 7617 §2), and a sentence may go on after it. */
const ONE_TOKEN = /^(?:bearer|basic)/i;
/** A scheme, and the longest stub. */
const LONGEST_START = 128;

/**
 * What follows `Authorization:` and `Proxy-Authorization:` under any scheme, whose parameters hold blanks, commas and quotes: up to
 * the closing quote or the end of the line, unless it reads as plain words. `escaped` says whether backslashes stand as they were
 * written, so that a quote inside a value can be told from the one that ends it.
 */
export function authorization(escaped: boolean): Rule {
  return (text) => {
    const found: Span[] = [];
    let done = 0;
    for (const { index, 0: name, groups = {} } of text.matchAll(NAME)) {
      const { open } = groups;
      const start = index + name.length;
      if (index < done || !beginsHere(text, start, groups)) continue;
      done = endOfValue(text, start, { escaped, open, before: text.charAt(index - 1) });
      const hidden = credentialIn(text.slice(start, done), open !== undefined, groups['between'] === ',');
      if (hidden !== undefined) found.push({ start: start + hidden.start, end: start + hidden.end, stub: HIDDEN });
    }
    return found;
  };
}

/** Not where a number, an object or `null` of JSON stands, nor in a query, whose parameters other rules tell apart, nor after a quote that closes. */
function beginsHere(text: string, start: number, { after, between, open }: Readonly<Record<string, string | undefined>>): boolean {
  const next = text.charAt(start);
  if (open === undefined ? after !== undefined || between !== ':' || /[{[(]/.test(next) : /[\s,:;)\]}]/.test(next)) return false;
  // No further than a stub may reach: whatever is redacted already is not read to its end, however often the name comes.
  return (between !== ',' || after !== undefined) && !isRedacted(text.slice(start, start + LONGEST_START).replace(SCHEME, ''));
}

/** Which part of a value is to be hidden. A quoted one leaves no doubt but in a list; elsewhere prose may stand. */
function credentialIn(value: string, quoted: boolean, listed: boolean): Pick<Span, 'start' | 'end'> | undefined {
  const start = SCHEME.exec(value)?.[0].length ?? 0;
  const rest = value.slice(start);
  if (rest.trim() === '' || ((!quoted || listed) && isWordy(rest))) return undefined;
  const token = !quoted && ONE_TOKEN.test(value) ? (/^[^\s,;]+/.exec(rest)?.[0] ?? '') : '';
  return { start, end: token !== '' && isWordy(rest.slice(token.length)) ? start + token.length : value.trimEnd().length };
}
