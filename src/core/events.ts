import { ConfigurationError, type KeystileCode, type RefusalCode } from './errors.js';
import type { Part } from './breaker.js';
import { unknownName } from './options.js';
import type { Attribution } from './management/attribution.js';
import type { Clock } from './ports.js';
import type { ApiKey } from './record.js';
import type { Finding } from './usage/unusual.js';
import type { Verification } from './verification.js';

/** What has been done to a key. Times are epoch milliseconds. */
export interface KeyEvent extends Attribution {
  readonly at: number;
  readonly apiKey: ApiKey;
}

/** A key has taken another one's place. */
export interface SuccessionEvent extends KeyEvent {
  /** The key whose place it has taken; absent for the first key of a slot. */
  readonly previous: ApiKey | undefined;
}

/** An operation on a key was turned down by what the key is: it has been rotated already, or changed in the meantime. */
export interface FailedEvent extends KeyEvent {
  /** The event there would have been. */
  readonly action: EventName;
  readonly code: KeystileCode;
}

/** Why a key needs looking after: old, long unused, or about to end. */
export type StaleReason = 'rotation_due' | 'unused' | 'expiring';

/** What a keyring tells to `on`. No event carries a secret or a hash. */
export interface KeyringEvents {
  created: KeyEvent;
  imported: KeyEvent;
  updated: KeyEvent;
  disabled: KeyEvent;
  enabled: KeyEvent;
  rotated: SuccessionEvent;
  regenerated: SuccessionEvent;
  revoked: KeyEvent;
  deleted: KeyEvent;
  undeleted: KeyEvent;
  purged: { readonly at: number; readonly id: string; readonly tenantId: string | undefined };
  failed: FailedEvent;
  stale: { readonly at: number; readonly apiKey: ApiKey; readonly reason: StaleReason };
  /** A presented key was refused; `keyId` only after its secret was proven. */
  refused: { readonly at: number; readonly code: RefusalCode; readonly keyId: string | undefined };
  /** A key is used unlike before: from a new address, far more than usual, with many refusals, after a long silence. */
  unusual: Finding & { readonly at: number };
  /** A part keeps failing and is left alone for a moment, or word of other processes' changes has stopped coming. */
  degraded: { readonly at: number; readonly part: Part; readonly error: unknown };
  /** It is back. */
  recovered: { readonly at: number; readonly part: Part };
  /** A store, limiter, hasher, callback or listener failed. */
  fault: { readonly at: number; readonly error: unknown };
}

export type EventName = keyof KeyringEvents;

const NAMES = [
  'created', 'imported', 'updated', 'disabled', 'enabled', 'rotated', 'regenerated', 'revoked', 'deleted', 'undeleted', 'purged', 'failed', 'stale', 'refused', 'unusual', 'degraded', 'recovered', 'fault',
] satisfies EventName[];

export interface Events {
  on<Name extends EventName>(name: Name, listener: (event: KeyringEvents[Name]) => void): () => void;
  emit<Name extends EventName>(name: Name, event: KeyringEvents[Name]): void;
  /** Whether anyone listens, so that an event nobody wants need not be made. */
  wanted(name: EventName): boolean;
}

/** Listeners run one after the other, in the order they came; one that throws hurts neither the others nor the request. */
export function createEvents(): Events {
  const listeners = new Map<EventName, Set<(event: never) => unknown>>();
  const emit: Events['emit'] = (name, event) => {
    const failed = (error: unknown): void => {
      if (name !== 'fault') emit('fault', { at: event.at, error });
    };
    for (const listener of [...(listeners.get(name) ?? [])]) {
      try {
        Promise.resolve(listener(event as never)).catch(failed);
      } catch (error) {
        failed(error);
      }
    }
  };
  return {
    on(name, listener) {
      // A misspelt name would never be heard of again.
      if (!NAMES.includes(name)) throw unknownName('unknown_option', `on.${name}`, name, NAMES, 'event');
      if (typeof listener !== 'function') throw new ConfigurationError('invalid_option', `on.${name}`, 'needs a function');
      const known = listeners.get(name) ?? new Set();
      listeners.set(name, known.add(listener));
      return () => {
        known.delete(listener);
      };
    },
    emit,
    wanted: (name) => (listeners.get(name)?.size ?? 0) > 0,
  };
}

/** Passes a decision on, telling of a refusal; one that proved no key goes to `unproven` as well. */
export const refusalTeller = (events: Events, clock: Clock, unproven: (code: RefusalCode) => void) => <Decision extends Verification>(decision: Decision): Decision => {
  if (!decision.ok && decision.keyId === undefined) unproven(decision.code);
  if (!decision.ok && events.wanted('refused')) events.emit('refused', { at: clock.now(), code: decision.code, keyId: decision.keyId });
  return decision;
};
