import { useState } from 'preact/hooks';
import type { ApiKey, Succession } from '../api/types.js';
import { useLoad } from '../lib/load.js';
import { hrefTo } from '../lib/router.js';
import { risksOf } from '../lib/risks.js';
import { useMay, useSession } from '../lib/session.js';
import { UNUSUAL, useUnusual } from '../lib/unusual.js';
import { LinkButton, StatusBadge, Words } from '../parts/basics.js';
import { Heading } from '../parts/heading.js';
import { FailureNotice, Notice, Waiting } from '../parts/notices.js';
import { Risks } from '../parts/risks.js';
import { ShownOnce } from '../parts/shown-once.js';
import { UnusualBadge } from '../parts/unusual-badge.js';
import { UsageSection } from '../parts/usage-section.js';
import { Doings } from './doings.js';
import { Facts } from './facts.js';
import { KeyActivity } from './key-activity.js';
import { Limits } from './limits.js';
import { Related } from './related.js';

/** One key: what it is, what it does, and what can be done with it. */
export function KeyDetail({ id }: { readonly id: string }) {
  const { value, failure, isLoading, reload } = useLoad<ApiKey>(`/keys/${encodeURIComponent(id)}`);
  const [succession, setSuccession] = useState<Succession>();
  if (succession !== undefined) return <ShownOnce created={succession} title="The new key is ready" note={noteOn(succession)} />;
  if (isLoading) return <Waiting what="the key" />;
  return (
    <>
      {failure !== undefined && <FailureNotice failure={failure} onRetry={reload} />}
      {value !== undefined && <Shown apiKey={value} onChanged={reload} onSuccession={setSuccession} />}
    </>
  );
}

const noteOn = ({ previous }: Succession): string =>
  previous?.graceExpiresAt !== undefined && previous.status === 'active' ? 'The old key goes on working until its grace period is over. Put the new one everywhere before that.' : 'The old key has ended.';

function Shown({ apiKey, onChanged, onSuccession }: { readonly apiKey: ApiKey; readonly onChanged: () => void; readonly onSuccession: (succession: Succession) => void }) {
  const { settings } = useSession();
  const may = useMay();
  const now = Date.now();
  const about = { keyId: apiKey.id };
  const unusual = useUnusual(apiKey.id).get(apiKey.id) ?? [];
  return (
    <>
      <Heading
        title={<Words text={apiKey.name} />} text={apiKey.name} back={['#/keys', 'Keys']}
        aside={<>{may('explain') && <LinkButton href={hrefTo('keys', apiKey.id, 'test')}>Test a request</LinkButton>}{may('update') && <LinkButton href={hrefTo('keys', apiKey.id, 'edit')}>Edit</LinkButton>}</>}
      >
        <p class="badges"><code>{apiKey.masked}</code> <StatusBadge status={apiKey.status} /><Risks apiKey={apiKey} settings={settings} now={now} />{unusual.map((kind) => <UnusualBadge key={kind} kind={kind} />)}</p>
      </Heading>
      <Advice things={[...unusual.flatMap((kind) => UNUSUAL.get(kind) ?? []), ...risksOf(apiKey, settings, now)]} />
      <div class="pair">
        <Facts apiKey={apiKey} now={now} />
        <Limits apiKey={apiKey} />
      </div>
      <UsageSection about={about} title="Requests" />
      <KeyActivity id={apiKey.id} />
      <Related apiKey={apiKey} now={now} />
      <Doings apiKey={apiKey} onChanged={onChanged} onSuccession={onSuccession} />
    </>
  );
}

/** What its badges mean, and what to do about it. */
function Advice({ things }: { readonly things: readonly { readonly text: string; readonly why: string }[] }) {
  if (things.length === 0) return null;
  return (
    <Notice tone="warn" title={things.length === 1 ? 'One thing to look at' : `${String(things.length)} things to look at`}>
      <ul>{things.map(({ text, why }) => <li key={text}><p><strong>{text}.</strong> {why}</p></li>)}</ul>
    </Notice>
  );
}
