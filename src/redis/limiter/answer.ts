import type { Consumption, Lease, LimitState } from '../../core/ports.js';
import { HEAD, type Request } from './request.js';

/** What the script has said. */
export interface Answer {
  readonly admitted: boolean;
  /** The server's time, epoch milliseconds. */
  readonly serverNow: number;
  /** Milliseconds; `undefined` when no wait helps. */
  readonly waitMs: number | undefined;
  readonly extra: number;
  readonly states: readonly LimitState[];
  /** When each bucket's count was begun. */
  readonly born: readonly number[];
}

const NONE: readonly number[] = Object.freeze([]);

const waitOf = (figure: number): number | undefined => (figure < 0 ? undefined : figure);

/** The script's answers, one for each request; none where it came too late. */
export interface Reply {
  readonly serverNow: number;
  readonly answers: readonly unknown[] | undefined;
}

/** Reads what the script said to all requests of a call, or throws: nonsense must never read as a yes. */
export function readReply(reply: unknown, count: number): Reply {
  const [time, ...answers] = Array.isArray(reply) ? (reply as unknown[]) : [];
  const [serverNow = NaN] = figuresOf([time]);
  if (answers.length !== count && answers.length !== 0) throw new Error('the server answered to other requests than it was asked');
  return { serverNow, answers: answers.length === 0 ? undefined : answers };
}

/** Reads what the script said to one request, or throws. */
export function readAnswer(said: unknown, serverNow: number, request: Request, cost: number, wantsExtra: boolean): Answer {
  if (typeof said === 'string') throw new Error(said);
  const figures = figuresOf(said);
  const [what] = figures;
  const admitted = what === 1;
  const rest = HEAD + 2 * request.windows.length + request.capKeys.length;
  const tail = admitted ? (wantsExtra ? 1 + Number(request.rules[0]) : 0) : 1;
  if (!(admitted || what === 0) || figures.length !== rest + tail) throw new Error('the server answered with something that is no consumption');

  const extra = admitted && wantsExtra ? (figures[rest] ?? 0) : 0;
  const states = request.places.map(({ bucket, rule, at }): LimitState => {
    const before = figures[at] ?? NaN;
    const isWindow = rule.kind === 'window';
    const used = before + (admitted ? (isWindow ? cost + extra : 1) : 0);
    const violated = !admitted && (isWindow ? cost > 0 && before + cost > rule.limit : before >= rule.limit);
    return { bucket, rule, remaining: Math.max(0, rule.limit - used), resetMs: isWindow && used > 0 ? (figures[at + 1] ?? NaN) : 0, violated };
  });
  if (!admitted) return { admitted, serverNow, states, waitMs: waitOf(figures[rest] ?? 0), extra, born: NONE };
  return { admitted, serverNow, states, waitMs: undefined, extra, born: wantsExtra ? figures.slice(rest + 1) : NONE };
}

export function consumptionOf({ admitted, states, waitMs }: Answer, lease: Lease | undefined): Consumption {
  return admitted ? { outcome: 'admitted', states, lease } : { outcome: 'limited', states, retryAfterMs: waitMs };
}

/** Integers, whichever type the client reads them as. */
function figuresOf(reply: unknown): readonly number[] {
  if (!Array.isArray(reply)) throw new Error('the server answered with something that is no list');
  for (let index = 0; index < reply.length; index++) {
    const figure: unknown = reply[index];
    if (typeof figure === 'string' || typeof figure === 'bigint') reply[index] = Number(figure);
    if (!Number.isSafeInteger(reply[index])) throw new Error('the server answered with something that is no number');
  }
  return reply as number[];
}

/** The server got a request too late: it has counted nothing. */
export const lateError = (): Error => Object.assign(new Error('the request came to the server too late to be counted'), { code: 'ETIMEDOUT' });
