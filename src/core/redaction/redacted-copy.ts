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
    const copy = (raw: unknown, depth: number, secret: boolean): unknown => {
      left--;
      const value = asJson(raw);
      if (typeof value === 'string') return secret ? hide(value) : redact(value);
      if (typeof value === 'number' || typeof value === 'bigint') return secret ? HIDDEN : typeof value === 'bigint' ? String(value) : value;
      if (typeof value !== 'object' || value === null) return typeof value === 'boolean' || value === null ? value : undefined;
      if (left <= 0 || depth >= DEEPEST) return LEFT_OUT;
      if (Array.isArray(value)) return value.slice(0, left).map((item) => copy(item, depth + 1, secret));
      const shown: Record<string, unknown> = {};
      for (const [name, field] of fieldsOf(value)) {
        if (left <= 0) break;
        // Defined, not assigned: `__proto__` is a name like any other.
        Object.defineProperty(shown, redact(name), { value: copy(field, depth + 1, isCredential(name)), enumerable: true, configurable: true, writable: true });
      }
      return shown;
    };
    return attempt(() => copy(given, 0, false));
  };
}

/** The value of a header or field that is a credential: its scheme, and the mask of a key. */
export function createHide(redact: Redact): Redact {
  return (value) => {
    const [, scheme = '', rest = value] = /^((?:bearer|basic|apikey|token|digest)[ \t]+)([^]*)$/i.exec(value) ?? [];
    const shown = redact(rest);
    return scheme + (isStub(shown) ? shown : HIDDEN);
  };
}

/** Dates, addresses and the like say themselves what they are in JSON. */
function asJson(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  // A buffer would be a list of numbers, in which nobody finds a key again but whoever looks for one.
  if (ArrayBuffer.isView(value)) return LEFT_OUT;
  const own = read(value, 'toJSON');
  return typeof own === 'function' ? attempt(() => (own as () => unknown).call(value)) : value;
}

/** The fields of an object, and of an error those that JSON would not show, under pino's names for them. */
function fieldsOf(object: object): readonly (readonly [name: string, value: unknown])[] {
  const own = Object.keys(object).map((name) => [name, read(object, name)] as const);
  if (!types.isNativeError(object) && !(object instanceof Error)) return own;
  const seen = ['message', 'stack', 'cause'].map((name) => [name, read(object, name)] as const);
  return [['type', object.constructor.name], ...seen, ['aggregateErrors', read(object, 'errors')], ...own];
}

const read = (object: object, name: string): unknown => attempt(() => (object as Record<string, unknown>)[name]);

/** A getter of somebody else's may throw; a logger must not fall over it. */
export function attempt(look: () => unknown): unknown {
  try {
    return look();
  } catch {
    return LEFT_OUT;
  }
}
