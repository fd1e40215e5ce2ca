import { useMemo, useRef, useState } from 'preact/hooks';
import type { Failure } from '../api/client.js';
import type { FieldError } from '../api/types.js';
import { useLoadedCheck } from './check.js';
import type { Draft } from './draft.js';
import type { Complaints } from './errors.js';
import type { Edit } from './key-form.js';
import type { Read } from './settings.js';

/** A form on its way: what stands in it, and what is known to be wrong with it. */
export interface KeyFormState {
  readonly draft: Draft;
  readonly edit: Edit;
  readonly setDraft: (draft: Draft) => void;
  readonly read: Read;
  readonly isChanged: boolean;
  readonly complaints: Complaints;
  /** Why sending it has failed, if it has. */
  readonly failure: Failure | undefined;
  readonly setFailure: (failure: Failure | undefined) => void;
  readonly markSent: () => void;
}

/** The server complains about an empty name before anything else. While nobody has come to it, another one stands in its place. */
const withName = (read: Read): Read => (read.ok && read.body['name'] === '' ? { ok: true, body: { ...read.body, name: 'unnamed' } } : read);

/** `checkPath` is where the server says what it thinks of the form, by the very rules it goes by when it is sent. */
export function useKeyForm(initial: () => Draft, toBody: (draft: Draft, now: number) => Read, checkPath: string): KeyFormState {
  const first = useMemo(initial, []);
  const [draft, setDraft] = useState(first);
  const [touched, setTouched] = useState<ReadonlySet<string>>(new Set());
  const [isSent, setIsSent] = useState(false);
  const [failure, setFailure] = useState<Failure>();
  const openedAt = useRef(Date.now());
  const read = useMemo(() => toBody(draft, openedAt.current), [draft, toBody]);
  const checked = useLoadedCheck(checkPath, isSent || touched.has('/name') ? read : withName(read), touched.size > 0 || isSent);
  const edit: Edit = (changes, ...at) => {
    setDraft((before) => ({ ...before, ...changes }));
    setFailure(undefined);
    setTouched((before) => new Set([...before, ...at, ...(at.length === 0 ? [''] : [])]));
  };
  const errors: readonly FieldError[] = read.ok ? [...(failure?.errors ?? []), ...checked] : [{ field: read.field, message: read.message, code: 'unreadable' }];
  return {
    draft, edit, setDraft, read, failure, setFailure,
    isChanged: JSON.stringify(draft) !== JSON.stringify(first),
    complaints: { errors, touched, isSent },
    markSent: () => { setIsSent(true); },
  };
}
