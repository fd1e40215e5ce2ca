import ipaddr from 'ipaddr.js';
import { isIP } from 'node:net';
import { ConfigurationError } from '../errors.js';
import { readAddress, readIpv4 } from './address.js';

/** Addresses and CIDR ranges; with both lists, an address must be allowed and not denied. */
export interface IpRules {
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
}

/** First and last address of a range, as `readAddress` writes them. */
type Range = readonly [first: string, last: string];

/**
 * Whether a client address may use the key, or `undefined` when the rules restrict nothing. Deny wins over allow; an
 * absent or unreadable address is refused. Throws a `ConfigurationError` (`invalid_ip_rule`) for a rule that is not
 * exactly one address or network.
 *
 * @example
 * ```ts
 * const allowed = compileIps({ allow: ['203.0.113.0/24', '2001:db8::/32'] }, 'access.ips');
 * allowed?.('::ffff:203.0.113.9'); // true: IPv4-mapped IPv6 is its IPv4
 * ```
 */
export function compileIps(rules: IpRules, path: string): ((address: string | undefined) => boolean) | undefined {
  const allow = rules.allow && compileRanges(rules.allow, `${path}.allow`);
  const deny = rules.deny && rules.deny.length > 0 ? compileRanges(rules.deny, `${path}.deny`) : undefined;
  if (allow === undefined && deny === undefined) return undefined;
  // A key is mostly used from one machine: its last address costs one comparison of strings.
  let last: string | undefined;
  let verdict = false;
  return (address) => {
    if (address === undefined || address === last) return address !== undefined && verdict;
    const key = readAddress(address);
    if (key === undefined) return false;
    last = address;
    verdict = deny?.(key) !== true && (allow === undefined || allow(key));
    return verdict;
  };
}

/**
 * The name under which a client is counted: an IPv4 address, or the /56 network of an IPv6 one (`2001:db8:0:ff00::/56`),
 * since a household or a rented machine holds at least that much. `undefined` for what is not an address.
 */
export function limitAddress(address: string | undefined): string | undefined {
  if (address === undefined || readIpv4(address) >= 0) return address;
  const key = readAddress(address);
  if (key === undefined) return undefined;
  if (key.length === 2) return textOf(key);
  let text = '';
  let zeros = '';
  // The longest run of zeros is the one at the end, which RFC 5952 §4.2.3 shortens; ipaddr.js takes 3 µs to find it.
  for (let index = 0; index < 4; index++) {
    const unit = key.charCodeAt(index) & (index === 3 ? 0xff00 : 0xffff);
    if (unit === 0) zeros += '0:';
    else {
      text += `${zeros}${unit.toString(16)}:`;
      zeros = '';
    }
  }
  return `${text === '' ? ':' : text}:/56`;
}

/** Membership in any of the rules: sorted disjoint ranges and a binary search, ten steps for a thousand rules. */
function compileRanges(rules: readonly string[], path: string): (key: string) => boolean {
  const ranges = rules.map((rule, index) => readRange(rule, `${path}[${String(index)}]`));
  const ipv4 = merge(ranges.filter(([first]) => first.length === 2));
  const ipv6 = merge(ranges.filter(([first]) => first.length === 8));
  return (key) => contains(key.length === 2 ? ipv4 : ipv6, key);
}

function merge(ranges: Range[]): Range[] {
  const merged: Range[] = [];
  for (const range of ranges.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))) {
    const previous = merged.at(-1);
    if (previous === undefined || range[0] > previous[1]) merged.push(range);
    else if (range[1] > previous[1]) merged[merged.length - 1] = [previous[0], range[1]];
  }
  return merged;
}

function contains(ranges: readonly Range[], key: string): boolean {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const range = ranges[middle];
    if (range === undefined || key < range[0]) high = middle;
    else if (key > range[1]) low = middle + 1;
    else return true;
  }
  return false;
}

/** Reads `address` or `address/prefix`. What parsers disagree about is refused, not guessed at. */
function readRange(rule: string, path: string): Range {
  const fail = (message: string): never => {
    throw new ConfigurationError('invalid_ip_rule', path, `'${rule.slice(0, 64)}' ${message}`);
  };
  const slash = rule.indexOf('/');
  const address = slash < 0 ? rule : rule.slice(0, slash);
  const family = isIP(address);
  const key = address.includes('%') ? fail('names a zone; rules hold addresses without one') : readAddress(address);
  if (family === 0 || key === undefined) {
    return fail('is not an IPv4 or IPv6 address or CIDR range; write all four parts of an IPv4 address, without leading zeros');
  }
  const mapped = family === 6 && key.length === 2;
  if (family === 6 && !mapped && address.includes('.')) return fail(`mixes notations; write '${textOf(key)}', or the IPv4 address alone`);
  if (slash < 0) return [key, key];
  const digits = rule.slice(slash + 1);
  const width = family === 4 ? 32 : 128;
  if (!/^(?:0|[1-9]\d{0,2})$/.test(digits) || Number(digits) > width) return fail(`needs a prefix length from 0 to ${String(width)} after the slash`);
  const prefix = Number(digits) - (mapped ? 96 : 0);
  if (prefix < 0) return fail('is an IPv4-mapped range wider than IPv4; use a prefix of at least 96, or the IPv4 range');
  const [first, last] = network(key, prefix);
  if (first !== key) return fail(`has bits set beyond its prefix; the network is '${textOf(first)}/${String(prefix)}'`);
  return [first, last];
}

/** The first and last address that share the leading `prefix` bits of one. */
function network(key: string, prefix: number): Range {
  let first = '';
  let last = '';
  for (let index = 0; index < key.length; index++) {
    const free = 0xffff >>> Math.min(16, Math.max(0, prefix - index * 16));
    const unit = key.charCodeAt(index);
    first += String.fromCharCode(unit & ~free);
    last += String.fromCharCode(unit | free);
  }
  return [first, last];
}

/** The canonical text of an address (RFC 5952). */
function textOf(key: string): string {
  const [high, low] = [key.charCodeAt(0), key.charCodeAt(1)];
  if (key.length === 2) return `${String(high >>> 8)}.${String(high & 0xff)}.${String(low >>> 8)}.${String(low & 0xff)}`;
  return new ipaddr.IPv6(Array.from({ length: key.length }, (_, index) => key.charCodeAt(index))).toRFC5952String();
}
