import { ConfigurationError, type ConfigurationCode } from './errors.js';

/**
 * Throws unless `value` is a plain object whose own keys are all among `names`; a misspelling is answered with the
 * nearest right name. `path` names the object in messages.
 */
export function checkOptions(value: unknown, path: string, names: readonly string[]): Record<string, unknown> {
  if (!isPlainObject(value)) throw new ConfigurationError('invalid_option', path, 'must be an object');
  for (const name of Reflect.ownKeys(value)) {
    if (typeof name === 'string' && names.includes(name)) continue;
    throw unknownName('unknown_option', `${path}.${String(name).slice(0, 64)}`, name, names, 'option');
  }
  return value;
}

/** The error for a name that is not declared, with the nearest declared one as a suggestion. */
export function unknownName(
  code: ConfigurationCode,
  path: string,
  given: unknown,
  known: readonly string[],
  what: string,
): ConfigurationError {
  // Not String(): an object without a prototype has no text, and would throw an error without a code.
  const name = typeof given === 'string' || typeof given === 'number' ? String(given).slice(0, 64) : typeof given;
  const nearest = nearestName(name, known);
  const hint = nearest === undefined ? (known.length === 0 ? 'none is declared' : `known: ${known.join(', ')}`) : `did you mean '${nearest}'?`;
  return new ConfigurationError(code, path, `unknown ${what} '${name}'; ${hint}`);
}

/** Whether a value is an object made by `{}` or with no prototype: no array, no class instance. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // An object from another realm (a test runner's sandbox, a worker) has another Object.prototype, itself prototype-less.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** The known name nearest to a misspelt one, if it is near enough to be meant. */
function nearestName(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(name.length / 2)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(substituted, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
