import { useState } from 'preact/hooks';
import { apiAddress } from '../api/client.js';
import type { CreatedKey } from '../api/types.js';
import { useLeaveGuard } from '../lib/leaving.js';
import { hrefTo } from '../lib/router.js';
import { pageSetting } from '../lib/session.js';
import { LinkButton, Section, Words } from './basics.js';
import { CopyButton } from './copy.js';
import { Heading } from './heading.js';
import { Notice } from './notices.js';

/** The one time that a key is shown. It stands in the page as text, for what stands in a field may be kept by the browser. */
export function ShownOnce({ created: { key, apiKey }, title, note }: { readonly created: CreatedKey; readonly title: string; readonly note?: string }) {
  const [isCopied, setIsCopied] = useState(false);
  const copied = (): void => { setIsCopied(true); };
  useLeaveGuard(isCopied ? undefined : 'You have not copied the key, and it is not shown again. Leave all the same?');
  const curl = (pageSetting('curl') ?? `curl -H 'X-API-Key: {key}' '${apiAddress('/me').replaceAll("'", '%27')}'`).replaceAll('{key}', key);
  return (
    <>
      <Heading title={title} text={title} />
      <Section title="Copy it now" id="once">
        <Notice tone="warn" title="It is shown this once"><p>Nobody can show it again, not even the server. Keep it where secrets are kept, not in a chat or a repository.</p></Notice>
        <p class="label" id="once-label">Key of <Words text={apiKey.name} /></p>
        <div class="secret">
          <code id="once-key" class="secret-text" tabIndex={0} aria-labelledby="once-label" onCopy={copied}>{key}</code>
          <CopyButton text={key} what="Key" target="once-key" onCopied={copied} />
        </div>
        <p class="label">Try it</p>
        <div class="secret">
          <code id="once-curl" class="secret-text" tabIndex={0} aria-label="Command line">{curl}</code>
          <CopyButton text={curl} what="Command" target="once-curl" />
        </div>
        <p class="hint">{apiKey.environment === 'live' ? 'Its own rules hold for this call, too: addresses, endpoints, from when to when.' : `A server of the environment ${apiKey.environment} takes it; others refuse it.`}</p>
        {note !== undefined && <p>{note}</p>}
      </Section>
      <div class="actions">
        <LinkButton href={hrefTo('keys', apiKey.id)} tone="main">I have kept it: show its settings</LinkButton>
      </div>
    </>
  );
}
