import { useMemo } from 'preact/hooks';
import type { ActivityPage } from '../api/types.js';
import { useLoad } from './load.js';
import { useSession } from './session.js';
import { ifKept } from './usage.js';
import { DAY } from './words.js';

/** What keystile points out by itself, and what to do about it. */
export const UNUSUAL: ReadonlyMap<string, { readonly text: string; readonly why: string }> = new Map([
  ['new_address', { text: 'First use from a new address', why: 'If nobody knows the address, the key has leaked: rotate it, and end the old one at once.' }],
  ['burst', { text: 'Many more requests than usual', why: 'A loop in the program that uses it, or somebody else. Ask its owner; a limit would have stopped it.' }],
  ['refusals', { text: 'A burst of refusals', why: 'A program that asks for what it may not, or somebody who tries what the key can do. The activity says what was asked for.' }],
  ['silence', { text: 'Used after a long silence', why: 'A forgotten program has woken up, or a forgotten key was found. Ask its owner.' }],
]);

/** For so long after it was pointed out, a key bears its badge. */
const BADGE_MS = 7 * DAY;
const MOST = '500';

/** What was unusual of late, by the key: of one, or of all in sight. Empty where nothing is kept, and until it is known. */
export function useUnusual(keyId?: string): ReadonlyMap<string, readonly string[]> {
  const { settings, round } = useSession();
  const query = useMemo(() => {
    const from = new Date(Math.floor((Date.now() - BADGE_MS) / 60_000) * 60_000).toISOString();
    return new URLSearchParams({ action: 'unusual', from, limit: MOST, ...(keyId !== undefined && { keyId }) }).toString();
  }, [keyId, round]);
  const { value } = useLoad<ActivityPage>(ifKept(settings, 'activity', `/activity?${query}`));
  return useMemo(() => {
    const kinds = new Map<string, readonly string[]>();
    for (const entry of value?.entries ?? []) kinds.set(entry.keyId, [...new Set([...(kinds.get(entry.keyId) ?? []), entry.result])]);
    return kinds;
  }, [value]);
}
