import type { Token } from 'path-to-regexp';
import { readEndpointRule, type EndpointRule } from './endpoint-rule.js';
import { endsOf, exactSteps, looseSteps, type Effort, type Step } from './matcher.js';
import { canonicalPath } from './path.js';

/** Which HTTP endpoints a key may call. */
export type EndpointRules =
  | 'all'
  | 'none'
  | { readonly allow: readonly string[]; readonly deny?: never }
  | { readonly deny: readonly string[]; readonly allow?: never };

type Judge = (method: string | undefined, target: string | undefined) => boolean;
type Matcher = (path: string, effort: Effort) => boolean;

/** The rules that hold for one method. */
interface Table {
  readonly literals: ReadonlySet<string>;
  readonly matchers: readonly Matcher[];
}

/** Steps of work for one request, about 3 ms at the slowest; 1,000 rules with parameters on an ordinary path need a quarter. */
const EFFORT = 150_000;
/** Per character: the slowest expression that the bounds on a pattern let through took 1 ms for 2,048 of them. */
const REGEXP_EFFORT = 16;
const ANY = '*';

/**
 * Whether a request may use the key, or `undefined` when the rules restrict nothing. Ask with the method and the whole
 * request target: before any mount took a part of it. Throws a `ConfigurationError` (`invalid_endpoint_rule`).
 *
 * Patterns are Express 5's, with Express's defaults: letter case and one trailing slash make no difference, `HEAD`
 * counts as `GET`, a rule without a method holds for all. Whatever `canonicalPath` finds ambiguous is refused.
 *
 * - **allow** compares what is on the wire, as Express does: `/users/%6de` is not `/users/me`, since Express would hand
 *   it to `/users/:id`. `/reports/*rest` does not allow `/reports`.
 * - **deny** compares the decoded path and fails closed: `/admin` also denies `/admin.json`, which Connect gives to a mount at
 *   `/admin`, and `/admin/*rest` also denies `/admin`. What lies beneath `/admin` is denied by the latter only.
 *
 * A request that would take more than a few milliseconds to judge (a long path and hundreds of patterns made to be slow) is refused.
 *
 * @example
 * ```ts
 * const allowed = compileEndpoints({ allow: ['GET /orders/:id'] }, 'access.endpoints');
 * allowed?.('GET', '/orders/7?expand=lines'); // true
 * ```
 */
export function compileEndpoints(rules: EndpointRules, path: string): Judge | undefined {
  if (rules === 'all') return undefined;
  if (rules === 'none') return () => false;
  if (rules.allow !== undefined) return compileAllow(readRules(rules.allow, `${path}.allow`));
  return rules.deny.length === 0 ? undefined : compileDeny(readRules(rules.deny, `${path}.deny`));
}

function readRules(rules: readonly string[], path: string): EndpointRule[] {
  return rules.map((rule, index) => readEndpointRule(rule, `${path}[${String(index)}]`));
}

function compileAllow(rules: readonly EndpointRule[]): Judge {
  const tableOf = compileTables(rules, ({ raw }) => raw, allowMatcher);
  return (method, target) => {
    if (method === undefined || target === undefined || canonicalPath(target) === undefined) return false;
    const query = target.indexOf('?');
    const path = fold(query < 0 ? target : target.slice(0, query));
    const { literals, matchers } = tableOf(method);
    return literals.has(path) || some(matchers, path, false);
  };
}

function compileDeny(rules: readonly EndpointRule[]): Judge {
  const plainTableOf = compileTables(rules, ({ decoded }) => decoded, denyMatcher);
  // A dotted path may be a literal's spelling on Connect, so there every rule is walked.
  const dottedTableOf = compileTables(rules, ({ decoded }) => decoded, denyMatcher, false);
  return (method, target) => {
    const canonical = target === undefined ? undefined : canonicalPath(target);
    if (method === undefined || canonical === undefined) return false;
    const path = fold(canonical);
    const { literals, matchers } = (path.includes('.') ? dottedTableOf : plainTableOf)(method);
    return !literals.has(path) && !some(matchers, path, true);
  };
}

/** Whether any matcher says yes; `spent` once there is no effort left. */
function some(matchers: readonly Matcher[], path: string, spent: boolean): boolean {
  if (matchers.length === 0) return false;
  const effort = { left: EFFORT };
  for (const matches of matchers) {
    if (matches(path, effort)) return true;
    if (effort.left < 0) return spent;
  }
  return false;
}

/** Sorts the rules by method: those with text only into a set, the others into matchers. */
function compileTables(
  rules: readonly EndpointRule[],
  tokensOf: (rule: EndpointRule) => readonly Token[],
  compile: (tokens: readonly Token[], regexp: RegExp) => Matcher,
  withLiterals = true,
): (method: string) => Table {
  const compiled = rules.map((rule) => {
    const tokens = foldTokens(tokensOf(rule));
    const [only] = tokens;
    const isLiteral = withLiterals && tokens.length === 1 && only?.type === 'text';
    return { method: rule.method, literal: isLiteral ? only.value : undefined, matcher: isLiteral ? undefined : compile(tokens, rule.regexp) };
  });
  const tables = new Map([...new Set([ANY, ...rules.flatMap(({ method }) => method ?? [])])].map((method): [string, Table] => {
    const fitting = compiled.filter((rule) => rule.method === undefined || rule.method === method);
    return [method, { literals: new Set(fitting.flatMap(({ literal }) => literal ?? [])), matchers: fitting.flatMap(({ matcher }) => matcher ?? []) }];
  }));
  const others = tables.get(ANY) ?? { literals: new Set(), matchers: [] };
  tables.set('HEAD', tables.get('GET') ?? others);
  // Express compares methods in lower case.
  return (method) => tables.get(method) ?? tables.get(method.toUpperCase()) ?? others;
}

/**
 * Express's own expression has the last word. Where it could try many readings of one path, the walk comes first, since its
 * work is bounded.
 */
function allowMatcher(tokens: readonly Token[], regexp: RegExp): Matcher {
  const steps = exactSteps(tokens);
  const prefix = prefixOf(steps);
  if (hasOneReading(steps)) {
    return (path, effort) => {
      effort.left -= path.length >>> 4;
      return path.startsWith(prefix) && regexp.test(path);
    };
  }
  return (path, effort) => {
    if (!path.startsWith(prefix) || endsOf(steps, path, [0], effort).at(-1) !== path.length) return false;
    effort.left -= path.length * REGEXP_EFFORT;
    return regexp.test(path);
  };
}

/** Text and parameters in turn, each parameter a whole end of its segment, a wildcard at most at the end: read in one go. */
function hasOneReading(steps: readonly Step[]): boolean {
  return steps.every((step, index) => {
    if (step.kind === 'text') return index === 0 || step.text.startsWith('/');
    return step.kind === 'param' || (step.kind === 'wildcard' && index === steps.length - 1);
  });
}

const textOf = (step: Step | undefined): string => (step?.kind === 'text' ? step.text : '');

function denyMatcher(tokens: readonly Token[]): Matcher {
  const { steps, open } = openEnd(exactSteps(tokens));
  const loose = looseSteps(steps);
  const prefix = prefixOf(loose);
  return (path, effort) => path.startsWith(prefix) && endsOf(loose, path, [0], effort).some((end) => endsHere(path, end, open));
}

/** A wildcard at the end, with the slash before it, becomes an open end: the mount itself and all beneath. */
function openEnd(steps: readonly Step[]): { steps: readonly Step[]; open: 'no' | 'border' | 'anywhere' } {
  if (steps.at(-1)?.kind !== 'wildcard') return { steps, open: 'no' };
  const rest = steps.slice(0, -1);
  const last = rest.at(-1);
  if (last?.kind !== 'text' || !last.text.endsWith('/') || (rest.length === 1 && last.text === '/')) return { steps: rest, open: 'anywhere' };
  return { steps: [...rest.slice(0, -1), { kind: 'text', text: last.text.slice(0, -1) }], open: 'border' };
}

/**
 * A denied path ends here, or what follows does not lead away from it: beneath an open end anything, else `.json` and
 * `/.json`, which a mount of Connect cannot tell apart.
 */
function endsHere(path: string, end: number, open: 'no' | 'border' | 'anywhere'): boolean {
  if (end === path.length || open === 'anywhere' || path[end] === '.') return true;
  return path[end] === '/' && (open === 'border' || path[end + 1] === '.');
}

/** What every matching path begins with: most rules are dismissed by it, in some 10 ns. */
function prefixOf([first]: readonly Step[]): string {
  return textOf(first);
}

/** Lower case, and no trailing slash but the root's. */
function fold(path: string): string {
  const folded = path.toLowerCase();
  return folded.length > 1 && folded.endsWith('/') ? folded.slice(0, -1) : folded;
}

function foldTokens(tokens: readonly Token[]): Token[] {
  return tokens.map((token) => {
    if (token.type === 'text') return { ...token, value: token.value.toLowerCase() };
    return token.type === 'group' ? { ...token, tokens: foldTokens(token.tokens) } : token;
  });
}
