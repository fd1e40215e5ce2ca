import { HIDDEN, isRedacted, type Rule } from './spans.js';
import { isWordy } from './words.js';

/** Names under which credentials travel, as ends of names: `x-app-api-key`, `apiKey`, `subject_token`. */
const NAMES = 'api[-_]?key|(?:access|refresh|subject|actor|(?<![a-z])id)[-_]?token|client[-_]?secret|authorization';
const SCHEME = '(?:(?:bearer|basic|apikey|api-key|token|key)[ \\t]{1,4})?';
const BARE = String.raw`[^\s"'\x60,;&<>()[\]{}#|\\]+`;

/** `api_key[]=` and `api_key[0]=` are parsed into a list. */
const INDEX = String.raw`(?:\[\w{0,16}\])?`;

/** What a host calls its own: headers, and parameters of the query. */
export interface CredentialNames {
  readonly headers: readonly string[];
  readonly parameters: readonly string[];
}

export const NO_NAMES: CredentialNames = Object.freeze({ headers: Object.freeze([]), parameters: Object.freeze([]) });

/** Whether a field of this name holds a credential. Cookies are the sessions of people. */
export function nameTest({ headers, parameters }: CredentialNames): (name: string) => boolean {
  const own = new Set(['cookie', 'set-cookie', ...headers, ...parameters].map((name) => name.toLowerCase()));
  const common = new RegExp(`(?:${NAMES})$`, 'i');
  return (name) => own.has(name.toLowerCase()) || common.test(name);
}

/**
 * Values behind such a name: in headers, JSON, queries, lists of raw headers and inspected objects. Between name and value stand
 * at most a few blanks, quotes and a bracket, so that each name is tried in constant time. A value ends at any quote: a line of
 * JSON stays one.
 */
export function namedValues({ headers, parameters }: CredentialNames): Rule {
  const own = headers.map((name) => `|(?<![\\w-])${literally(name)}`).join('');
  const separator = String.raw`(?<separator>["'\x60]?[ \t]{0,4}(?:[:=](?![=>])|=>)|["'][ \t]{0,4},)(?:[ \t]{0,8}|\s{0,40}(?:\[\s{0,40})?(?=["']))`;
  const named = new RegExp(`(?:${NAMES}${own})${INDEX}${separator}(?:["'](?![\\s,;:)\\]}])${SCHEME}(?<quoted>[^"'\\\\\\r\\n]*)|${SCHEME}(?<bare>${BARE}))`, 'gi');
  const asked = parameters.length === 0 ? undefined : new RegExp(`[?&](?:${parameters.map(literally).join('|')})${INDEX}=(${BARE})`, 'gi');
  return (text) => [
    ...[...text.matchAll(named)].flatMap(({ index, 0: whole, groups = {} }) => {
      const { separator: between = '', quoted, bare = '' } = groups;
      // A number or `null` of JSON.
      if (quoted === undefined && /^["'\x60]/.test(between)) return [];
      // `name=value` and a quoted value leave no doubt; elsewhere prose may follow, or the next name of a list.
      const certain = quoted === undefined ? whole.endsWith(`=${bare}`) && between.startsWith('=') : !between.endsWith(',');
      return span(index, whole, quoted ?? bare, certain);
    }),
    ...(asked === undefined ? [] : [...text.matchAll(asked)].flatMap(({ index, 0: whole, 1: found = '' }) => span(index, whole, found, true))),
  ];
}

function span(index: number, whole: string, value: string, certain: boolean): ReturnType<Rule> {
  if (value === '' || isRedacted(value) || (!certain && isWordy(value))) return [];
  const end = index + whole.length;
  return [{ start: end - value.length, end, stub: HIDDEN }];
}

const literally = (name: string): string => name.replace(/[^\w]/g, '\\$&');
