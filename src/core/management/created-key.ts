import { inspect } from 'node:util';
import type { ApiKey } from '../record.js';

/** A new key: the only place where the plaintext ever stands. Show it once, then forget it. */
export interface CreatedKey {
  /** The plaintext key. `console.log` and `util.inspect` of this object show it masked; JSON carries it, to be sent to its owner. */
  readonly key: string;
  readonly apiKey: ApiKey;
}

/** Logging the whole result is an easy slip, so inspection shows the masked key. */
export function createdKey<About extends Pick<CreatedKey, 'apiKey'>>(key: string, about: About): About & CreatedKey {
  return Object.defineProperty({ key, ...about }, inspect.custom, { value: () => ({ key: about.apiKey.masked, ...about }) });
}
