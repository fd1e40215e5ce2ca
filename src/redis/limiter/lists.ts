import type { LimitBucket, LimitState } from '../../core/ports.js';

/** What a list of buckets is remembered by. Ids are free of line feeds, or at worst two lists share a name: rules are compared too. */
export function nameOf(buckets: readonly LimitBucket[]): string {
  return buckets.length === 1 ? (buckets[0] as LimitBucket).id : buckets.map(({ id }) => id).join('\n');
}

/** Whether nobody can change a list any more: it may be known again by itself alone. */
export function isFixed(buckets: readonly LimitBucket[]): boolean {
  return Object.isFrozen(buckets) && buckets.every((bucket) => Object.isFrozen(bucket));
}

/** Whether what was said of one list holds for this one: the same buckets, with the same limits. */
export function isFor(states: readonly LimitState[], buckets: readonly LimitBucket[]): boolean {
  let index = 0;
  for (const { id, rules } of buckets) {
    for (const rule of rules) {
      const state = states[index++];
      if (state === undefined || state.bucket.id !== id) return false;
      const known = state.rule;
      if (known === rule) continue;
      if (known.kind !== rule.kind || known.limit !== rule.limit) return false;
      if (known.kind === 'window' && rule.kind === 'window' && known.windowMs !== rule.windowMs) return false;
    }
  }
  return index === states.length;
}

/** What was said, told of these buckets some milliseconds later. */
export function retold(states: readonly LimitState[], buckets: readonly LimitBucket[], passedMs: number, more: number): LimitState[] {
  let index = 0;
  const told = new Array<LimitState>(states.length);
  for (const bucket of buckets) {
    for (const rule of bucket.rules) {
      const { remaining, resetMs, violated } = states[index] as LimitState;
      told[index++] = { bucket, rule, remaining: remaining + more, resetMs: Math.max(0, resetMs - passedMs), violated };
    }
  }
  return told;
}

/** Keeps a map within its bound by giving up what was put in first; the answer is what was given up. */
export function keep<V>(map: Map<string, V>, name: string, value: V, most: number): V | undefined {
  map.delete(name);
  map.set(name, value);
  if (map.size <= most) return undefined;
  const [oldest] = map;
  if (oldest === undefined) return undefined;
  map.delete(oldest[0]);
  return oldest[1];
}
