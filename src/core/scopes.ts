import { ConfigurationError } from './errors.js';
import { isPlainObject, unknownName } from './options.js';

/** Declared scopes: each name with the scopes it implies. `{ read: [], write: ['read'] }`. */
export type ScopeDeclarations<Scope extends string = string> = { readonly [Name in Scope]: readonly NoInfer<Scope>[] };

/** The scopes of one keyring, their implications resolved. */
export interface ScopeBook {
  readonly names: readonly string[];
  /** A checked, frozen copy of a list of declared scopes. `path` names it in errors. */
  check(scopes: unknown, path: string): readonly string[];
  /** Everything a list of scopes grants, implied ones included. Names no longer declared grant nothing. */
  expand(scopes: readonly string[]): ReadonlySet<string>;
}

/** Checks declarations and resolves implications, transitive and circular ones included. */
export function createScopeBook(declarations: unknown): ScopeBook {
  if (!isPlainObject(declarations)) throw new ConfigurationError('invalid_scope', 'scopes', "must be an object: { read: [], write: ['read'] }");
  const names = Object.keys(declarations);
  const implied = new Map<string, readonly string[]>();
  for (const name of names) {
    // RFC 6749 §3.3 scope-token, less the comma, so that a scope fits every header and list.
    if (!/^[\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]{1,128}$/.test(name)) throw new ConfigurationError('invalid_scope', `scopes.${name.slice(0, 64)}`, 'must be 1 to 128 visible ASCII characters other than " \\ and comma');
    implied.set(name, listOf(declarations[name], `scopes.${name}`, names));
  }
  const granted = new Map(names.map((name) => [name, closure(name, implied)]));
  return {
    names,
    check: (scopes, path) => Object.freeze([...new Set(listOf(scopes, path, names))]),
    expand: (scopes) => new Set(scopes.flatMap((name) => [...(granted.get(name) ?? [])])),
  };
}

function listOf(value: unknown, path: string, names: readonly string[]): readonly string[] {
  if (!Array.isArray(value)) throw new ConfigurationError('invalid_scope', path, 'must be a list of scopes');
  return value.map((name: unknown, index) => {
    if (typeof name === 'string' && names.includes(name)) return name;
    throw unknownName('unknown_scope', `${path}[${String(index)}]`, name, names, 'scope');
  });
}

function closure(start: string, implied: ReadonlyMap<string, readonly string[]>): ReadonlySet<string> {
  const reached = new Set([start]);
  // A Set's iteration also visits what is added while it runs.
  for (const name of reached) for (const next of implied.get(name) ?? []) reached.add(next);
  return reached;
}
