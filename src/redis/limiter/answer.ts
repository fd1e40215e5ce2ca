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

const TOO_LATE = 2;
const NONE: readonly number[] = Object.freeze([]);

const waitOf = (figure: number): number | undefined => (figure < 0 ? undefined : figure);

/** Reads the script's answer, or throws: nonsense must never read as a yes. */
export function readAnswer(reply: unknown, request: Request, cost: number, wantsExtra: boolean): Answer {
  const figures = figuresOf(reply);
  const [what, serverNow = NaN] = figures;
  if (what === TOO_LATE) throw lateError(serverNow);
  const admitted = what === 1;
  const rest = HEAD + 2 * request.windows.length + request.capKeys.length;
  const tail = admitted ? (wantsExtra ? 1 + Number(request.args[0]) : 0) : 1;
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
export interface LateError extends Error {
  readonly serverNow: number;
}

const lateError = (serverNow: number): LateError => Object.assign(new Error('the request came to the server too late to be counted'), { code: 'ETIMEDOUT', serverNow });

export const isLate = (error: unknown): error is LateError => error instanceof Error && 'serverNow' in error;
