import { parse, pathToRegexp, TokenData, type Token } from 'path-to-regexp';
import { ConfigurationError } from '../errors.js';
import { unknownName } from '../options.js';
import { canonicalPath } from './path.js';

/** One rule, read and checked. */
export interface EndpointRule {
  /** Upper case; `undefined` for any method. `HEAD` is read as `GET`. */
  readonly method: string | undefined;
  /** The pattern as it stands on the wire: what needs an escape has one. */
  readonly raw: readonly Token[];
  /** The pattern with its escapes decoded. */
  readonly decoded: readonly Token[];
  /** What Express would match the undecoded path with. */
  readonly regexp: RegExp;
}

/** What Node's parser understands; kept here because the core imports nothing of HTTP. */
const METHODS: readonly string[] = (
  'GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT QUERY ACL BIND CHECKOUT COPY LINK LOCK M-SEARCH MERGE MKACTIVITY MKCALENDAR ' +
  'MKCOL MOVE NOTIFY PROPFIND PROPPATCH PURGE REBIND REPORT SEARCH SOURCE SUBSCRIBE UNBIND UNLINK UNLOCK UNSUBSCRIBE'
).split(' ');

/** Bounds for patterns that come from customers. */
const MOST = { groups: 4, wildcards: 2, paramsPerSegment: 3 };

/** Reads `GET /orders/:id` or `/orders/:id`; throws a `ConfigurationError` (`invalid_endpoint_rule`). */
export function readEndpointRule(rule: string, place: string): EndpointRule {
  const fail = (message: string): never => {
    throw new ConfigurationError('invalid_endpoint_rule', place, `'${rule.slice(0, 64)}' ${message}`);
  };
  const [, method, pattern] = /^(?:([A-Za-z-]+) )?(\/.*)$/.exec(rule) ?? [];
  if (pattern === undefined) return fail("is not a rule; write '/orders/:id' or 'GET /orders/:id'");
  if (method !== undefined && !METHODS.includes(method)) throw unknownName('invalid_endpoint_rule', place, method, METHODS, 'method');
  try {
    const whole = parse(pattern, { encodePath: escapeRaw });
    const raw = trimEnd(whole);
    // The slash that is trimmed may be one of two.
    const problem = findProblem(whole.tokens) ?? findProblem(raw);
    if (problem !== undefined) return fail(problem);
    const { regexp } = pathToRegexp(new TokenData(raw, pattern));
    return { method: method === 'HEAD' ? 'GET' : method, raw, decoded: decodeTokens(raw), regexp };
  } catch (error) {
    if (error instanceof ConfigurationError) throw error;
    return fail(`is not a path pattern of Express 5: ${reasonOf(error)}`);
  }
}

/** What path-to-regexp says, without the pattern and the address it adds to it. */
function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message.replace(/(?:: \/|;).*$/s, '').slice(0, 80) : 'unreadable';
}

/** Characters that cannot stand in a request target, escaped; escapes that are there already are kept. */
function escapeRaw(text: string): string {
  return text.replace(/[^\x21-\x7e]+/g, encodeURIComponent);
}

/** Express ignores one trailing slash, of patterns as of paths. */
function trimEnd({ tokens }: TokenData): Token[] {
  const last = tokens.at(-1);
  if (last?.type !== 'text' || !last.value.endsWith('/') || (tokens.length === 1 && last.value === '/')) return tokens;
  const value = last.value.slice(0, -1);
  return [...tokens.slice(0, -1), ...(value === '' ? [] : [{ ...last, value }])];
}

function decodeTokens(tokens: readonly Token[]): Token[] {
  return tokens.map((token) => {
    if (token.type === 'text') return { ...token, value: decodeURIComponent(token.value) };
    return token.type === 'group' ? { ...token, tokens: decodeTokens(token.tokens) } : token;
  });
}

function findProblem(tokens: readonly Token[]): string | undefined {
  const all = flatten(tokens);
  const count = (type: Token['type']): number => all.filter((token) => token.type === type).length;
  if (count('group') > MOST.groups) return `has more than ${String(MOST.groups)} optional groups`;
  if (count('wildcard') > MOST.wildcards) return `has more than ${String(MOST.wildcards)} wildcards`;
  const sample = all.map((token) => (token.type === 'text' ? token.value : token.type === 'group' ? '' : token.type === 'param' ? '\x01' : 'x')).join('');
  if (sample.split('/').some((segment) => segment.split('\x01').length - 1 > MOST.paramsPerSegment)) {
    return `has more than ${String(MOST.paramsPerSegment)} parameters in one segment`;
  }
  if (canonicalPath(sample.replaceAll('\x01', 'x')) === undefined) {
    return "can never match: paths with '//', '.', '..', ';', '#', a backslash or an encoded slash are always refused";
  }
  return undefined;
}

/** All tokens in order, those of a group after the group. */
function flatten(tokens: readonly Token[]): Token[] {
  return tokens.flatMap((token) => (token.type === 'group' ? [token, ...flatten(token.tokens)] : [token]));
}
