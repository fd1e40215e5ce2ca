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

/** The attribution in an operation's options, which may hold `others` beside it and nothing else. */
export function readAttribution(options: Attribution, path: string, others: readonly string[] = []): Attribution {
  const { by, ip } = checkOptions(options, path, [...others, ...NAMES]);
  return {
    ...(by !== undefined && { by: text(by, `${path}.by`, 256) }),
    ...(ip !== undefined && { ip: text(ip, `${path}.ip`, 64) }),
  };
}
