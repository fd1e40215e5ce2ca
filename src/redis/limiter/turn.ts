import type { Mixing } from './mixing.js';

/** Something to be asked, whose keys all lie under one hash tag. */
export interface Asking {
  readonly tag: string;
  readonly reject: (error: unknown) => void;
}

export interface TurnSettings<A extends Asking> {
  readonly mixing: Mixing;
  /** Asks, and answers everybody; its rejection is passed on to all. */
  readonly call: (askings: readonly A[]) => Promise<void>;
}

/** Askings of one call. The server works on nothing else meanwhile, and most of what can be shared is shared by so many. */
const MOST = 24;

/**
 * Sends what is asked in one turn of the event loop in as few calls as may be: a call costs both sides more than what it says. What
 * comes while nothing is under way is sent at once, so that a lone request waits for nobody.
 */
export function createTurn<A extends Asking>({ mixing, call }: TurnSettings<A>): (asking: A) => void {
  let waiting: A[] = [];
  let isDue = false;
  let underWay = 0;

  const send = async (askings: readonly A[]): Promise<void> => {
    underWay++;
    try {
      await call(askings);
    } catch (error) {
      const groups = byTag(askings);
      if (groups.length > 1 && mixing.refused(error)) groups.forEach((some) => void send(some));
      else for (const { reject } of askings) reject(error);
    } finally {
      underWay--;
    }
  };
  const flush = (): void => {
    const askings = waiting;
    waiting = [];
    for (const some of mixing.mayMix() ? [askings] : byTag(askings)) void send(some);
  };
  const flushTurn = (): void => {
    isDue = false;
    if (waiting.length > 0) flush();
  };
  return (asking) => {
    waiting.push(asking);
    // A full call goes now: the server works on it while the next is filled.
    if (underWay === 0 || waiting.length === MOST) flush();
    else if (!isDue) {
      isDue = true;
      setImmediate(flushTurn);
    }
  };
}

/** In the order in which they came. */
export function byTag<A extends Pick<Asking, 'tag'>>(askings: readonly A[]): readonly A[][] {
  const groups = new Map<string, A[]>();
  for (const asking of askings) {
    const group = groups.get(asking.tag);
    if (group === undefined) groups.set(asking.tag, [asking]);
    else group.push(asking);
  }
  return [...groups.values()];
}
