import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { Settings } from '../api/types.js';
import { hrefTo, type Route } from '../lib/router.js';
import { pageSetting } from '../lib/session.js';
import { Button, Words } from './basics.js';
import { SignIn } from './notices.js';

const LINKS = [['', 'Overview'], ['keys', 'Keys'], ['activity', 'Activity']] as const;

/** What stands around every page. */
export function Shell({ route, settings, said, children }: { readonly route: Route; readonly settings: Settings | undefined; readonly said: string; readonly children: ComponentChildren }) {
  const main = useRef<HTMLElement>(null);
  const place = route.parts.join('/');
  const before = useRef(place);
  // Who listens to the page hears that it is another one.
  useEffect(() => {
    if (before.current !== place) main.current?.focus();
    before.current = place;
    scrollTo(0, 0);
  }, [place]);
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); main.current?.focus(); }}>Skip to the content</a>
      <header class="top">
        <div class="top-inner">
          <a class="brand" href="#/"><span class="brand-mark" aria-hidden="true" />API keys</a>
          <nav aria-label="Pages">
            {LINKS.map(([path, text]) => <a key={path} href={path === '' ? '#/' : hrefTo(path)} aria-current={(route.parts[0] ?? '') === path ? 'page' : undefined}>{text}</a>)}
          </nav>
          {settings !== undefined && (
            <p class="who">
              <Words text={settings.actor} />
              {settings.tenantId !== undefined && <span class="quiet"> in <Words text={settings.tenantId} /></span>}
            </p>
          )}
        </div>
      </header>
      <main id="main" ref={main} tabIndex={-1}>{children}</main>
      <p class="said" role="status" data-shown={said !== ''}>{said}</p>
    </>
  );
}

/** Nobody is signed in, or no longer. */
export function SignedOut({ isAtWork, onAgain }: { readonly isAtWork: boolean; readonly onAgain: () => void }) {
  const url = pageSetting('signInUrl');
  return (
    <section class="signed-out" role="alert">
      <h1>{isAtWork ? 'You are signed out' : 'Sign in to manage API keys'}</h1>
      <p>
        {isAtWork ? 'What you have typed is still here. ' : ''}
        {url === undefined ? 'Sign in to this site in another tab, then come back.' : 'Signing in opens another tab. Come back here when you are done.'}
      </p>
      <div class="row">
        <SignIn />
        <Button onClick={onAgain}>I have signed in</Button>
      </div>
    </section>
  );
}
