import { useEffect, useState } from 'preact/hooks';
import type { FieldError } from '../api/types.js';
import { useSettled } from '../lib/load.js';
import { useSession } from '../lib/session.js';
import type { Read } from './settings.js';

const QUIET_MS = 300;
const NONE: readonly FieldError[] = [];

/** What the server says to a form as it is typed. One that cannot be asked says nothing: sending it will tell. */
export function useLoadedCheck(path: string, read: Read, isWanted: boolean): readonly FieldError[] {
  const { client, round } = useSession();
  const [errors, setErrors] = useState(NONE);
  const text = useSettled(isWanted && read.ok ? JSON.stringify(read.body) : undefined, QUIET_MS);
  useEffect(() => {
    if (text === undefined) return undefined;
    const abort = new AbortController();
    void client.ask('POST', path, { body: JSON.parse(text) as unknown, signal: abort.signal }).then((outcome) => {
      if (!abort.signal.aborted) setErrors(outcome.ok ? NONE : outcome.errors);
    });
    return () => { abort.abort(); };
  }, [client, path, text, round]);
  return errors;
}
