import { parseList } from 'structured-headers';

/** One challenge of `WWW-Authenticate`, RFC 9110 §11.6.1. */
export interface Challenge {
  readonly scheme: string;
  readonly params: Readonly<Record<string, string>>;
}

const TOKEN = "[!#$%&'*+.^_`|~\\w-]+";
const PARAM = new RegExp(`^(${TOKEN})[ \\t]*=[ \\t]*(?:(${TOKEN})|"((?:[^"\\\\]|\\\\.)*)")`);
const SCHEME = new RegExp(`^${TOKEN}(?= |,|$)`);

/** Reads the field strictly: what the grammar does not have throws. */
export function parseChallenges(field: string | undefined): Challenge[] {
  const challenges: { scheme: string; params: Record<string, string> }[] = [];
  let rest = field ?? '';
  while (rest !== '') {
    const param = PARAM.exec(rest);
    const scheme = param === null ? SCHEME.exec(rest) : null;
    const current = challenges.at(-1);
    if (param !== null && current !== undefined) {
      current.params[(param[1] ?? '').toLowerCase()] = param[2] ?? (param[3] ?? '').replace(/\\(.)/g, '$1');
    } else if (scheme !== null) challenges.push({ scheme: scheme[0], params: {} });
    else throw new Error(`not a challenge: ${rest}`);
    rest = rest.slice((param ?? scheme)?.[0].length);
    const separator = param === null ? /^(?: +|, *|$)/ : /^(?: *, *|$)/;
    const found = separator.exec(rest);
    if (found === null) throw new Error(`not a separator: ${rest}`);
    rest = rest.slice(found[0].length);
  }
  return challenges;
}

/** A list of named items with parameters, RFC 9651: `{ minute: { r: 41, t: 3 } }`. Names must be quoted strings. */
export function parseLimits(field: string | undefined): Record<string, Record<string, unknown>> {
  if (field === undefined) return {};
  return Object.fromEntries(
    parseList(field).map(([name, params]) => {
      if (typeof name !== 'string') throw new Error('a policy name must be a quoted string');
      return [name, Object.fromEntries(params as Map<string, unknown>)];
    }),
  );
}
