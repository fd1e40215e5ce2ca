import { invalidInput, ManagementError } from './problems.js';

const MAX_DEPTH = 32;
/** A JSON value of 100 kB has no more. */
const MAX_VALUES = 102_400;

interface Place {
  readonly value: unknown;
  readonly field: string;
  readonly depth: number;
}

/**
 * Throws a 422 for a value that nobody honest sends: deeper than 32 levels, or with a field named `__proto__`. Walks without recursion, so
 * that what follows may recurse. A parser of the host may have let more through than this router would.
 */
export function checkPlain(root: unknown): void {
  const waiting: Place[] = [{ value: root, field: '', depth: 0 }];
  let seen = 0;
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    const { value, field, depth } = place;
    if (typeof value !== 'object' || value === null) continue;
    if (depth >= MAX_DEPTH) throw invalidInput({ field: '', message: `must be at most ${String(MAX_DEPTH)} levels deep`, code: 'too_deep' });
    if (Object.hasOwn(value, '__proto__')) throw invalidInput({ field: `${field}/__proto__`, message: 'is not a field', code: 'unrecognized_keys' });
    for (const [name, inner] of Object.entries(value)) {
      if (++seen > MAX_VALUES) throw new ManagementError('body_too_large');
      waiting.push({ value: inner, field: `${field}/${pointerPart(name)}`, depth: depth + 1 });
    }
  }
}

/** One part of a JSON pointer, RFC 6901 §3; hostile names are cut. */
export const pointerPart = (name: PropertyKey): string => String(name).slice(0, 64).toWellFormed().replaceAll('~', '~0').replaceAll('/', '~1');
