import type { Awaitable, Clock, Consumption, LimitBucket, LimitState } from '../../core/ports.js';
import type { Redis } from '../client.js';
import { consumptionOf } from './answer.js';
import { giveBackScript } from './give-back-script.js';
import { isFixed, isFor, keep, nameOf, retold } from './lists.js';
import type { Request } from './request.js';
import type { Asked, LimitServer } from './server.js';

/** Settings of the local lease. */
export interface LocalLeaseOptions {
  /** Greatest part of a limit that one process may hold at a time, above 0 and at most 1. Default: 0.1. */
  readonly share?: number;
}

/** Units of hot buckets, spent on the server in advance and given out here. */
export interface Accounts {
  /** Gives a unit out, asks for more, or `undefined` where nothing may be leased. */
  consume(buckets: readonly LimitBucket[], cost: number): Awaitable<Consumption> | undefined;
  forget(bucketId: string): void;
}

export interface AccountSettings extends Required<LocalLeaseOptions> {
  readonly redis: Redis;
  readonly server: LimitServer;
  readonly requestOf: (buckets: readonly LimitBucket[]) => Request;
  readonly local: Clock;
  /** Told of every answer. */
  readonly note: (buckets: readonly LimitBucket[], cost: number, asked: Asked) => void;
}

interface Account {
  /** The list that was last known to be this account's, if nobody can change it. */
  buckets: readonly LimitBucket[] | undefined;
  request: Request;
  states: readonly LimitState[];
  /** Units in hand. */
  left: number;
  /** Local time after which they may not be given out. */
  until: number;
  notedAt: number;
  /** The server's time when they were spent, and when its buckets had begun. */
  spentAt: number;
  born: readonly number[];
  /** Trips since the sub-window began, and units to ask for at the next. */
  trips: number;
  slice: number;
  waiting: number;
  pending: { readonly cost: number; readonly answer: Promise<Consumption> } | undefined;
}

export const noAccounts: Accounts = { consume: () => undefined, forget: () => undefined };

/** Limits up to this keep exact times, which leave no room for units that are given out later. */
const EXACT_LIMIT = 60;
/** A bucket is hot when so many trips fall into one sub-window. */
const HOT_TRIPS = 4;
const MOST_ACCOUNTS = 1_000;
const SWEEP_MS = 1_000;

/**
 * A ring counts a sub-window in full until its very end has left the window. So units that are spent in a sub-window in advance may be
 * given out until that sub-window ends, and the promise holds for the moment at which each is given out. What is left then goes back.
 */
export function createAccounts({ redis, server, requestOf, local, share, note }: AccountSettings): Accounts {
  const accounts = new Map<string, Account>();
  let timer: NodeJS.Timeout | undefined;

  const giveBack = (account: Account): void => {
    const { left, request, born, spentAt } = account;
    account.left = 0;
    if (left === 0) return;
    const bucketKeys = [...new Set(request.windows.map(({ key }) => key))];
    const pairs = request.windows.flatMap(({ key, windowMs }) => [String(born[bucketKeys.indexOf(key)]), String(windowMs)]);
    // Units that do not arrive are lost until they expire; nobody waits for them.
    giveBackScript(redis, request.windows.map(({ key }) => key), [String(spentAt), String(left), ...pairs]).catch(() => undefined);
  };
  const sweep = (): void => {
    const now = local.now();
    for (const [name, account] of accounts) {
      if (now < account.until || account.pending !== undefined) continue;
      giveBack(account);
      if (now > account.until + SWEEP_MS) accounts.delete(name);
    }
    if (accounts.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };

  const give = (account: Account, buckets: readonly LimitBucket[], cost: number, now: number): Consumption | undefined => {
    if (account.left < cost || !(now < account.until)) return undefined;
    account.left -= cost;
    return { outcome: 'admitted', states: retold(account.states, buckets, now - account.notedAt, account.left), lease: undefined };
  };

  const fetch = async (account: Account, buckets: readonly LimitBucket[], cost: number, extra: number): Promise<Consumption> => {
    // Too little, or too late to be given out. Sent ahead, it is counted in the answer.
    giveBack(account);
    const asked = await server.consume(account.request, cost, extra);
    note(buckets, cost, asked);
    const { answer, sentAt } = asked;
    if (!answer.admitted) account.slice = Math.floor(account.slice / 2);
    else if (extra > 0 || account.left === 0) {
      giveBack(account);
      const until = sentAt + restOf(account.request, answer.serverNow);
      Object.assign(account, { states: answer.states, left: answer.extra, until, notedAt: local.now(), spentAt: answer.serverNow, born: answer.born });
    }
    return consumptionOf({ ...answer, states: retold(answer.states, buckets, 0, answer.extra) }, undefined);
  };

  const grow = (account: Account, buckets: readonly LimitBucket[], now: number): number => {
    if (now < account.until) account.trips++;
    else {
      account.trips = 1;
      account.slice = Math.floor(account.slice / 2);
    }
    if (account.trips < HOT_TRIPS && account.slice === 0) return 0;
    const least = Math.min(...buckets.flatMap(({ rules }) => rules.map(({ limit }) => limit)));
    account.slice = Math.min(Math.floor(least * share), Math.max(2 * account.slice, account.waiting, 2 * HOT_TRIPS));
    return account.slice;
  };

  const accountOf = (name: string, buckets: readonly LimitBucket[]): Account => {
    const known = accounts.get(name);
    if (known !== undefined && isFor(known.states, buckets)) {
      known.buckets = isFixed(buckets) ? buckets : undefined;
      return known;
    }
    if (known !== undefined) giveBack(known);
    const request = requestOf(buckets);
    const states = request.places.map(({ bucket, rule }) => ({ bucket, rule, remaining: 0, resetMs: 0, violated: false }));
    const account: Account = { buckets: isFixed(buckets) ? buckets : undefined, request, states, left: 0, until: 0, notedAt: 0, spentAt: 0, born: [], trips: 0, slice: 0, waiting: 0, pending: undefined };
    const dropped = keep(accounts, name, account, MOST_ACCOUNTS);
    if (dropped !== undefined) giveBack(dropped);
    timer ??= setInterval(sweep, SWEEP_MS).unref();
    return account;
  };

  const take = (account: Account, buckets: readonly LimitBucket[], cost: number): Awaitable<Consumption> => {
    const now = local.now();
    const given = give(account, buckets, cost, now);
    if (given !== undefined) return given;
    if (account.pending !== undefined) return wait(account, account.pending, buckets, cost);
    const extra = grow(account, buckets, now);
    const answer = fetch(account, buckets, cost, extra);
    // Only a hot bucket is worth waiting for: others go side by side.
    if (extra === 0) return answer;
    account.pending = { cost, answer };
    const over = (): void => void (account.pending = undefined);
    answer.then(over, over);
    return answer;
  };

  /** One trip for all who come meanwhile: what fails it fails them too, and what refuses it refuses those who want as much. */
  const wait = async (account: Account, { cost: asked, answer }: NonNullable<Account['pending']>, buckets: readonly LimitBucket[], cost: number): Promise<Consumption> => {
    account.waiting++;
    try {
      const met = await answer;
      if (met.outcome === 'limited' && cost === asked) return { ...met, states: retold(met.states, buckets, 0, 0) };
    } finally {
      account.waiting--;
    }
    return take(account, buckets, cost);
  };

  return {
    consume(buckets, cost) {
      if (cost === 0) return undefined;
      const name = nameOf(buckets);
      const known = accounts.get(name);
      if (known?.buckets === buckets) return take(known, buckets, cost);
      return mayLease(buckets) ? take(accountOf(name, buckets), buckets, cost) : undefined;
    },
    forget(bucketId) {
      for (const [name, { states }] of accounts) if (states.some(({ bucket }) => bucket.id === bucketId)) accounts.delete(name);
    },
  };
}

/** Milliseconds to the end of the first sub-window that ends. */
function restOf({ windows }: Request, serverNow: number): number {
  return Math.min(...windows.map(({ windowMs }) => Math.ceil(((Math.floor((serverNow * 60) / windowMs) + 1) * windowMs) / 60) - serverNow));
}

function mayLease(buckets: readonly LimitBucket[]): boolean {
  let any = false;
  for (const { rules } of buckets) {
    for (const rule of rules) {
      if (rule.kind !== 'window' || rule.limit <= EXACT_LIMIT) return false;
      any = true;
    }
  }
  return any;
}
