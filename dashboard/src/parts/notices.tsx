import type { ComponentChildren } from 'preact';
import type { Failure } from '../api/client.js';
import { pageSetting } from '../lib/session.js';
import { Button } from './basics.js';

export const Notice = ({ tone, title, children, urgent = false }: { readonly tone: 'bad' | 'warn' | 'info' | 'good'; readonly title: string; readonly children?: ComponentChildren; readonly urgent?: boolean }) => (
  <div class={`notice ${tone}`} role={urgent ? 'alert' : 'status'}>
    <p class="notice-title">{title}</p>
    {children}
  </div>
);

/** What to do about each kind of "no". The server's own words stand below it. */
const TITLES: ReadonlyMap<string, string> = new Map([
  ['offline', 'No connection'],
  ['not_signed_in', 'You are signed out'],
  ['forbidden', 'You may not do this'],
  ['key_not_found', 'There is no such key'],
  ['invalid_input', 'Some of this is not right yet'],
  ['version_conflict', 'Somebody else has changed this key'],
  ['slot_taken', 'The slot is taken'],
  ['already_rotated', 'This key has been rotated already'],
  ['key_not_active', 'This key has ended'],
  ['store_unavailable', 'The server cannot reach its store'],
]);

const ADVICE: ReadonlyMap<string, string> = new Map([
  ['not_signed_in', 'Sign in again, then press the button once more. Nothing you have typed is lost.'],
  ['forbidden', 'Ask whoever looks after your account for the right to do it.'],
  ['key_not_found', 'It may have been deleted: look for it in the list, with the status Deleted.'],
  ['offline', 'Nothing you have typed is lost.'],
  ['store_unavailable', 'Nothing was lost here. Wait a moment, then try again.'],
  ['api_key_not_accepted', 'This page is for people: open it in a browser that sends no API key.'],
  ['cross_site_request', 'The server believes this page to be of another site. Open it under the address that the server itself has.'],
]);

export function FailureNotice({ failure, onRetry }: { readonly failure: Failure; readonly onRetry?: () => void }) {
  return (
    <Notice tone="bad" title={TITLES.get(failure.code) ?? 'That did not work'} urgent>
      <p>{failure.detail} {ADVICE.get(failure.code)}</p>
      {failure.status === 401 && <SignIn />}
      {onRetry !== undefined && <Button onClick={onRetry}>Try again</Button>}
    </Notice>
  );
}

/** The way to sign in, beside this page, which waits with all that was typed. */
export function SignIn() {
  const url = pageSetting('signInUrl');
  return url === undefined ? null : <a class="button main" href={url} target="_blank" rel="noopener">Sign in</a>;
}

/** While something is asked for. */
export const Waiting = ({ what }: { readonly what: string }) => (
  <div class="waiting" role="status">
    <span class="visually-hidden">Loading {what}…</span>
    <span class="bone wide" /><span class="bone" /><span class="bone short" />
  </div>
);
