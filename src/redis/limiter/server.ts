import type { Clock } from '../../core/ports.js';
import type { Redis } from '../client.js';
import { lateError, readReply, type Answer } from './answer.js';
import { consumeScript } from './consume-script.js';
import type { HeldLeases } from './held.js';
import type { Mixing } from './mixing.js';
import { argumentOf, type Request } from './request.js';
import { createTurn } from './turn.js';

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
  readonly mixing: Mixing;
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

/** One request on its way. */
interface Question {
  readonly tag: string;
  readonly request: Request;
  readonly cost: number;
  readonly extra: number;
  readonly lookOnly: boolean;
  readonly member: string | undefined;
  readonly sentAt: number;
  isFirst: boolean;
  readonly resolve: (asked: Asked) => void;
  readonly reject: (error: unknown) => void;
}

export function createLimitServer({ redis, mixing, leases, leaseMs, staleMs, beyondMs, local, time }: LimitServerSettings): LimitServer {
  const ask = consumeScript(leaseMs, beyondMs);
  /** The server's time less the local one, by its last answer. */
  let ahead: number | undefined;

  /**
   * A request that a client has held back, or sends once more after an outage, was answered long ago without the server: it must
   * not be counted there as well. So each call carries the server's time after which nobody waits for it.
   */
  const lateAfter = (sentAt: number, given: string): number => (ahead === undefined || given !== '' ? 0 : Math.ceil(sentAt + ahead + staleMs));

  const settleLate = (question: Question, answeredAt: number): void => {
    // It was not late at all: the clock has been stepped, or this node's is ahead of the others'. Nothing has been counted.
    if (question.isFirst && answeredAt - question.sentAt < staleMs) {
      question.isFirst = false;
      put(question);
    } else question.reject(lateError());
  };

  const call = async (questions: readonly Question[]): Promise<void> => {
    const given = time();
    const sentAt = local.now();
    const keys: string[] = [];
    for (const { request } of questions) keys.push(...request.keys);
    // The first has waited longest.
    const late = lateAfter(questions[0]?.sentAt ?? sentAt, given);
    const { serverNow, answers } = readReply(await ask(redis, keys, [argumentOf(questions, late, given)]), questions);
    if (answers === undefined) {
      const answeredAt = local.now();
      ahead = serverNow - answeredAt;
      for (const question of questions) settleLate(question, answeredAt);
      return;
    }
    ahead = serverNow - sentAt;
    for (const [index, { resolve, reject, member, sentAt: askedAt }] of questions.entries()) {
      const answer = answers[index] as Answer | Error;
      if (answer instanceof Error) reject(answer);
      else resolve({ answer, sentAt: askedAt, member });
    }
  };
  const put = createTurn({ mixing, call });

  const question = (request: Request, cost: number, extra: number, lookOnly: boolean): Promise<Asked> =>
    new Promise((resolve, reject) => {
      const member = request.capKeys.length > 0 && !lookOnly ? leases.name() : undefined;
      put({ tag: request.tag, request, cost, extra, lookOnly, member, sentAt: local.now(), isFirst: true, resolve, reject });
    });
  return {
    consume: (request, cost, extra) => question(request, cost, extra, false),
    peek: (request, cost) => question(request, cost, 0, true),
  };
}
