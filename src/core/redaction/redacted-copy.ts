import { types } from 'node:util';
import { HIDDEN, isStub, type Redact } from './spans.js';

/** What may be shown of any value, for a log: plain data, its texts redacted, its credentials hidden. */
export type Copy = (value: unknown) => unknown;

/** An error may hold half a program (a socket, a request): what lies deeper, or comes later, is left out. */
const DEEPEST = 6;
const MOST_VALUES = 500;
const LEFT_OUT = '[left out]';

/** `isCredential` tells the names of fields whose value is one, whatever it looks like. */
export function createCopy(redact: Redact, isCredential: (name: string) => boolean): Copy {
  const hide = createHide(redact);
  return (given) => {
    let left = MOST_VALUES;
    // Each value by itself: what cannot be read takes nothing else with it.
    const copy = (raw: unknown, depth: number, secret: boolean): unknown => attempt(() => copyOf(asJson(raw), depth, secret));
    const copyOf = (value: unknown, depth: number, secret: boolean): unknown => {
      left--;
      if (typeof value === 'string') return secret ? hide(value) : redact(value);
      if (typeof value === 'number' || typeof value === 'bigint') return secret ? HIDDEN : typeof value === 'bigint' ? String(value) : value;
      if (typeof value !== 'object' || value === null) return typeof value === 'boolean' || value === null ? value : undefined;
      if (left <= 0 || depth >= DEEPEST) return LEFT_OUT;
      if (Array.isArray(value)) return value.slice(0, left).map((item) => copy(item, depth + 1, secret));
      const shown: Record<string, unknown> = {};
      for (const [name, field] of fieldsOf(value)) {
        if (left <= 0) break;
        // Defined, not assigned: `__proto__` is a name like any other. All that is in a credential is a part of it.
        Object.defineProperty(shown, redact(name), { value: copy(field, depth + 1, secret || isCredential(name)), enumerable: true, configurable: true, writable: true });
      }
      return shown;
    };
    return copy(given, 0, false);
  };
}

/** The value of a header or field that is a credential: its scheme, and the mask of a key. */
function createHide(redact: Redact): Redact {
  return (value) => {
    const [, scheme = '', rest = value] = /^((?:bearer|basic|apikey|token|digest)[ \t]+)([^]*)$/i.exec(value) ?? [];
    const shown = redact(rest);
    return scheme + (isStub(shown) ? shown : HIDDEN);
  };
}

/** Dates, addresses and the like say themselves what they are in JSON, where a text in a box is a text. */
function asJson(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (isBinary(value)) return LEFT_OUT;
  const own = read(value, 'toJSON');
  const said = typeof own === 'function' ? attempt(() => (own as () => unknown).call(value)) : value;
  if (types.isStringObject(said)) return String.prototype.valueOf.call(said);
  return isBinary(said) ? LEFT_OUT : said;
}

/** A buffer, also as its `toJSON` has it, would be a list of numbers, in which nobody finds a key again but whoever looks for one. */
function isBinary(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return ArrayBuffer.isView(value) || (read(value, 'type') === 'Buffer' && Array.isArray(read(value, 'data')));
}

/** The fields of an object, and of an error those that JSON would not show, under pino's names for them. */
function fieldsOf(object: object): readonly (readonly [name: string, value: unknown])[] {
  const own = Object.keys(object).map((name) => [name, read(object, name)] as const);
  if (!types.isNativeError(object) && !(object instanceof Error)) return own;
  const seen = ['message', 'stack', 'cause'].map((name) => [name, read(object, name)] as const);
  return [['type', attempt(() => object.constructor.name)], ...seen, ['aggregateErrors', read(object, 'errors')], ...own];
}

/** A field, whatever its getter does. */
export const read = (object: object, name: string): unknown => attempt(() => (object as Record<string, unknown>)[name]);

/** A getter of somebody else's may throw; a logger must not fall over it. */
export function attempt(look: () => unknown): unknown {
  try {
    return look();
  } catch {
    return LEFT_OUT;
  }
}
