import { useCallback, useEffect, useState } from 'preact/hooks';
import type { Failure } from '../api/client.js';
import { useSession } from './session.js';

/** Something that is asked for: not here yet, here, or refused. What was here before stays while it is asked for anew. */
export interface Loading<T> {
  readonly value: T | undefined;
  readonly failure: Failure | undefined;
  readonly isLoading: boolean;
  readonly reload: () => void;
}

/** The answer to a `GET`, asked again when its address changes. Without an address nothing is asked. */
export function useLoad<T>(path: string | undefined, body?: string): Loading<T> {
  const { client, round } = useSession();
  const [state, setState] = useState<{ readonly path?: string; readonly value?: T; readonly failure?: Failure }>({});
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    if (path === undefined) return undefined;
    const abort = new AbortController();
    void client.ask<T>(body === undefined ? 'GET' : 'POST', path, { signal: abort.signal, ...(body !== undefined && { body: JSON.parse(body) as unknown }) }).then((outcome) => {
      if (abort.signal.aborted) return;
      if (outcome.ok) setState({ path, value: outcome.value });
      else setState((before) => ({ ...(before.path === path && before), path, failure: outcome }));
    });
    return () => { abort.abort(); };
  }, [client, path, body, round, attempt]);
  const reload = useCallback(() => { setAttempt((before) => before + 1); }, []);
  // An answer to another question is none.
  const isOfPath = state.path === path;
  return { value: isOfPath ? state.value : undefined, failure: isOfPath ? state.failure : undefined, isLoading: path !== undefined && !isOfPath, reload };
}

/** A value that has stood still for a while. */
export function useSettled<T>(value: T, ms: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => { setSettled(value); }, ms);
    return () => { clearTimeout(timer); };
  }, [value, ms]);
  return settled;
}
