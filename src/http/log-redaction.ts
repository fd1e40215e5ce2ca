import { ConfigurationError } from '../core/errors.js';
import { engineOf, type Keyring } from '../core/keyring.js';
import { checkOptions } from '../core/options.js';
import type { CredentialNames } from '../core/redaction/named-values.js';
import { nameTest } from '../core/redaction/named-values.js';
import { createCopy } from '../core/redaction/redacted-copy.js';
import { createRedact } from '../core/redaction/redact-keys.js';
import { HIDDEN } from '../core/redaction/spans.js';
import { resolveSources } from './credentials.js';
import { createSerializers, type LogSerializers } from './log-serializers.js';
import type { ApiKeyAuthOptions } from './options.js';

/** Settings of {@link logRedaction}. */
export interface LogRedactionOptions {
  /** What `apiKeyAuth` was given: the values of these headers and query parameters are hidden. */
  readonly credentials?: NonNullable<ApiKeyAuthOptions['credentials']>;
  /** Further headers and query parameters that carry credentials. */
  readonly names?: readonly string[];
}

/** Made by {@link logRedaction}. */
export interface LogRedaction {
  /** As the `redactKeys` of the package, but for the formats and names of this keyring. Fits pino's `hooks.streamWrite`. */
  readonly redactKeys: (text: string) => string;
  /** For the option `serializers` of pino and pino-http. */
  readonly serializers: LogSerializers;
  /**
   * For pino's option `redact`, and enough by itself: under pino's own serializers it redacts addresses, headers, parameters, errors
   * and messages. Whatever else you add to its `paths` becomes `[redacted]`.
   */
  readonly redact: { readonly paths: string[]; readonly censor: (value: unknown, path: string[]) => unknown };
  /** The same option for headers and query parameters alone: neither address nor message. */
  readonly paths: string[];
}

/** Where pino and pino-http write what may hold a credential among much that a log is for. */
const MIXED: readonly string[] = ['req.id', 'req.url', 'req.headers', 'req.query', 'req.params', 'res.headers', 'err', 'msg', 'reqId'];
const HEADERS = ['authorization', 'proxy-authorization', 'cookie', 'x-api-key'];
const PARAMETERS = ['api_key', 'apiKey', 'api-key', 'access_token'];

/**
 * What keeps the keys of a keyring, or of several, out of a log. Keys are found by the keyring's formats, mistyped ones
 * included, and shown as `awx_...x4f2`; other credentials become `[redacted]`. pino is not imported.
 *
 * Throws a `ConfigurationError` for what is no keyring, and for wrong options.
 *
 * @example
 * ```ts
 * const { redact } = logRedaction(keyring);
 * app.use(pinoHttp({ redact }));
 * ```
 */
export function logRedaction(keyring: Keyring | readonly Keyring[], options: LogRedactionOptions = {}): LogRedaction {
  const keyrings: readonly unknown[] = Array.isArray(keyring) ? keyring : [keyring];
  const formats = keyrings.flatMap((one) => {
    const engine = engineOf(one);
    if (engine === undefined) throw new ConfigurationError('invalid_option', 'keyring', 'must be made by createKeyring(), or a list of such');
    return engine.formats.all;
  });
  const own = namesOf(options);
  const names = { headers: own.headers.map((name) => name.toLowerCase()), parameters: own.parameters };
  const redactKeys = createRedact(formats, names);
  const copy = createCopy(redactKeys, nameTest(names));
  return {
    redactKeys,
    serializers: createSerializers(copy),
    redact: { paths: [...MIXED], censor: (value, path) => (MIXED.includes(path.join('.')) ? copy(value) : HIDDEN) },
    paths: [
      ...[...new Set([...HEADERS, ...names.headers])].map((name) => `req.headers["${name}"]`),
      ...[...new Set([...PARAMETERS, ...own.parameters])].map((name) => `req.query["${name}"]`),
      'res.headers["set-cookie"]',
    ],
  };
}

function namesOf(options: LogRedactionOptions): CredentialNames {
  checkOptions(options, 'logRedaction', ['credentials', 'names']);
  const { credentials, names = [] } = options;
  if (!Array.isArray(names) || !names.every((name: unknown) => typeof name === 'string' && /^[\w!#$%&'*+.^|~-]{1,64}$/.test(name))) {
    throw new ConfigurationError('invalid_option', 'names', 'must be a list of names of headers or query parameters');
  }
  const sources = credentials === undefined ? [] : resolveSources(credentials);
  return {
    headers: [...sources.flatMap(({ header }) => header ?? []), ...(names as readonly string[])],
    parameters: [...sources.flatMap(({ parameter }) => parameter ?? []), ...(names as readonly string[])],
  };
}
