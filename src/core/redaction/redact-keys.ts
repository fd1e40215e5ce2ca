import type { KeyFormat } from '../format/key-format.js';
import { authorization } from './authorization.js';
import { unescaped, type Unescaped } from './escapes.js';
import { likelyKeys } from './likely-keys.js';
import { namedValues, NO_NAMES, type CredentialNames } from './named-values.js';
import { ownKeys } from './own-keys.js';
import { HIDDEN, replaceSpans, type Redact, type Rule, type Span } from './spans.js';
import { jwts, schemes } from './tokens.js';

const MOST_PASSES = 4;

/** Compiles a redactor: keys of these formats, or, where none are known, whatever looks like a key. */
export function createRedact(formats: readonly KeyFormat[] | undefined, names: CredentialNames): Redact {
  const rules: readonly Rule[] = [formats === undefined ? likelyKeys : ownKeys(formats), jwts, schemes, namedValues(names)];
  const [written, unpacked] = [[...rules, authorization(true)], [...rules, authorization(false)]];
  const pass = (text: string): string => {
    const plain = unescaped(text);
    const spans = plain === undefined ? written.flatMap((rule) => rule(text)) : [...asWritten(written, text, plain), ...asUnpacked(unpacked, plain)];
    return spans.length === 0 ? text : replaceSpans(text, spans);
  };
  return (given) => {
    let text = asText(given);
    // What is left beside a stub may look different without its neighbour; once in thousands of made-up texts it does.
    for (let passes = 0; passes < MOST_PASSES; passes++) {
      const shown = pass(text);
      if (shown === text) break;
      text = shown;
    }
    return text;
  };
}

/** As it stands: a key may follow what only looks like an escape. No escape is cut in two, which in JSON would leave a backslash alone. */
const asWritten = (rules: readonly Rule[], text: string, plain: Unescaped): readonly Span[] =>
  rules.flatMap((rule) => rule(text).map((span) => ({ ...span, start: plain.before(span.start) })));

/** As it will be read: an escape may hide a key. */
const asUnpacked = (rules: readonly Rule[], plain: Unescaped): readonly Span[] =>
  rules.flatMap((rule) => rule(plain.text).map(({ start, end, stub }) => ({ start: plain.origin(start), end: plain.origin(end), stub })));

/** A logger must not fall over what it is given in place of a text. */
function asText(given: unknown): string {
  if (typeof given === 'string') return given;
  try {
    return String(given);
  } catch {
    return HIDDEN;
  }
}

/**
 * A text without the credentials in it, for logs and error reports: keys of keystile, JSON Web Tokens, what follows
 * `Authorization:`, `Bearer`, `Basic` and `X-API-Key`, and values of `api_key`, `access_token` and the like in queries and JSON,
 * percent-encoded and escaped ones included. A key is shown as `awx_...x4f2`, everything else as `[redacted]`.
 *
 * It knows no keyring, so it goes by looks: a name, `_` or `-`, and at least 22 random characters, which a long public id may be
 * as well. `logRedaction` knows the formats of a keyring and finds its keys exactly. Never throws; takes time in proportion to
 * the text.
 *
 * @example
 * ```ts
 * console.error(redactKeys(`upstream refused ${req.url}`)); // upstream refused /v1/orders?api_key=awx_...x4f2
 * ```
 */
export const redactKeys: Redact = createRedact(undefined, NO_NAMES);
