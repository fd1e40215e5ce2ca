import { keyFormat, type KeyFormat } from 'keystile';
import fc from 'fast-check';

/** Formats of every kind: with and without prefix, id, tenant and checksum, and with all alphabets. */
const TEMPLATES = [
  '{prefix}_{env}_{id}_{secret}{checksum}',
  'agg_{tenant}_{secret:hex:64}',
  '{prefix}-{secret:base32:40}',
  '{prefix}{env}{secret:base58:30}',
  'v2.{id}.{secret:base64url:43}',
  '{prefix}_{secret:base64url:26}_{checksum}',
  '{secret:hex:40}-{id:hex:12}',
  '{tenant}_{env}_{id}_{secret}',
  '{tenant}{secret:hex:64}',
  '{secret:base62:22}{tenant}',
  '{secret:base64url:32}',
] as const;

const made = fc.constantFrom(...TEMPLATES).map((template) => keyFormat(template, template.includes('{prefix}') ? { prefix: 'my-App9' } : {}));
const tenantId = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);

/** A key, its format, and the part of it that nobody may see. */
export interface Sample {
  readonly format: KeyFormat;
  readonly key: string;
  readonly secret: string;
}

export const samples: fc.Arbitrary<Sample> = fc.tuple(made, tenantId).map(([format, tenant]) => {
  const { key, parts } = format.generate({ environment: 'live', tenantId: tenant });
  return { format, key, secret: parts.secret };
});

const percent = (text: string): string => Array.from(text, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`).join('');
const unicode = (text: string): string => Array.from(text, (letter) => `\\u00${letter.charCodeAt(0).toString(16)}`).join('');

/** Where a key may stand, and how it may be written there. */
export const PLACES: Readonly<Record<string, (key: string) => string>> = {
  alone: (key) => key,
  'at the start': (key) => `${key} was refused`,
  'at the end': (key) => `refused: ${key}`,
  'at the end of a sentence': (key) => `We refused ${key}.`,
  'in quotes': (key) => `the key '${key}' is wrong`,
  'in JSON': (key) => JSON.stringify({ level: 30, msg: `line\n${key}\nline`, list: [key] }),
  'in JSON in JSON': (key) => JSON.stringify({ msg: JSON.stringify({ msg: JSON.stringify([`\t${key}`]) }) }),
  'in an address': (key) => `GET /v1/${key}/orders?x=${key}&y=1#${key}`,
  'in an encoded address': (key) => `/go?to=${encodeURIComponent(`https://x.example/?x=${key}&y=1`)}`,
  'encoded twice': (key) => encodeURIComponent(encodeURIComponent(`?x=${key}&y=/`)),
  'percent-encoded itself': percent,
  'percent-encoded twice': (key) => encodeURIComponent(percent(key)),
  'written with escapes': (key) => `"${unicode(key)}"`,
  'after a percent sign': (key) => `50%${key}`,
  twice: (key) => `${key}, ${key}`,
  'twice without a gap': (key) => key + key,
  'glued to other text': (key) => `x${key}x`,
  'after a colour': (key) => `\x1b[32m${key}\x1b[0m`,
  'after a time': (key) => `2026-01-01T00:00:00Z-${key}`,
  'after a digit': (key) => `7${key}`,
  'after a dash': (key) => `/p/-${key}`,
  'as a Bearer token': (key) => `Authorization: Bearer ${key}`,
  'among protocols': (key) => `Sec-WebSocket-Protocol: chat.v1, keystile.${key}`,
};

/** No six characters of the secret in a row, however a reader unpacks the text. The last four of a key may be shown. */
export function shows(text: string, secret: string): boolean {
  let plain = text;
  for (let pass = 0; pass < 4; pass++) {
    for (let at = 0; at + 6 <= secret.length; at++) if (plain.includes(secret.slice(at, at + 6))) return true;
    plain = plain.replace(/%([0-9a-f]{2})|\\+u00([0-9a-f]{2})/gi, (_whole, byte?: string, unit?: string) => String.fromCharCode(parseInt(byte ?? unit ?? '', 16)));
  }
  return false;
}
