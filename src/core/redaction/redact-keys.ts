import type { KeyFormat } from '../format/key-format.js';
import { unescaped } from './escapes.js';
import { likelyKeys } from './likely-keys.js';
import { namedValues, NO_NAMES, type CredentialNames } from './named-values.js';
import { ownKeys } from './own-keys.js';
import { HIDDEN, replaceSpans, type Redact, type Rule } from './spans.js';
import { jwts, schemes } from './tokens.js';

/** Compiles a redactor: keys of these formats, or, where none are known, whatever looks like a key. */
export function createRedact(formats: readonly KeyFormat[] | undefined, names: CredentialNames): Redact {
  const rules: readonly Rule[] = [formats === undefined ? likelyKeys : ownKeys(formats), jwts, schemes, namedValues(names)];
  return (given) => {
    const text = asText(given);
    const spans = rules.flatMap((rule) => rule(text));
    // Both as it stands and as it will be read: an escape may hide a key, and a key may follow what only looks like an escape.
    const plain = unescaped(text);
    if (plain !== undefined) {
      for (const { start, end, stub } of rules.flatMap((rule) => rule(plain.text))) spans.push({ start: plain.origin(start), end: plain.origin(end), stub });
    }
    return spans.length === 0 ? text : replaceSpans(text, spans);
  };
}

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
