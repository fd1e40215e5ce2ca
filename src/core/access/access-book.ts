import { LRUCache } from 'lru-cache';
import { compileAccess, type AccessRules, type CompiledAccess } from './access.js';

/** Compiles access rules, once for all keys whose rules read alike and for every time they are loaded again. */
export type AccessBook = (rules: AccessRules | undefined) => CompiledAccess;

const MOST = 1_000;

/** Compiling a handful of endpoint patterns takes 50 µs, finding them again 1 µs. */
export function createAccessBook(): AccessBook {
  const unrestricted = compileAccess(undefined);
  const known = new LRUCache<string, CompiledAccess>({ max: MOST });
  return (rules) => {
    if (rules === undefined) return unrestricted;
    const text = JSON.stringify(rules);
    let compiled = known.get(text);
    if (compiled === undefined) known.set(text, (compiled = compileAccess(rules)));
    return compiled;
  };
}
