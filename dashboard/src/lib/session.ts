import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Client } from '../api/client.js';
import type { Settings } from '../api/types.js';

/** What every page needs: whom to ask, and what the keyring and the person in front of it are. */
export interface Session {
  readonly client: Client;
  readonly settings: Settings;
  /** Changes when somebody has signed in again: what is shown is then asked for anew. */
  readonly round: number;
  /** Says something aloud and on the screen, for a moment. */
  readonly say: (message: string) => void;
}

export const SessionContext = createContext<Session | undefined>(undefined);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === undefined) throw new Error('outside of the application');
  return session;
}

/** Whether the person may do this. */
export const useMay = (): ((action: Settings['may'][number]) => boolean) => {
  const { may } = useSession().settings;
  return (action) => may.includes(action);
};

/** What the page was told before anybody signed in. */
export const pageSetting = (name: 'signInUrl' | 'curl'): string | undefined => {
  const text = document.querySelector(`meta[name="keystile:${name}"]`)?.getAttribute('content') ?? '';
  return text === '' ? undefined : text;
};
