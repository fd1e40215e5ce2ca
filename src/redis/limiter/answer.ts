import type { Consumption, Lease, LimitState } from '../../core/ports.js';
import type { Request } from './request.js';

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

/** What was asked, as far as the answer is read by it. */
interface Asked {
  readonly request: Request;
  readonly cost: number;
  readonly extra: number;
}

/** The script's answers, one for each request or what went wrong with it; none where all came too late. */
export interface Reply {
  readonly serverNow: number;
  readonly answers: readonly (Answer | Error)[] | undefined;
}

/** Reads what the script said to all requests of a call, or throws: nonsense must never read as a yes. */
export function readReply(reply: unknown, asked: readonly Asked[]): Reply {
  const figures = figuresOf(reply);
  const [serverNow] = figures;
  if (typeof serverNow !== 'number') throw new Error('the server answered without its time');
  if (figures.length === 1) return { serverNow, answers: undefined };
  let begin = 1;
  const answers = asked.map((one) => {
    const what = figures[begin];
    if (typeof what === 'string') {
      begin++;
      return new Error(what);
    }
    const end = endOf(one, what, begin);
    const wait = begin + one.request.figures;
    for (let index = begin; index < end; index++) if (!isFigure(figures[index], index === wait ? -1 : 0)) throw notAnswer();
    const answer = readAnswer(figures as readonly number[], begin, serverNow, one);
    begin = end;
    return answer;
  });
  if (begin !== figures.length) throw notAnswer();
  return { serverNow, answers };
}

const isFigure = (figure: unknown, least: number): boolean => typeof figure === 'number' && figure >= least;

/** Where the figures of a request end that begin with whether it was admitted. */
function endOf({ request, extra }: Asked, what: number | undefined, begin: number): number {
  if (what !== 0 && what !== 1) throw notAnswer();
  const tail = what === 0 ? 1 : extra > 0 ? 1 + request.counted : 0;
  return begin + request.figures + tail;
}

function readAnswer(figures: readonly number[], begin: number, serverNow: number, { request, cost, extra: wanted }: Asked): Answer {
  const admitted = figures[begin] === 1;
  const rest = begin + request.figures;
  const extra = admitted && wanted > 0 ? (figures[rest] ?? 0) : 0;
  const states = request.places.map(({ bucket, rule, at }): LimitState => {
    const before = figures[begin + at] ?? NaN;
    const isWindow = rule.kind === 'window';
    const used = before + (admitted ? (isWindow ? cost + extra : 1) : 0);
    const violated = !admitted && (isWindow ? cost > 0 && before + cost > rule.limit : before >= rule.limit);
    return { bucket, rule, remaining: Math.max(0, rule.limit - used), resetMs: isWindow && used > 0 ? (figures[begin + at + 1] ?? NaN) : 0, violated };
  });
  if (!admitted) return { admitted, serverNow, states, waitMs: waitOf(figures[rest] ?? 0), extra, born: NONE };
  return { admitted, serverNow, states, waitMs: undefined, extra, born: wanted > 0 ? figures.slice(rest + 1, rest + 1 + request.counted) : NONE };
}

export function consumptionOf({ admitted, states, waitMs }: Answer, lease: Lease | undefined): Consumption {
  return admitted ? { outcome: 'admitted', states, lease } : { outcome: 'limited', states, retryAfterMs: waitMs };
}

/** Integers and texts, whichever types the client reads them as. */
function figuresOf(reply: unknown): readonly (number | string)[] {
  if (!Array.isArray(reply)) throw new Error('the server answered with something that is no list');
  for (let index = 0; index < reply.length; index++) {
    let figure: unknown = reply[index];
    if (figure instanceof Uint8Array) reply[index] = figure = Buffer.from(figure).toString();
    if (typeof figure === 'bigint' || (typeof figure === 'string' && /^-?\d+$/.test(figure))) reply[index] = Number(figure);
    if (!Number.isSafeInteger(reply[index]) && typeof reply[index] !== 'string') throw notAnswer();
  }
  return reply as (number | string)[];
}

const notAnswer = (): Error => new Error('the server answered with something that is no answer to what it was asked');

/** The server got a request too late: it has counted nothing. */
export const lateError = (): Error => Object.assign(new Error('the request came to the server too late to be counted'), { code: 'ETIMEDOUT' });
