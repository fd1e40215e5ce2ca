import { storeUnavailable } from '../errors.js';
import { guarded } from '../guarded-store.js';
import type { TopQuery, UsageBatch, UsageMeter, UsageOfKey, UsagePoint, UsageQuery } from '../observing.js';
import type { Awaitable } from '../ports.js';

/** A meter whose every call has a deadline and whose answers are checked for their shape. */
export interface GuardedMeter {
  add(batch: UsageBatch): Awaitable<void>;
  read(query: UsageQuery): Awaitable<readonly UsagePoint[]>;
  top(query: TopQuery): Awaitable<readonly UsageOfKey[]>;
}

export function guardMeter(meter: UsageMeter, deadlineMs: number): GuardedMeter {
  return {
    add: (batch) => guarded(() => meter.add(batch), () => undefined, 'usage.add', deadlineMs),
    read: (query) => guarded(() => meter.read(query), (answer) => listOf(answer, isPoint), 'usage.read', deadlineMs),
    top: (query) => guarded(() => meter.top(query), (answer) => listOf(answer, isUsageOfKey), 'usage.top', deadlineMs),
  };
}

function listOf<T>(answer: unknown, fits: (one: Record<string, unknown>) => boolean): readonly T[] {
  if (Array.isArray(answer) && answer.every((one: unknown) => typeof one === 'object' && one !== null && fits(one as Record<string, unknown>))) return answer as T[];
  throw storeUnavailable('the usage meter answered with something unexpected');
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value);
const isPoint = ({ at, outcome, count }: Record<string, unknown>): boolean => isCount(at) && typeof outcome === 'string' && isCount(count);
const isUsageOfKey = ({ keyId, allowed, limited, refused }: Record<string, unknown>): boolean => typeof keyId === 'string' && [allowed, limited, refused].every(isCount);
