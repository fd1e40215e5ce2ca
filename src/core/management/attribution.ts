import { text } from './draft.js';

/** Who has something done, and from where: kept with events and activity. */
export interface Attribution {
  /** In the host's words: an e-mail address, a user id. 1 to 256 characters. */
  readonly by?: string;
  /** Address of whoever asked for it. */
  readonly ip?: string;
}

export const ATTRIBUTION_NAMES = ['by', 'ip'];

/** The attribution in an operation's options, checked; other fields are left to their readers. */
export function readAttribution({ by, ip }: Attribution): Attribution {
  return {
    ...(by !== undefined && { by: text(by, 'by', 256) }),
    ...(ip !== undefined && { ip: text(ip, 'ip', 64) }),
  };
}
