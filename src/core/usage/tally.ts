import type { RefusalCode } from '../errors.js';

/** What a minute has seen of one key, since it was last collected. */
export interface Stretch {
  /** Absent: what proved no key. */
  readonly keyId: string | undefined;
  readonly tenantId: string | undefined;
  /** Minutes since 1970. */
  readonly minute: number;
  readonly allowed: number;
  readonly limited: number;
  readonly refused: ReadonlyMap<RefusalCode, number> | undefined;
  /** Of the first allowed request, and of the latest one before it, as far as this process knows. */
  readonly firstAt: number | undefined;
  readonly usedBefore: number | undefined;
  /** Some of the addresses that allowed requests came from, and the one before them that the record names. */
  readonly addresses: readonly string[];
  readonly addressBefore: string | undefined;
}

/** The counter that lies with a key's cached entry: a request adds to it, and does nothing else. */
export interface Tally {
  readonly keyId: string | undefined;
  readonly tenantId: string | undefined;
  minute: number;
  allowed: number;
  limited: number;
  refused: Map<RefusalCode, number> | undefined;
  firstAt: number | undefined;
  usedBefore: number | undefined;
  latestAddress: string | undefined;
  addresses: string[] | undefined;
  addressBefore: string | undefined;
  /** It is among those to be collected. */
  isDirty: boolean;
}

/** So many addresses of one key are noted between two collections. */
const MOST_ADDRESSES = 16;

export function newTally(keyId: string | undefined, tenantId: string | undefined, usedBefore: number | undefined, addressBefore: string | undefined): Tally {
  return {
    keyId, tenantId, minute: -1, allowed: 0, limited: 0, refused: undefined, firstAt: undefined, usedBefore, latestAddress: undefined, addresses: undefined, addressBefore, isDirty: false,
  };
}

export function noteAddress(tally: Tally, ip: string): void {
  tally.latestAddress = ip;
  tally.addresses ??= [];
  if (tally.addresses.length < MOST_ADDRESSES && !tally.addresses.includes(ip)) tally.addresses.push(ip);
}

/** Takes what a tally has counted; it begins anew. */
export function settle(tally: Tally): Stretch {
  const { keyId, tenantId, minute, allowed, limited, refused, firstAt, usedBefore, addresses = [], addressBefore } = tally;
  tally.allowed = 0;
  tally.limited = 0;
  tally.refused = undefined;
  tally.usedBefore = firstAt ?? usedBefore;
  tally.firstAt = undefined;
  tally.addresses = undefined;
  tally.latestAddress = undefined;
  return { keyId, tenantId, minute, allowed, limited, refused, firstAt, usedBefore, addresses, addressBefore };
}
