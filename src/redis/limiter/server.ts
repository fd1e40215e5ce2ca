import type { Clock } from '../../core/ports.js';
import type { Redis } from '../client.js';
import { isLate, readAnswer, type Answer } from './answer.js';
import { consumeScript } from './consume-script.js';
import type { HeldLeases } from './held.js';
import type { Request } from './request.js';

/** The script as the rest of the limiter asks it. */
export interface LimitServer {
  consume(request: Request, cost: number, extra: number): Promise<Asked>;
  peek(request: Request, cost: number): Promise<Asked>;
}

/** What was said, and when it was asked by the local clock. */
export interface Asked {
  readonly answer: Answer;
  readonly sentAt: number;
  /** The lease's name; absent where nothing is capped, and in a look. */
  readonly member: string | undefined;
}

export interface LimitServerSettings {
  readonly redis: Redis;
  readonly leases: HeldLeases;
  readonly leaseMs: number;
  /** How late a request may come to the server and still be counted. */
  readonly staleMs: number;
  readonly beyondMs: number;
  /** Milliseconds that never go back. */
  readonly local: Clock;
  /** The time that is sent to the server; an empty text for its own. */
  readonly time: () => string;
}

export function createLimitServer({ redis, leases, leaseMs, staleMs, beyondMs, local, time }: LimitServerSettings): LimitServer {
  const [lifetime, beyond] = [String(leaseMs), String(beyondMs)];
  /** The server's time less the local one, by its last answer. */
  let ahead: number | undefined;

  /**
   * A request that a client has held back, or sends once more after an outage, was answered long ago without the server: it must
   * not be counted there as well. So each carries the server's time after which nobody waits for it.
   */
  const lateAfter = (sentAt: number, given: string): string => (ahead === undefined || given !== '' ? '0' : String(Math.ceil(sentAt + ahead + staleMs)));

  const ask = (request: Request, cost: number, extra: number, lookOnly: boolean, isFirst = true): Promise<Asked> => {
    const sentAt = local.now();
    const given = time();
    const member = request.capKeys.length > 0 && !lookOnly ? leases.name() : undefined;
    const unusual = lookOnly || extra > 0 || given !== '' ? `${lookOnly ? '1' : '0'} ${String(extra)} ${given}` : '';
    const args = [String(cost), lateAfter(sentAt, given), unusual, beyond, ...request.args];
    if (member !== undefined) args.push(lifetime, member);
    return consumeScript(redis, request.keys, args).then((reply) => {
      try {
        const answer = readAnswer(reply, request, cost, extra > 0);
        ahead = answer.serverNow - sentAt;
        return { answer, sentAt, member };
      } catch (error) {
        if (!isLate(error)) throw error;
        const answeredAt = local.now();
        ahead = error.serverNow - answeredAt;
        // It was not late at all: the clock has been stepped, or this node's is ahead of the others'. Nothing has been counted.
        if (isFirst && answeredAt - sentAt < staleMs) return ask(request, cost, extra, lookOnly, false);
        throw error;
      }
    });
  };
  return {
    consume: (request, cost, extra) => ask(request, cost, extra, false),
    peek: (request, cost) => ask(request, cost, 0, true),
  };
}
