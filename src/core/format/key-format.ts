import { checkOptions } from '../options.js';
import { ConfigurationError } from '../errors.js';
import { randomText, systemRandom, type RandomSource } from './alphabets.js';
import { createChecksum } from './checksum.js';
import { parseTemplate, type Part } from './template.js';

/** The parts of a plaintext key; absent where the format has none. */
export interface KeyParts {
  readonly environment?: string;
  readonly tenantId?: string;
  readonly id?: string;
  readonly secret: string;
}

/** What a new key is told about where it belongs. */
export interface KeyOwnership {
  readonly environment?: string | undefined;
  readonly tenantId?: string | undefined;
}

/** Settings of {@link keyFormat}. */
export interface KeyFormatOptions {
  /** The brand at the front, 2 to 32 of `a-z A-Z 0-9 _ -`; stands where the template says `{prefix}`. */
  readonly prefix?: string;
  /** Environments that `{env}` may be. Default: `live` and `test`. */
  readonly environments?: readonly string[];
  /** Source of random bytes. Default: `crypto.randomBytes`. */
  readonly random?: RandomSource;
}

/** How the keys of one kind look: made by {@link keyFormat}. */
export interface KeyFormat {
  readonly template: string;
  /** Fixed text at the front; a Bearer value without it is somebody else's token. May be empty. */
  readonly fixedPrefix: string;
  readonly environments: readonly string[];
  /** Which parts keys of this format carry. */
  readonly has: { readonly environment: boolean; readonly tenant: boolean; readonly id: boolean; readonly checksum: boolean };
  /** Regular expression for secret scanners, unanchored, without flags. */
  readonly pattern: RegExp;
  /** A new key. `environment` and `tenantId` must be given where the template has them. */
  generate(parts?: KeyOwnership): { readonly key: string; readonly parts: KeyParts };
  /**
   * The cheap half of {@link KeyFormat.matches}: the checksum where there is one, else the shape. Enough before a look-up by
   * digest of the whole text, which only an exact key can pass.
   */
  plausible(key: string): boolean;
  /** Whether a text has this format's exact shape and, if there is one, the right checksum. Touches nothing but the text. */
  matches(key: string): boolean;
  /** The parts of a text that {@link KeyFormat.matches}, else `undefined`. */
  parse(key: string): KeyParts | undefined;
  /** For display: the brand and the last four characters, `awx_...x4f2`. */
  mask(key: string): string;
}

const MAX_TENANT = 64;

/** A scanner's pattern finds no key in the middle of a longer word. */
const NOT_BEFORE = '(?<![A-Za-z0-9_-])';
const NOT_AFTER = '(?![A-Za-z0-9_-])';

/** The source of a format's pattern without its borders, which also finds a key glued to other text. */
export const bodyOf = ({ pattern: { source: all } }: KeyFormat): string =>
  all.startsWith(NOT_BEFORE) && all.endsWith(NOT_AFTER) ? all.slice(NOT_BEFORE.length, -NOT_AFTER.length) : all;

/** Longer texts are no keys: nobody may make the server read more. */
export const MAX_KEY_LENGTH = 512;

/**
 * Compiles a key template. Placeholders: `{prefix}`, `{env}`, `{tenant}`, `{id}`, `{secret}`, `{checksum}`, each with an
 * optional alphabet (`hex`, `base32`, `base58`, `base62`, `base64url`) and length: `{secret:hex:64}`. The checksum is CRC-32
 * in base62 over all that stands before it.
 *
 * Throws a `ConfigurationError`: `invalid_format`, `ambiguous_format`, or `weak_secret` for less than 128 bits of secret
 * beside the four characters kept for display.
 *
 * @example
 * ```ts
 * const format = keyFormat('agg_{tenant}_{secret:hex:64}');
 * format.mask('agg_shop-7_' + 'ab'.repeat(32)); // 'agg_...abab'
 * ```
 */
export function keyFormat(template = '{prefix}_{env}_{id}_{secret}{checksum}', options: KeyFormatOptions = {}): KeyFormat {
  checkOptions(options, 'keyFormat', ['prefix', 'environments', 'random']);
  if (typeof template !== 'string' || template.length > 256) throw new ConfigurationError('invalid_format', 'keyFormat', 'the template must be a string of at most 256 characters');
  const environments = checkEnvironments(options.environments ?? ['live', 'test']);
  const { prefix }: { readonly prefix?: unknown } = options;
  if (prefix !== undefined && (typeof prefix !== 'string' || !/^[a-z0-9](?:[\w-]{0,30}[a-z0-9])$/i.test(prefix))) {
    throw new ConfigurationError('invalid_format', 'prefix', 'must be 2 to 32 of A-Z a-z 0-9 _ -, and begin and end with a letter or digit');
  }
  const random = options.random === undefined ? systemRandom : options.random;
  if (typeof random !== 'function') throw new ConfigurationError('invalid_option', 'random', 'must be a function that gives random bytes');
  const parts = parseTemplate(template, options.prefix, environments);
  const first = parts[0];
  const fixedPrefix = first?.kind === 'literal' ? first.text : '';
  // Every part but one has a length of its own, so an anchored expression reads a key in exactly one way.
  const body = parts.map((part) => source(part, environments)).join('');
  const shape = new RegExp(`^${body}$`);
  const variable = parts.filter((part) => part.kind !== 'literal');
  const divided = new RegExp(`^${parts.map((part) => (part.kind === 'literal' ? source(part, environments) : `(${source(part, environments)})`)).join('')}$`);
  /** The group of a part; numbered groups are read in half the time of named ones. */
  const groupOf = (kind: Part['kind']): number => variable.findIndex((part) => part.kind === kind) + 1;
  const [envAt, tenantAt, idAt, secretAt] = [groupOf('env'), groupOf('tenant'), groupOf('id'), groupOf('secret')];
  const includes = (kind: Part['kind']): boolean => parts.some((part) => part.kind === kind);
  const has = Object.freeze({ environment: includes('env'), tenant: includes('tenant'), id: includes('id'), checksum: includes('checksum') });
  const maxLength = longest(parts, environments);
  if (maxLength > MAX_KEY_LENGTH) throw new ConfigurationError('invalid_format', `format '${template}'`, `makes keys of ${String(maxLength)} characters; at most ${String(MAX_KEY_LENGTH)} are read`);
  const checksum = createChecksum(maxLength);
  const plausible = (key: string): boolean => key.length <= maxLength && (has.checksum ? checksum.holds(key) : shape.test(key));
  const matches = (key: string): boolean => plausible(key) && shape.test(key);
  return Object.freeze({
    template,
    fixedPrefix,
    environments,
    has,
    pattern: new RegExp(NOT_BEFORE + body + NOT_AFTER),
    plausible,
    matches,
    parse(key: string) {
      const found = plausible(key) ? divided.exec(key) : null;
      if (found === null) return undefined;
      const read = (group: number): string | undefined => (group === 0 ? undefined : found[group]);
      return partsOf(read(envAt), read(tenantAt), read(idAt), read(secretAt) ?? '');
    },
    mask: (key: string) => `${brand(fixedPrefix)}...${key.slice(-4)}`,
    generate(given = {}) {
      let key = '';
      const made = new Map<string, string>();
      for (const part of parts) {
        const text = part.kind === 'checksum' ? checksum.of(key) : written(part, given, environments, random);
        made.set(part.kind, text);
        key += text;
      }
      return { key, parts: partsOf(made.get('env'), made.get('tenant'), made.get('id'), made.get('secret') ?? '') };
    },
  });
}

function partsOf(environment: string | undefined, tenantId: string | undefined, id: string | undefined, secret: string): KeyParts {
  const parts: { -readonly [Name in keyof KeyParts]: KeyParts[Name] } = { secret };
  if (environment !== undefined) parts.environment = environment;
  if (tenantId !== undefined) parts.tenantId = tenantId;
  if (id !== undefined) parts.id = id;
  return parts;
}

function written(part: Exclude<Part, { kind: 'checksum' }>, given: KeyOwnership, environments: readonly string[], random: RandomSource): string {
  switch (part.kind) {
    case 'literal':
      return part.text;
    case 'env':
      return needed(given.environment, 'environment', (name) => environments.includes(name));
    case 'tenant':
      return needed(given.tenantId, 'tenantId', (name) => new RegExp(`^${source(part, environments)}$`).test(name));
    default:
      return randomText(part.alphabet, part.length, random);
  }
}

function longest(parts: readonly Part[], environments: readonly string[]): number {
  return parts.reduce((sum, part) => {
    if (part.kind === 'literal') return sum + part.text.length;
    if (part.kind === 'env') return sum + Math.max(...environments.map((name) => name.length));
    return sum + (part.length ?? MAX_TENANT);
  }, 0);
}

/** `awx_live_` shows as `awx_`: the fixed text up to its first separator. */
function brand(fixedPrefix: string): string {
  return /^[^_.-]*[_.-]?/.exec(fixedPrefix)?.[0] ?? '';
}

function needed(value: string | undefined, name: string, fits: (value: string) => boolean): string {
  if (value === undefined) throw new ConfigurationError('invalid_option', name, 'this key format carries it in the key, so it must be given');
  if (!fits(value)) throw new ConfigurationError('invalid_option', name, 'does not fit the key format');
  return value;
}

function checkEnvironments(names: readonly string[]): readonly string[] {
  if (!isList(names) || names.length === 0 || new Set(names).size !== names.length) {
    throw new ConfigurationError('invalid_format', 'environments', 'must be a list of different names');
  }
  for (const name of names) {
    if (typeof name !== 'string' || !/^[a-z0-9]{1,32}$/i.test(name)) throw new ConfigurationError('invalid_format', 'environments', 'each must be 1 to 32 letters or digits');
  }
  return Object.freeze([...names]);
}

// Array.isArray alone would widen the type to any[].
const isList = (value: readonly string[]): boolean => Array.isArray(value);

function source(part: Part, environments: readonly string[]): string {
  switch (part.kind) {
    case 'literal':
      return part.text.replace(/[.-]/g, '\\$&');
    case 'env':
      return `(?:${environments.join('|')})`;
    case 'tenant':
      return `[${part.alphabet.replace('-', '\\-')}]{${part.length === undefined ? `1,${String(MAX_TENANT)}` : String(part.length)}}`;
    default:
      return `[${part.alphabet.replace('-', '\\-')}]{${String(part.length)}}`;
  }
}
