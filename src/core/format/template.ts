import { ConfigurationError } from '../errors.js';
import { unknownName } from '../options.js';
import { ALPHABETS, TENANT_ALPHABET } from './alphabets.js';
import { CHECKSUM_LENGTH } from './checksum.js';

/** One piece of a compiled template, in order. */
export type Part =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'env' }
  | { readonly kind: 'tenant'; readonly alphabet: string; readonly length: number | undefined }
  | { readonly kind: 'id' | 'secret'; readonly alphabet: string; readonly length: number }
  | { readonly kind: 'checksum'; readonly alphabet: string; readonly length: number };

const PLACEHOLDERS = ['prefix', 'env', 'tenant', 'id', 'secret', 'checksum'];
const LAST_SHOWN = 4;

/** Default lengths: with a three-letter prefix and `live` the whole key is 55 characters, one SHA-256 block. */
const ID_LENGTH = 12;
const SECRET_LENGTH = 27;

const bad = (template: string, message: string, code: 'invalid_format' | 'ambiguous_format' | 'weak_secret' = 'invalid_format'): never => {
  throw new ConfigurationError(code, `format '${template}'`, message);
};

/** Cuts `'{prefix}_{env}_{id}_{secret}{checksum}'` into parts, or throws a `ConfigurationError`. */
export function parseTemplate(template: string, prefix: string | undefined, environments: readonly string[]): readonly Part[] {
  const parts: Part[] = [];
  const literal = (text: string): void => {
    if (!/^[\w.-]*$/.test(text)) bad(template, `'${text}' may hold only A-Z a-z 0-9 _ . -`);
    const last = parts.at(-1);
    if (last?.kind === 'literal') parts[parts.length - 1] = { kind: 'literal', text: last.text + text };
    else if (text !== '') parts.push({ kind: 'literal', text });
  };
  let rest = template;
  for (let open = rest.indexOf('{'); open >= 0; open = rest.indexOf('{')) {
    const close = rest.indexOf('}', open);
    if (close < 0) bad(template, "'{' is never closed");
    literal(rest.slice(0, open));
    const inside = rest.slice(open + 1, close);
    if (inside === 'prefix') literal(prefix ?? bad(template, 'needs the option prefix'));
    else parts.push(placeholder(inside, template));
    rest = rest.slice(close + 1);
  }
  literal(rest);
  checkParts(parts, template, environments);
  return parts;
}

function placeholder(inside: string, template: string): Part {
  const [name = '', ...settings] = inside.split(':');
  if (!PLACEHOLDERS.includes(name)) throw unknownName('invalid_format', `format '${template}'`, name, PLACEHOLDERS, 'placeholder');
  let alphabet: string | undefined;
  let length: number | undefined;
  for (const setting of settings) {
    if (/^[1-9]\d{0,2}$/.test(setting) && length === undefined) length = Number(setting);
    else if (alphabet === undefined && length === undefined) {
      alphabet = ALPHABETS.get(setting);
      if (alphabet === undefined) throw unknownName('invalid_format', `format '${template}'`, setting, [...ALPHABETS.keys()], 'alphabet');
    } else bad(template, `{${inside}}: write {name:alphabet:length}`);
  }
  const base62 = ALPHABETS.get('base62') ?? '';
  switch (name) {
    case 'tenant':
      return { kind: 'tenant', alphabet: alphabet ?? TENANT_ALPHABET, length };
    case 'id':
      return { kind: 'id', alphabet: alphabet ?? base62, length: length ?? ID_LENGTH };
    case 'secret':
      return { kind: 'secret', alphabet: alphabet ?? base62, length: length ?? SECRET_LENGTH };
    default:
      if (settings.length > 0) bad(template, `{${name}} takes no settings`);
      return name === 'env' ? { kind: 'env' } : { kind: 'checksum', alphabet: base62, length: CHECKSUM_LENGTH };
  }
}

function checkParts(parts: readonly Part[], template: string, environments: readonly string[]): void {
  for (const kind of ['env', 'tenant', 'id', 'secret', 'checksum'] as const) {
    if (parts.filter((part) => part.kind === kind).length > 1) bad(template, `has {${kind}} twice`);
  }
  const secret = parts.find((part) => part.kind === 'secret') ?? bad(template, 'has no {secret}');
  const checksumAt = parts.findIndex((part) => part.kind === 'checksum');
  if (checksumAt >= 0 && checksumAt !== parts.length - 1) bad(template, '{checksum} covers all that stands before it, so it must stand last');
  if (parts.at(-1)?.kind === 'literal') bad(template, 'ends in fixed text: the last four characters must tell keys apart');
  const id = parts.find((part) => part.kind === 'id');
  if (id?.kind === 'id' && id.length * Math.log2(id.alphabet.length) < 48) bad(template, '{id} has less than 48 bits: ids would collide');
  checkStrength(secret, parts, template);
  checkUnambiguous(parts, template, environments);
}

/** 128 bits must stay unknown to somebody who has read the store, where the key's last four characters stand. */
function checkStrength(secret: Part, parts: readonly Part[], template: string): void {
  if (secret.kind !== 'secret') return;
  const bits = secret.length * Math.log2(secret.alphabet.length);
  const last = parts.at(-1);
  // Four checksum digits tell as much about the secret as four of its own characters would.
  const shown = last !== undefined && 'alphabet' in last && last.kind !== 'id' && last.kind !== 'tenant' ? LAST_SHOWN * Math.log2(last.alphabet.length) : 0;
  if (bits - shown < 128) bad(template, `the secret keeps ${(bits - shown).toFixed(0)} bits beside the last four characters; 128 are needed`, 'weak_secret');
}

/** Only one part may have a length that the key itself decides, and what surrounds it must show where it ends. */
function checkUnambiguous(parts: readonly Part[], template: string, environments: readonly string[]): void {
  parts.forEach((part, index) => {
    if (part.kind !== 'env') return;
    const next = parts[index + 1];
    const delimited = next?.kind === 'literal' && /^[^a-z0-9]/i.test(next.text);
    const sameLength = environments.every((name) => name.length === environments[0]?.length);
    if (!delimited && !sameLength) bad(template, '{env} must be followed by _ . or -, or all environments be of one length', 'ambiguous_format');
    // A tenant before it leaves open where {env} begins, and "alive" ends like "live"; only a separator, which no environment holds, shows it.
    const before = parts[index - 1];
    const separated = before?.kind === 'literal' && /[^a-z0-9]/i.test(before.text);
    const tenantBefore = parts.slice(0, index).some((one) => one.kind === 'tenant' && one.length === undefined);
    if (tenantBefore && !separated && !sameLength) bad(template, 'nothing shows where {tenant} ends and {env} begins', 'ambiguous_format');
  });
}
