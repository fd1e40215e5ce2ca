import { ConfigurationError, type ConfigurationCode } from '../errors.js';
import { checkOptions, isPlainObject } from '../options.js';
import { compileEndpoints, type EndpointRules } from './endpoints.js';
import { compileIps, type IpRules } from './ips.js';
import { compileOrigins, type BrowserFacts, type OriginRules } from './origins.js';

export type { BrowserFacts, EndpointRules, IpRules, OriginRules };

/** Restrictions of one key. An absent one means unrestricted; an empty allow-list allows nothing. */
export interface AccessRules {
  readonly endpoints?: EndpointRules;
  readonly ips?: IpRules;
  readonly origins?: OriginRules;
  /** Whether the key may open WebSockets and event streams. Default: `true`. */
  readonly realtime?: boolean;
}

/** The rules of a key, ready to be asked. A member is `undefined` where nothing is restricted; none of them throws. */
export interface CompiledAccess {
  readonly ips: ((address: string | undefined) => boolean) | undefined;
  readonly origins: ((sender: BrowserFacts) => boolean) | undefined;
  /** Asked with the method and the whole, unmounted request target. */
  readonly endpoints: ((method: string | undefined, target: string | undefined) => boolean) | undefined;
  readonly realtime: boolean;
}

const MAX_RULES = 1_000;
const MAX_RULE_LENGTH = 512;

/**
 * A deep-frozen copy of access rules that may come from anywhere: a JSON body, a dashboard, a stored record. A list has
 * at most 1,000 rules of at most 512 characters. Throws a `ConfigurationError` that names the place
 * (`access.ips.allow[2]`): `unknown_option`, `invalid_option`, `invalid_ip_rule`, `invalid_origin_rule` or
 * `invalid_endpoint_rule`.
 *
 * @example
 * ```ts
 * const access = checkAccess({ ips: { allow: ['203.0.113.0/24'] }, endpoints: { deny: ['/admin/*rest'] } }, 'access');
 * ```
 */
export function checkAccess(input: unknown, path: string): AccessRules {
  const rules = copyRules(input, path);
  compile(rules, path);
  return rules;
}

/** Prepares the rules of a record, once, when it is loaded. Throws like {@link checkAccess}: a record that cannot be read must not let anybody in. */
export function compileAccess(rules: AccessRules | undefined): CompiledAccess {
  return compile(rules === undefined ? {} : copyRules(rules, 'access'), 'access');
}

function compile(rules: AccessRules, path: string): CompiledAccess {
  return {
    ips: rules.ips && compileIps(rules.ips, `${path}.ips`),
    origins: rules.origins && compileOrigins(rules.origins, `${path}.origins`),
    endpoints: rules.endpoints && compileEndpoints(rules.endpoints, `${path}.endpoints`),
    realtime: rules.realtime ?? true,
  };
}

/** Checks everything but the rules' own syntax. Each value is read once: what is checked is what is kept. */
function copyRules(input: unknown, path: string): AccessRules {
  const { endpoints, ips, origins, realtime } = checkOptions(input, path, ['endpoints', 'ips', 'origins', 'realtime']);
  if (realtime !== undefined && typeof realtime !== 'boolean') throw new ConfigurationError('invalid_option', `${path}.realtime`, 'must be true or false');
  return Object.freeze({
    ...(endpoints !== undefined && { endpoints: copyEndpoints(endpoints, `${path}.endpoints`) }),
    ...(ips !== undefined && { ips: copyLists(ips, `${path}.ips`, 'invalid_ip_rule') }),
    ...(origins !== undefined && { origins: copyOrigins(origins, `${path}.origins`) }),
    ...(realtime !== undefined && { realtime }),
  });
}

function copyEndpoints(value: unknown, path: string): EndpointRules {
  if (value === 'all' || value === 'none') return value;
  if (!isPlainObject(value)) throw new ConfigurationError('invalid_option', path, "must be 'all', 'none', { allow: [...] } or { deny: [...] }");
  const lists = copyLists(value, path, 'invalid_endpoint_rule');
  if ((lists.allow === undefined) === (lists.deny === undefined)) {
    throw new ConfigurationError('invalid_option', path, "must have either 'allow' or 'deny'");
  }
  return lists as EndpointRules;
}

function copyOrigins(value: unknown, path: string): OriginRules {
  if (value === 'all' || value === 'server-only') return value;
  if (typeof value === 'string') throw new ConfigurationError('invalid_option', path, "must be 'all', 'server-only' or a list of origins and hosts");
  return copyList(value, path, 'invalid_origin_rule');
}

function copyLists(value: unknown, path: string, code: ConfigurationCode): IpRules {
  const { allow, deny } = checkOptions(value, path, ['allow', 'deny']);
  return Object.freeze({
    ...(allow !== undefined && { allow: copyList(allow, `${path}.allow`, code) }),
    ...(deny !== undefined && { deny: copyList(deny, `${path}.deny`, code) }),
  });
}

function copyList(value: unknown, path: string, code: ConfigurationCode): readonly string[] {
  if (!Array.isArray(value)) throw new ConfigurationError('invalid_option', path, 'must be a list of strings');
  if (value.length > MAX_RULES) throw new ConfigurationError('invalid_option', path, `at most ${String(MAX_RULES)} rules`);
  const list = Array.from(value as readonly unknown[], (rule, index) => {
    if (typeof rule === 'string' && rule.length > 0 && rule.length <= MAX_RULE_LENGTH) return rule;
    throw new ConfigurationError(code, `${path}[${String(index)}]`, `must be a string of 1 to ${String(MAX_RULE_LENGTH)} characters`);
  });
  return Object.freeze(list);
}
