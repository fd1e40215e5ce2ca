import { createHash } from 'node:crypto';
import type { Redis } from './client.js';

/** A Lua script, run by its digest. All its keys lie in one hash slot. */
export type Script = (redis: Redis, keys: readonly string[], args: readonly string[]) => Promise<unknown>;

/** One round trip; two when the server has lost the script: after its restart, a failover or a SCRIPT FLUSH. */
export function script(source: string): Script {
  const digest = createHash('sha1').update(source).digest('hex');
  return (redis, keys, args) => {
    const first = keys[0] ?? '';
    return redis.send(first, ['EVALSHA', digest, String(keys.length), ...keys, ...args]).then(undefined, (error: unknown) => {
      // Nothing has run, so sending it again counts nothing twice. Any other error may have come after the fact.
      if (error instanceof Error && error.message.startsWith('NOSCRIPT')) return redis.send(first, ['EVAL', source, String(keys.length), ...keys, ...args]);
      throw error;
    });
  };
}
