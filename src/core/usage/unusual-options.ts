import { ConfigurationError } from '../errors.js';
import { checkOptions } from '../options.js';

const DAY = 86_400_000;

/** What counts as unusual use of a key. 0 turns one of them off. */
export interface UnusualOptions {
  /** So many addresses of a key are known, the latest ones (IPv6 by its /56 network), up to 64; use from any other is pointed out. Default: 16. */
  readonly addresses?: number;
  /** So many times the requests of the busiest minute of late. Default: 10. */
  readonly burst?: number;
  /** Fewer requests a minute are no burst. Default: 100. */
  readonly burstFrom?: number;
  /** So many refusals in a minute, those by the key's limits apart. Default: 50. */
  readonly refusals?: number;
  /** Use after so long without any, in milliseconds. Default: 30 days. */
  readonly silence?: number;
}

export type Unusual = Required<UnusualOptions>;

const DEFAULTS: Unusual = { addresses: 16, burst: 10, burstFrom: 100, refusals: 50, silence: 30 * DAY };
const MOST: Unusual = { addresses: 64, burst: 1_000_000, burstFrom: 1_000_000_000, refusals: 1_000_000_000, silence: 36_600 * DAY };

/** `false`: nothing is. */
export function resolveUnusual(value: unknown, path: string): Unusual | false {
  if (value === false) return false;
  const given = checkOptions(value === undefined ? {} : value, path, Object.keys(DEFAULTS));
  const whole = (name: keyof Unusual): number => {
    const number = given[name] ?? DEFAULTS[name];
    if (typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 && number <= MOST[name]) return number;
    throw new ConfigurationError('invalid_option', `${path}.${name}`, `must be a whole number from 0 to ${String(MOST[name])}`);
  };
  return { addresses: whole('addresses'), burst: whole('burst'), burstFrom: whole('burstFrom'), refusals: whole('refusals'), silence: whole('silence') };
}
