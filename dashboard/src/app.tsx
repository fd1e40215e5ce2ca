import { useCallback, useEffect, useMemo, useState } from 'preact/hooks';
import { createClient, type Failure } from './api/client.js';
import type { Settings } from './api/types.js';
import { RouterContext } from './lib/leaving.js';
import { createRouter, useRoute, type Route } from './lib/router.js';
import { SessionContext, type Session } from './lib/session.js';
import { Page } from './pages/page.js';
import { FailureNotice, Waiting } from './parts/notices.js';
import { Shell, SignedOut } from './parts/shell.js';

const SAID_FOR_MS = 4_000;

export function App() {
  const [settings, setSettings] = useState<Settings>();
  const [failure, setFailure] = useState<Failure>();
  const [isSignedOut, setIsSignedOut] = useState(false);
  const [round, setRound] = useState(0);
  const [said, setSaid] = useState('');
  const router = useMemo(createRouter, []);
  const route = useRoute(router);
  const client = useMemo(() => createClient(() => { setIsSignedOut(true); }), []);

  const enter = useCallback(async (): Promise<void> => {
    const outcome = await client.ask<Settings>('GET', '/settings');
    setFailure(outcome.ok ? undefined : outcome);
    if (!outcome.ok) return;
    setSettings(outcome.value);
    setIsSignedOut(false);
    setRound((before) => before + 1);
  }, [client]);
  useEffect(() => { void enter(); }, [enter]);
  // Whoever comes back from signing in, in another tab, goes on where they were.
  useEffect(() => {
    if (!isSignedOut) return undefined;
    const again = (): void => { void enter(); };
    addEventListener('focus', again);
    return () => { removeEventListener('focus', again); };
  }, [isSignedOut, enter]);
  useEffect(() => {
    if (said === '') return undefined;
    const timer = setTimeout(() => { setSaid(''); }, SAID_FOR_MS);
    return () => { clearTimeout(timer); };
  }, [said]);

  const session = useMemo<Session | undefined>(() => (settings === undefined ? undefined : { client, settings, round, say: setSaid }), [client, settings, round]);
  return (
    <RouterContext.Provider value={router}>
      <SessionContext.Provider value={session}>
        <Shell route={route} settings={settings} said={said}>
          {isSignedOut && <SignedOut isAtWork={settings !== undefined} onAgain={() => void enter()} />}
          <Content session={session} failure={failure} route={route} onRetry={() => void enter()} />
        </Shell>
      </SessionContext.Provider>
    </RouterContext.Provider>
  );
}

/** What has been typed stays where it is, whatever is said above it. */
function Content({ session, failure, route, onRetry }: { readonly session: Session | undefined; readonly failure: Failure | undefined; readonly route: Route; readonly onRetry: () => void }) {
  if (session !== undefined) return <Page route={route} />;
  if (failure === undefined) return <Waiting what="the page" />;
  return failure.status === 401 ? null : <FailureNotice failure={failure} onRetry={onRetry} />;
}
