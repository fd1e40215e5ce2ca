import type { Clock } from '../core/ports.js';

/** What became of the first request with an idempotency key: it is under way, it made this key, or nobody knows. */
type Outcome = 'pending' | 'unknown' | { readonly id: string };

interface Entry {
  readonly body: string;
  readonly expiresAt: number;
  readonly actor: string;
  outcome: Outcome;
}

/** What a request is told before it begins. */
export type Beginning = { readonly state: 'new' } | { readonly state: 'mismatch' | 'busy' | 'full' } | { readonly state: 'done'; readonly id: string | undefined };

/**
 * Remembers idempotency keys for a while. When there is no room, new ones are refused: forgetting one would make its repeat
 * create a second key. No actor has more than a tenth of the room.
 */
export interface IdempotencyBook {
  begin(actor: string, name: string, body: string): Beginning;
  /** The id of what was made; `'unknown'` when a fault hides whether anything was; `undefined` when nothing was. */
  end(actor: string, name: string, outcome: { readonly id: string } | 'unknown' | undefined): void;
}

export function createIdempotencyBook({ ttlMs, max }: { readonly ttlMs: number; readonly max: number }, clock: Clock): IdempotencyBook {
  const entries = new Map<string, Entry>();
  const perActor = new Map<string, number>();
  const share = Math.max(1, Math.floor(max / 10));
  const keyOf = (actor: string, name: string): string => JSON.stringify([actor, name]);

  const count = (actor: string, by: 1 | -1): void => {
    const left = (perActor.get(actor) ?? 0) + by;
    if (left > 0) perActor.set(actor, left);
    else perActor.delete(actor);
  };
  const drop = (key: string): void => {
    const entry = entries.get(key);
    if (entry !== undefined && entries.delete(key)) count(entry.actor, -1);
  };
  /** All live equally long, so those that have ended stand in front. */
  const sweep = (now: number): void => {
    for (const [key, { expiresAt }] of entries) {
      if (now < expiresAt) return;
      drop(key);
    }
  };

  return {
    begin(actor, name, body) {
      const now = clock.now();
      sweep(now);
      const key = keyOf(actor, name);
      const before = entries.get(key);
      if (before === undefined) {
        if (entries.size >= max || (perActor.get(actor) ?? 0) >= share) return { state: 'full' };
        entries.set(key, { body, actor, expiresAt: now + ttlMs, outcome: 'pending' });
        count(actor, 1);
        return { state: 'new' };
      }
      if (before.body !== body) return { state: 'mismatch' };
      if (before.outcome === 'pending') return { state: 'busy' };
      return { state: 'done', id: before.outcome === 'unknown' ? undefined : before.outcome.id };
    },
    end(actor, name, outcome) {
      const key = keyOf(actor, name);
      const entry = entries.get(key);
      if (entry === undefined) return;
      if (outcome === undefined) drop(key);
      else entry.outcome = outcome;
    },
  };
}
