import { ConfigurationError } from '../errors.js';
import { checkOptions } from '../options.js';
import { text } from './draft.js';

/** Who has something done, and from where: kept with events and activity. */
export interface Attribution {
  /** In the host's words: an e-mail address, a user id. 1 to 256 characters. */
  readonly by?: string;
  /** Address of whoever asked for it. */
  readonly ip?: string;
}

const NAMES = ['by', 'ip'];

/** Who makes a change, and what it may be bound to. */
export interface Guard extends Attribution {
  /** Only while the key has this version: else `version_conflict`. */
  readonly version?: number;
}

/** The attribution in an operation's options, which may hold `others` beside it and nothing else. */
export function readAttribution(options: Attribution, path: string, others: readonly string[] = []): Attribution {
  const { by, ip } = checkOptions(options, path, [...others, ...NAMES]);
  return {
    ...(by !== undefined && { by: text(by, `${path}.by`, 256) }),
    ...(ip !== undefined && { ip: text(ip, `${path}.ip`, 64) }),
  };
}

/** The same with the version that the key must have. */
export function readGuard(options: Guard, path: string, others: readonly string[] = []): Guard {
  const attribution = readAttribution(options, path, ['version', ...others]);
  const { version } = options;
  if (version === undefined) return attribution;
  if (Number.isSafeInteger(version)) return { ...attribution, version };
  throw new ConfigurationError('invalid_option', `${path}.version`, 'must be the version of a key, a whole number');
}
