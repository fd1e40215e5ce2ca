import { createAlarm } from './alarm.js';
import { isPromise } from './awaitable.js';
import type { EntryContext } from './compile-entry.js';
import type { Events } from './events.js';
import type { GuardedStore } from './guarded-store.js';
import type { Awaitable, Clock } from './ports.js';
import type { ApiKey, KeyRecord } from './record.js';
import type { RequestFacts } from './request.js';
import { refused } from './verification.js';
import { createWatchedKey, type End, type WatchedKey } from './watched-key.js';

/** Ends what stays open with a key (sockets, event streams) once that key would no longer be let in. */
export interface Watches {
  /** Calls `end` at most once, perhaps before it returns, and at `until` (epoch milliseconds) at the latest. The answer stops watching. */
  readonly watch: (keyId: string, facts: RequestFacts, end: End, until?: number) => () => void;
  /** Somebody else has changed these keys: they are looked at. */
  changedElsewhere(ids: readonly string[]): void;
  /** Some change may have gone unheard: every key is looked at. */
  lookAtAll(): void;
  /** Ends everything: from here on nobody would notice a revocation. */
  close(): void;
}

export interface WatchSettings {
  readonly store: Pick<GuardedStore, 'get'>;
  readonly events: Pick<Events, 'on'>;
  readonly context: EntryContext;
  readonly clock: Clock;
  /** How long, in milliseconds, a change made by another process may go unseen; `Infinity` where there is no other. */
  readonly lifetimeMs: number;
  readonly report: (error: unknown) => void;
}

interface Place {
  readonly key: WatchedKey;
  /** When the store is asked about it again. */
  dueAt: number;
}

/** The store is asked about so many keys at a time: a round over thousands leaves it, and the event loop, to others. */
const AT_ONCE = 16;
const SHORTEST_ROUND_MS = 1_000;

/**
 * Changes in this process come as events and are judged at once; those of other processes are found in rounds. Two rounds fit into
 * the lifetime, so that one may fail: what could not be confirmed for longer is ended, as a request would be refused.
 */
export function createWatches({ store, events, context, clock, lifetimeMs, report }: WatchSettings): Watches {
  const places = new Map<string, Place>();
  const roundMs = Math.max(SHORTEST_ROUND_MS, lifetimeMs / 2);
  let closed = false;
  let underWay = false;

  const giveUp = (key: WatchedKey): void => {
    key.endAll(refused('store_unavailable', { keyId: key.id }));
  };
  const look = (place: Place): Awaitable<void> => {
    const { key } = place;
    // Closed while others were looked at.
    if (places.get(key.id) !== place) return;
    const seen = (record: KeyRecord | undefined): void => {
      key.see(record);
      alarm.by(key.endsAt());
    };
    const failed = (error: unknown): void => {
      report(error);
      if (!(clock.now() - key.seenAt < lifetimeMs)) giveUp(key);
    };
    try {
      const found = store.get(key.id);
      return isPromise(found) ? found.then(seen).then(undefined, failed) : seen(found);
    } catch (error) {
      failed(error);
    }
  };
  const changed = (apiKey: ApiKey | undefined): void => {
    const key = apiKey && places.get(apiKey.id)?.key;
    if (apiKey === undefined || key === undefined) return;
    try {
      // What may be shown of a record is all of it but the hash, which nobody asks for here.
      key.see({ ...apiKey, hash: '' });
      alarm.by(key.endsAt());
    } catch (error) {
      report(error);
      giveUp(key);
    }
  };
  for (const name of ['updated', 'disabled', 'revoked', 'deleted'] as const) events.on(name, ({ apiKey }) => { changed(apiKey); });
  for (const name of ['rotated', 'regenerated'] as const) events.on(name, ({ previous }) => { changed(previous); });

  const round = async (due: readonly Place[]): Promise<void> => {
    underWay = true;
    for (let at = 0; at < due.length && !closed; at += AT_ONCE) {
      await Promise.all(due.slice(at, at + AT_ONCE).map(async (place) => look(place)));
      await new Promise(setImmediate);
    }
    underWay = false;
    arm();
  };
  const arm = (): void => {
    for (const { key, dueAt } of places.values()) alarm.by(Math.min(key.endsAt(), underWay ? Infinity : dueAt));
  };
  const alarm = createAlarm(clock, () => {
    const now = clock.now();
    for (const { key } of [...places.values()]) if (key.endsAt() <= now) key.judge();
    // What is nearly due goes along; a clock that was set back puts nothing off.
    const due = underWay ? [] : [...places.values()].filter(({ dueAt }) => dueAt - now < roundMs / 4 || dueAt - now > roundMs);
    for (const place of due) place.dueAt = now + roundMs;
    if (due.length > 0) void round(due);
    arm();
  });

  const placeOf = (keyId: string): Place => {
    const known = places.get(keyId);
    if (known !== undefined) return known;
    const left = (): void => {
      if (places.get(keyId) === place) places.delete(keyId);
    };
    const place: Place = { key: createWatchedKey(keyId, { context, clock, report, left }), dueAt: clock.now() + roundMs };
    places.set(keyId, place);
    return place;
  };
  const lookAt = (some: readonly Place[]): void => {
    for (const place of some) place.dueAt = -Infinity;
    if (some.length > 0) alarm.by(clock.now());
  };
  return {
    changedElsewhere(ids) {
      lookAt(ids.flatMap((id) => places.get(id) ?? []));
    },
    lookAtAll() {
      lookAt([...places.values()]);
    },
    watch(keyId, facts, end, until) {
      const isNew = !places.has(keyId);
      const place = placeOf(keyId);
      const stop = place.key.add(facts, end, until);
      if (closed) giveUp(place.key);
      // Between the decision and now the key may have been changed, with nobody here to hear of it.
      else if (isNew) void look(place);
      alarm.by(Math.min(place.key.endsAt(), underWay ? Infinity : place.dueAt));
      return stop;
    },
    close() {
      closed = true;
      alarm.stop();
      for (const { key } of [...places.values()]) giveUp(key);
    },
  };
}
