import type { ApiKey } from '../api/types.js';
import { draftOf, type Draft } from './draft.js';

/** What somebody else has made of a key while a form for it was open. */
export interface Merge {
  /** Theirs where this form had said nothing, ours where it had. */
  readonly draft: Draft;
  /** Fields that they have changed. */
  readonly theirs: readonly (keyof Draft)[];
  /** Those of them that this form has changed as well: saving it would undo their change. */
  readonly both: readonly (keyof Draft)[];
}

const differs = (a: unknown, b: unknown): boolean => JSON.stringify(a) !== JSON.stringify(b);

/** Brings a form up to date: nothing that was typed is lost, and nothing that others have done is undone unseen. */
export function merge(draft: Draft, before: ApiKey, after: ApiKey): Merge {
  const [old, current] = [draftOf(before), draftOf(after)];
  const names = Object.keys(current) as (keyof Draft)[];
  const theirs = names.filter((name) => differs(current[name], old[name]));
  const mine = names.filter((name) => differs(draft[name], old[name]));
  return {
    draft: { ...current, ...Object.fromEntries(mine.map((name) => [name, draft[name]])) },
    theirs,
    both: theirs.filter((name) => mine.includes(name) && differs(draft[name], current[name])),
  };
}
