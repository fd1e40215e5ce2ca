import { randomBytes } from 'node:crypto';
import type { Lease } from '../../core/ports.js';
import type { Redis } from '../client.js';
import { script } from '../script.js';
import type { Mixing } from './mixing.js';
import type { Request } from './request.js';
import { byTag, createTurn, type Asking } from './turn.js';

/** A lease as its holder has it: its name, and the keys of the caps under which it counts, all in one hash slot. */
interface HeldLease extends Lease {
  readonly tag: string;
  readonly member: string;
  readonly keys: readonly string[];
}

/** Leases of one script call: enough to be few calls, few enough to hold nobody up. */
const PER_CALL = 200;

/**
 * KEYS: caps. ARGV: the time ('' for the server's), lifetime in ms, ms that keys live beyond their use; then pairs of a key's number
 * and a lease. What has expired stays so, and no lease is shortened, whatever the clock says.
 */
const renewScript = script(`
local time = redis.call('TIME')
local now = ARGV[1] == '' and time[1] * 1000 + math.floor(time[2] / 1000) or tonumber(ARGV[1])
local leaseMs, beyond = tonumber(ARGV[2]), tonumber(ARGV[3])
for index = 4, #ARGV, 2 do
  local key = KEYS[tonumber(ARGV[index])]
  local due = tonumber(redis.call('ZSCORE', key, ARGV[index + 1]) or 0)
  if due > now then
    if due < now + leaseMs then redis.call('ZADD', key, string.format('%.0f', now + leaseMs), ARGV[index + 1]) end
    if redis.call('PTTL', key) < leaseMs + beyond then
      redis.call('PEXPIRE', key, 2 * leaseMs + beyond)
      redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.0f', now))
    end
  end
end
return 0
`);

/** KEYS: caps. ARGV: of each the lease that ends. A key that holds something else holds up nobody else's lease. */
const releaseScript = script(`
local failed, answer = 0, 0
for index, key in ipairs(KEYS) do
  answer = redis.pcall('ZREM', key, ARGV[index])
  if type(answer) == 'table' then failed = failed + 1 end
end
return failed == #KEYS and answer or 0
`);

/** A lease to be given back, and those who want to know. */
interface Ending extends Asking {
  readonly lease: HeldLease;
  readonly resolve: () => void;
}

export interface HeldLeases {
  /** The name of the next lease. */
  name(): string;
  make(member: string, request: Request): Lease;
  renew(leases: readonly Lease[]): Promise<void>;
  release(lease: Lease): Promise<void>;
}

export interface HeldSettings {
  readonly redis: Redis;
  readonly mixing: Mixing;
  readonly leaseMs: number;
  readonly beyondMs: number;
  /** The time that is sent to the server; an empty text for its own. */
  readonly time: () => string;
}

export function createHeldLeases({ redis, mixing, leaseMs, beyondMs, time }: HeldSettings): HeldLeases {
  // Another process's leases, and those of a limiter that stands in for this one, are strangers here.
  const origin = randomBytes(6).toString('base64url');
  let count = 0;
  const isOwn = (lease: Lease): lease is HeldLease => (lease as Partial<HeldLease>).member?.startsWith(`${origin}:`) === true;

  const renewSome = async (leases: readonly HeldLease[]): Promise<void> => {
    const keys = [...new Set(leases.flatMap((lease) => lease.keys))];
    const pairs = leases.flatMap(({ member, keys: own }) => own.flatMap((key) => [String(keys.indexOf(key) + 1), member]));
    await renewScript(redis, keys, [time(), String(leaseMs), String(beyondMs), ...pairs]);
  };
  const sendEnds = (endings: readonly Ending[]): Promise<unknown> => {
    const keys: string[] = [];
    const members: string[] = [];
    for (const { lease } of endings) {
      for (const key of lease.keys) {
        keys.push(key);
        members.push(lease.member);
      }
    }
    const [key = ''] = keys;
    // A plain command costs the server a third of a script.
    return keys.length === 1 ? redis.send(key, ['ZREM', key, ...members]) : releaseScript(redis, keys, members);
  };
  const end = createTurn<Ending>({
    mixing,
    async call(endings) {
      await sendEnds(endings);
      for (const { resolve } of endings) resolve();
    },
  });
  return {
    name: () => `${origin}:${(count++).toString(36)}`,
    make: (member, { tag, capKeys }): HeldLease => ({ ttlMs: leaseMs, tag, member, keys: capKeys }),
    async renew(leases) {
      const calls = byTag(leases.filter(isOwn)).flatMap((some) => Array.from({ length: Math.ceil(some.length / PER_CALL) }, (_, index) => some.slice(index * PER_CALL, (index + 1) * PER_CALL)));
      await Promise.all(calls.map(renewSome));
    },
    release: (lease) =>
      new Promise((resolve, reject) => {
        if (isOwn(lease)) end({ tag: lease.tag, lease, resolve, reject });
        else resolve();
      }),
  };
}
