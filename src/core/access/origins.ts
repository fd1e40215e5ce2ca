import { ConfigurationError } from '../errors.js';

/** Origins or hosts a browser may call from; `'server-only'` refuses whatever a browser sends. */
export type OriginRules = 'all' | 'server-only' | readonly string[];

/** What a request says about the page it comes from. */
export interface BrowserFacts {
  /** The `Origin` field, as sent. */
  readonly origin: string | undefined;
  /** The `Referer` field, as sent. */
  readonly referer: string | undefined;
  /** Any `Origin` or `Sec-Fetch-*` field is present. */
  readonly browser: boolean;
}

interface Place {
  readonly scheme: string;
  readonly host: string;
  /** Empty where the scheme has no default and none was given. */
  readonly port: string;
}

const DEFAULT_PORTS = new Map([['http', '80'], ['https', '443']]);

// The serialisation of RFC 6454 §6.2 and no more: no user, no trailing dot, no escapes, no leading zeros in a port.
const LABEL = '[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?';
const AUTHORITY = `(${LABEL}(?:\\.${LABEL})*|\\[[0-9a-f:.]+\\])(?::([1-9]\\d{0,4}))?`;
const ORIGIN = new RegExp(`^([a-z][a-z0-9+.-]*)://${AUTHORITY}$`, 'i');
const REFERER = new RegExp(`^([a-z][a-z0-9+.-]*)://${AUTHORITY}(?:[/?#][\\x21-\\x7e]*)?$`, 'i');
const RULE = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(\*\.)?(\[[\da-f:.]+\]|[^\s:/?#@\\[\]%*]+)(?::([1-9]\d{0,4}))?$/i;

/** A host name has at most 253 characters; the rest is for scheme and port. */
const MAX_ORIGIN = 320;
/** Browsers cut a Referer to its origin beyond 4,096 characters. */
const MAX_REFERER = 8_192;

/**
 * Whether a request may use the key by where its page comes from, or `undefined` for `'all'`. Rules are origins
 * (`https://app.example.com`, `capacitor://localhost`), hosts (`app.example.com`: http or https on any port;
 * `localhost:3000`: on that port) and subdomains at any depth (`*.example.com`, `https://*.example.com`; never
 * `example.com` itself). Throws a `ConfigurationError` (`invalid_origin_rule`) for anything else.
 *
 * `Origin` decides where it is present, else the origin of `Referer`. Neither, or `null`, is refused. A program can
 * send any of them: origin rules keep a key out of other people's pages, not out of other people's programs.
 *
 * @example
 * ```ts
 * const allowed = compileOrigins(['*.example.com'], 'access.origins');
 * allowed?.({ origin: 'https://app.example.com', referer: undefined, browser: true }); // true
 * ```
 */
export function compileOrigins(rules: OriginRules, path: string): ((sender: BrowserFacts) => boolean) | undefined {
  if (rules === 'all') return undefined;
  if (rules === 'server-only') return ({ origin, browser }) => !browser && origin === undefined;
  const known = new Set(rules.map((rule, index) => readRule(rule, `${path}[${String(index)}]`)));
  const wildcards = rules.some((rule) => rule.includes('*'));
  return ({ origin, referer }) => {
    const place = origin === undefined ? readPlace(referer, REFERER, MAX_REFERER) : readPlace(origin, ORIGIN, MAX_ORIGIN);
    return place !== undefined && (holds(known, '', place) || (wildcards && holdsParent(known, place)));
  };
}

/** One key per rule: `scheme://[*.]host[:port]`, the scheme and the port empty where the rule leaves them open. */
function keyOf(scheme: string, host: string, port: string): string {
  return `${scheme}://${host}:${port}`;
}

function holds(known: ReadonlySet<string>, stars: string, { scheme, host, port }: Place): boolean {
  const name = stars + host;
  if (known.has(keyOf(scheme, name, port))) return true;
  return DEFAULT_PORTS.has(scheme) && (known.has(keyOf('', name, '')) || known.has(keyOf('', name, port)));
}

/** Whether a wildcard rule covers one of the host's parents: at most 126 labels, RFC 1035 §2.3.4. */
function holdsParent(known: ReadonlySet<string>, place: Place): boolean {
  for (let dot = place.host.indexOf('.'); dot >= 0; dot = place.host.indexOf('.', dot + 1)) {
    if (holds(known, '*.', { ...place, host: place.host.slice(dot + 1) })) return true;
  }
  return false;
}

function readPlace(text: string | undefined, pattern: RegExp, maximum: number): Place | undefined {
  if (text === undefined || text.length > maximum) return undefined;
  const [, written, host, port] = pattern.exec(text) ?? [];
  if (written === undefined || host === undefined || host.length > 253) return undefined;
  // Not before the pattern has spoken: the lower case of U+212A is `k`.
  const scheme = written.toLowerCase();
  return { scheme, host: host.toLowerCase(), port: port ?? DEFAULT_PORTS.get(scheme) ?? '' };
}

function readRule(rule: string, path: string): string {
  const fail = (message: string): never => {
    throw new ConfigurationError('invalid_origin_rule', path, `'${rule.slice(0, 64)}' ${message}`);
  };
  const [, written, star = '', name, port = ''] = RULE.exec(rule) ?? [];
  if (name === undefined) {
    return fail("is not an origin, a host or '*.domain'; write 'https://app.example.com', 'localhost:3000' or '*.example.com', without path or user");
  }
  const scheme = written?.toLowerCase() ?? '';
  if (scheme === 'ws' || scheme === 'wss') return fail(`can never match: browsers send 'http${scheme.slice(2)}://' there`);
  if (['file', 'data', 'blob'].includes(scheme) || name.toLowerCase() === 'null') return fail("can never match: such pages send 'null'");
  const web = scheme === '' || DEFAULT_PORTS.has(scheme);
  if (star !== '' && !web) return fail('has a wildcard, which only http and https may have');
  if (Number(port) > 65_535) return fail('has a port beyond 65535');
  const host = web ? webHost(name) : name.toLowerCase();
  if (host === undefined || !ORIGIN.test(`x://${host}`) || host.length > 253) return fail('has no valid host name');
  if (star !== '' && /^\[|(?:^|\.)\d+$/.test(host)) return fail('puts a wildcard before an IP address');
  return keyOf(scheme, star + host, port === '' && scheme !== '' ? (DEFAULT_PORTS.get(scheme) ?? '') : port);
}

/** The host as browsers write it: lower case, punycode, canonical IPv6. One that they would rewrite into another IPv4 is refused. */
function webHost(name: string): string | undefined {
  if (!URL.canParse(`http://${name}/`)) return undefined;
  const host = new URL(`http://${name}/`).hostname;
  const isIpv4 = /^\d+\.\d+\.\d+\.\d+$/.test(host);
  return isIpv4 && host !== name ? undefined : host;
}
