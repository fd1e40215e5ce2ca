import type { Clock } from '../../core/ports.js';
import type { Redis } from '../client.js';

/** Whether one call may be about keys of several hash tags, which a cluster refuses, and a proxy that shards would send astray. */
export interface Mixing {
  mayMix(): boolean;
  /** Whether this is the server's refusal to mix: nothing has run, and tags are not mixed again. */
  refused(error: unknown): boolean;
}

/** Until the server could be asked, it is not asked more often than this. */
const AGAIN_MS = 60_000;

/**
 * Asks the server once what it is. Only one that calls itself standalone keeps all keys in one place; nothing else is taken for a yes:
 * not a proxy's answer, and not that of a server that refuses INFO.
 */
export function createMixing(redis: Redis, local: Clock): Mixing {
  let isStandalone: boolean | undefined;
  let askAt = -Infinity;

  const ask = (): void => {
    askAt = local.now() + AGAIN_MS;
    redis.send('', ['INFO', 'server']).then(
      (text) => void (isStandalone ??= typeof text === 'string' && /^(?:redis|server)_mode:standalone\r?$/m.test(text)),
      () => undefined,
    );
  };
  return {
    mayMix() {
      if (isStandalone === undefined && local.now() >= askAt) ask();
      return isStandalone === true;
    },
    refused(error) {
      if (!(error instanceof Error && error.message.startsWith('CROSSSLOT'))) return false;
      // Of several calls under way, each is refused.
      isStandalone = false;
      return true;
    },
  };
}
