import { chain } from '../core/awaitable.js';
import { ConfigurationError, storeUnavailable } from '../core/errors.js';
import { checkOptions } from '../core/options.js';
import type { Awaitable } from '../core/ports.js';
import { headerLines, removeHeader, removeQuery } from './raw-request.js';
import type { HostRequest } from './types.js';

/** Where a request may carry its key. Made by {@link header}, {@link bearer}, {@link basic}, {@link query} and `subprotocol`. */
export interface CredentialSource {
  readonly kind: 'header' | 'bearer' | 'basic' | 'query' | 'subprotocol' | 'function';
  /** Header to `Vary` on; absent where no header is read. */
  readonly header?: string;
  /** Parameter of the query that holds the key; absent where none is read. */
  readonly parameter?: string;
  /** Challenge for `WWW-Authenticate`, RFC 9110 §11.6.1; absent where no scheme fits. */
  readonly challenge?: string;
  /** Every key that this source finds. `looksLikeKey` tells a key from somebody else's token. */
  read(req: HostRequest, looksLikeKey: (text: string) => boolean): Awaitable<readonly string[]>;
  /** Takes the credential out of the request. */
  strip(req: HostRequest): void;
}

/** A callback that finds the key in the request itself; `undefined` or `null` when there is none. */
export type CredentialFunction = (req: HostRequest) => Awaitable<string | undefined | null>;

const NONE: readonly string[] = Object.freeze([]);

/** The key is the whole value of a header. Default name: `x-api-key`. */
export function header(name = 'x-api-key'): CredentialSource {
  if (typeof name !== 'string' || !/^[a-z0-9!#$%&'*+.^_`|~-]{1,64}$/i.test(name)) throw new ConfigurationError('invalid_option', 'credentials', 'header() needs a header name');
  const lower = name.toLowerCase();
  return {
    kind: 'header',
    header: name,
    challenge: `ApiKey header="${name}"`,
    read: (req) => headerLines(req, lower),
    strip: (req) => {
      removeHeader(req, lower);
    },
  };
}

/** `Authorization: Bearer <key>` (RFC 6750 §2.1). A value that does not begin like a key is somebody else's token. */
export function bearer(): CredentialSource {
  return {
    kind: 'bearer',
    header: 'Authorization',
    challenge: 'Bearer',
    read: (req, looksLikeKey) => authorization(req, 'bearer', (value) => [value].filter(looksLikeKey)),
    strip: (req) => {
      removeHeader(req, 'authorization');
    },
  };
}

/** `Authorization: Basic` (RFC 7617) with the key as user name or password, whichever begins like a key. */
export function basic(): CredentialSource {
  return {
    kind: 'basic',
    header: 'Authorization',
    challenge: 'Basic realm="API", charset="UTF-8"',
    read: (req, looksLikeKey) =>
      authorization(req, 'basic', (value) => {
        const pair = Buffer.from(value, 'base64').toString('latin1');
        const colon = pair.indexOf(':');
        const parts = colon < 0 ? [pair] : [pair.slice(0, colon), pair.slice(colon + 1)];
        return parts.filter((part) => part !== '' && looksLikeKey(part));
      }),
    strip: (req) => {
      removeHeader(req, 'authorization');
    },
  };
}

/** A query parameter. Off by default: addresses end up in logs, histories and `Referer` headers. */
export function query(name = 'api_key'): CredentialSource {
  if (typeof name !== 'string' || !/^[\w.~-]{1,64}$/.test(name)) throw new ConfigurationError('invalid_option', 'credentials', 'query() needs a parameter name');
  return {
    kind: 'query',
    parameter: name,
    read(req) {
      const target = req.originalUrl ?? req.url ?? '';
      const start = target.indexOf('?');
      return start < 0 ? NONE : new URLSearchParams(target.slice(start + 1)).getAll(name);
    },
    strip: (req) => {
      removeQuery(req, name);
    },
  };
}

function fromFunction(find: CredentialFunction): CredentialSource {
  return {
    kind: 'function',
    read: (req) =>
      chain(find(req), (key) => {
        if (key === undefined || key === null) return NONE;
        if (typeof key !== 'string') throw storeUnavailable('the credentials function answered with something that is no string');
        return [key];
      }),
    strip: () => undefined,
  };
}

/** What the sources found: no key, one key (perhaps in several places), or different ones. */
export type Presented = { readonly key: string; readonly source: CredentialSource } | 'none' | 'ambiguous';

/** Looks in every source: a second, different key must not hide behind the first. */
export function readCredential(req: HostRequest, sources: readonly CredentialSource[], looksLikeKey: (text: string) => boolean): Awaitable<Presented> {
  const from = (index: number, found: Presented): Awaitable<Presented> => {
    const source = sources[index];
    if (source === undefined) return found;
    return chain(source.read(req, looksLikeKey), (keys) => from(index + 1, keys.length === 0 ? found : merged(found, keys, source)));
  };
  return from(0, 'none');
}

function merged(found: Presented, keys: readonly string[], source: CredentialSource): Presented {
  let result = found;
  for (const key of keys) {
    if (result === 'none') result = { key, source };
    else if (result === 'ambiguous' || result.key !== key) return 'ambiguous';
  }
  return result;
}

/** The lines of `Authorization` with the given scheme, read by `use`. */
function authorization(req: HostRequest, scheme: string, use: (value: string) => readonly string[]): readonly string[] {
  const lines = headerLines(req, 'authorization');
  if (lines.length === 0) return NONE;
  return lines.flatMap((line) => {
    const space = line.search(/[ \t]/);
    if (space < 0 || line.slice(0, space).toLowerCase() !== scheme) return NONE;
    return use(line.slice(space + 1).trim());
  });
}

/** The option `credentials` as sources. */
export function resolveSources(credentials: unknown): readonly CredentialSource[] {
  const list: readonly unknown[] = Array.isArray(credentials) ? credentials : [credentials];
  if (list.length === 0) throw new ConfigurationError('invalid_option', 'credentials', 'must name at least one source');
  return list.map((source, index) => {
    if (typeof source === 'function') return fromFunction(source as CredentialFunction);
    const path = `credentials[${String(index)}]`;
    checkOptions(source, path, ['kind', 'header', 'parameter', 'challenge', 'read', 'strip']);
    if (typeof (source as Partial<CredentialSource>).read === 'function' && typeof (source as Partial<CredentialSource>).strip === 'function') return source as CredentialSource;
    throw new ConfigurationError('invalid_option', path, 'must be header(), bearer(), basic(), query(), subprotocol() or a function');
  });
}
