import { useMemo } from 'preact/hooks';
import type { KeyList, TopKeys, Usage } from '../api/types.js';
import { useLoad } from '../lib/load.js';
import { endOf } from '../lib/risks.js';
import { hrefTo } from '../lib/router.js';
import { useMay, useSession } from '../lib/session.js';
import { chartQuery, ifKept, refusalsOf, spanQuery } from '../lib/usage.js';
import { useUnusual } from '../lib/unusual.js';
import { codeText, count, span } from '../lib/words.js';
import { Empty, LinkButton, Section, Time, Words } from '../parts/basics.js';
import { Heading } from '../parts/heading.js';
import { KeyLink } from '../parts/key-link.js';
import { FailureNotice, Waiting } from '../parts/notices.js';
import { UnusualBadge } from '../parts/unusual-badge.js';
import { UsageSection } from '../parts/usage-section.js';

const EVERYTHING = {};

/** What somebody wants to know who looks in once a day. */
export function Overview() {
  const { settings, round } = useSession();
  const may = useMay();
  const query = useMemo(() => chartQuery('7d', EVERYTHING), [round]);
  const usage = useLoad<Usage>(ifKept(settings, 'usage', `/usage?${query}`));
  return (
    <>
      <Heading title="Overview" text="Overview" aside={may('create') && <LinkButton href="#/new" tone="main">Create key</LinkButton>} />
      {usage.value !== undefined && <Tiles usage={usage.value} />}
      <UsageSection about={EVERYTHING} title="Requests" />
      <div class="pair">
        {usage.value !== undefined && <Reasons usage={usage.value} />}
        {/* Asked for last: among very many keys it takes longer than everything else together. */}
        {usage.value !== undefined && <Top />}
        {settings.activity && <Unusual />}
        <EndingSoon />
        <Newest />
      </div>
    </>
  );
}

const Tiles = ({ usage: { totals } }: { readonly usage: Usage }) => (
  <div class="tiles">
    {([['Allowed', totals.allowed], ['Limited', totals.limited], ['Refused', refusalsOf(totals)]] as const).map(([text, number]) => (
      <p class="tile" key={text}><span class="quiet">{text}, last 7 days</span><span class="tile-number">{count(number)}</span></p>
    ))}
  </div>
);

function Reasons({ usage: { totals } }: { readonly usage: Usage }) {
  const reasons = Object.entries(totals.refused).filter(([, number]) => number > 0).sort(([, a], [, b]) => b - a).slice(0, 8);
  const most = Math.max(1, ...reasons.map(([, number]) => number));
  return (
    <Section title="Refusals by reason" id="reasons">
      {reasons.length === 0 && <Empty title="Nothing was refused" />}
      <ul class="bars">
        {reasons.map(([code, number]) => (
          <li key={code} class="meter">
            <span class="meter-line"><span>{codeText(code)}</span><strong>{count(number)}</strong></span>
            <progress max={most} value={number} aria-label={codeText(code)} />
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Top() {
  const { round } = useSession();
  const query = useMemo(() => spanQuery('7d', { by: 'allowed', limit: '5' }), [round]);
  const { value, failure, reload } = useLoad<TopKeys>(`/usage/top?${query}`);
  return (
    <Section title="Most used keys" id="top">
      {failure !== undefined && <FailureNotice failure={failure} onRetry={reload} />}
      {value?.keys.length === 0 && <Empty title="No key was used" />}
      <ul class="list">
        {value?.keys.map(({ keyId, tenantId, allowed }) => (
          <li key={keyId}><span><KeyLink id={keyId} />{tenantId !== undefined && <span class="quiet"> <Words text={tenantId} /></span>}</span><strong>{count(allowed)}</strong></li>
        ))}
      </ul>
    </Section>
  );
}

/** What keystile has pointed out of late. */
function Unusual() {
  const unusual = [...useUnusual()].slice(0, 8);
  return (
    <Section title="Unusual use" id="unusual" aside={<a href="#/activity?action=unusual">All of it</a>}>
      {unusual.length === 0 && <Empty title="Nothing unusual in the last 7 days" />}
      <ul class="list">
        {unusual.map(([id, kinds]) => <li key={id}><span><KeyLink id={id} /></span><span class="badges">{kinds.map((kind) => <UnusualBadge key={kind} kind={kind} />)}</span></li>)}
      </ul>
    </Section>
  );
}

function EndingSoon() {
  const { settings: { lifecycle } } = useSession();
  const { value, failure, isLoading, reload } = useLoad<KeyList>('/keys?status=active&sort=expiresAt&limit=10');
  const now = Date.now();
  const ending = value?.keys.filter((key) => { const end = endOf(key); return end !== undefined && Date.parse(end) - now < Math.max(lifecycle.expiringWithinMs, 0); });
  return (
    <Section title="Ending soon" id="ending" aside={<a href="#/keys?sort=expiresAt&status=active">All, by their end</a>}>
      {failure !== undefined && <FailureNotice failure={failure} onRetry={reload} />}
      {isLoading && <Waiting what="keys" />}
      {ending?.length === 0 && <Empty title={`No key ends within ${span(lifecycle.expiringWithinMs)}`} />}
      <ul class="list">
        {ending?.map((key) => <li key={key.id}><a href={hrefTo('keys', key.id)}><Words text={key.name} /></a><span>ends <Time at={endOf(key)} now={now} /></span></li>)}
      </ul>
    </Section>
  );
}

function Newest() {
  const { value, failure, isLoading, reload } = useLoad<KeyList>('/keys?limit=5');
  const may = useMay();
  return (
    <Section title="Newest keys" id="newest" aside={<a href="#/keys">All keys</a>}>
      {failure !== undefined && <FailureNotice failure={failure} onRetry={reload} />}
      {isLoading && <Waiting what="keys" />}
      {value?.keys.length === 0 && <Empty title="No keys yet">{may('create') && <LinkButton href="#/new" tone="main">Create the first key</LinkButton>}</Empty>}
      <ul class="list">
        {value?.keys.map((key) => <li key={key.id}><a href={hrefTo('keys', key.id)}><Words text={key.name} /></a><span class="quiet"><Time at={key.createdAt} now={Date.now()} /></span></li>)}
      </ul>
    </Section>
  );
}
