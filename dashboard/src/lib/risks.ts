import type { ApiKey, Rule, Settings } from '../api/types.js';
import { span } from './words.js';

/** Something about a key that somebody should look at. */
export interface Risk {
  readonly name: 'never-expires' | 'no-limit' | 'unused' | 'old' | 'ends-soon';
  readonly text: string;
  /** What it means, and what to do. */
  readonly why: string;
}

/** The limits that hold for a key: its own, else its plan's, else the keyring's. `undefined` for a plan that has gone. */
export function limitsOf({ limits, plan }: Pick<ApiKey, 'limits' | 'plan'>, { plans, defaultLimits }: Settings): readonly Rule[] | undefined {
  if (limits !== undefined) return limits;
  return plan === undefined ? defaultLimits : plans.find(({ name }) => name === plan)?.limits;
}

/** When a key ends by itself. */
export const endOf = ({ expiresAt, graceExpiresAt }: ApiKey): string | undefined =>
  [expiresAt, graceExpiresAt].filter((time) => time !== undefined).sort()[0];

type Look = (key: ApiKey, settings: Settings, now: number) => boolean;

const isOlder = (time: string, ms: number, now: number): boolean => now - Date.parse(time) > ms;

const LOOKS: readonly (readonly [Risk['name'], Look])[] = [
  ['ends-soon', (key, { lifecycle }, now) => { const end = endOf(key); return end !== undefined && Date.parse(end) - now < lifecycle.expiringWithinMs; }],
  ['never-expires', (key) => endOf(key) === undefined],
  ['no-limit', (key, settings) => limitsOf(key, settings)?.length === 0],
  ['unused', ({ lastUsedAt, createdAt }, { lifecycle }, now) => isOlder(lastUsedAt ?? createdAt, lifecycle.unusedAfterMs, now)],
  ['old', ({ createdAt, replacedBy }, { lifecycle }, now) => replacedBy === undefined && isOlder(createdAt, lifecycle.rotateAfterMs, now)],
];

/** What is risky about a key that works or may work again. */
export function risksOf(key: ApiKey, settings: Settings, now: number): readonly Risk[] {
  if (key.status === 'revoked' || key.status === 'expired' || key.deletedAt !== undefined) return [];
  return LOOKS.filter(([, looksRisky]) => looksRisky(key, settings, now)).map(([name]) => ({ name, ...TEXTS[name](settings.lifecycle) }));
}

const TEXTS: Readonly<Record<Risk['name'], (life: Settings['lifecycle']) => Omit<Risk, 'name'>>> = {
  'never-expires': () => ({ text: 'Never expires', why: 'If it leaks, it works until somebody revokes it. Give it an end.' }),
  'no-limit': () => ({ text: 'No limit', why: 'It may send any number of requests. Give it a plan or limits of its own.' }),
  unused: ({ unusedAfterMs }) => ({ text: `Unused for ${span(unusedAfterMs)}`, why: 'Nobody seems to need it. Disable it; if nobody complains, revoke it.' }),
  old: ({ rotateAfterMs }) => ({ text: `Older than ${span(rotateAfterMs)}`, why: 'The longer a key is in use, the more places it has been copied to. Rotate it.' }),
  'ends-soon': () => ({ text: 'Ends soon', why: 'Whoever uses it needs another one before it ends. Rotate it.' }),
};
