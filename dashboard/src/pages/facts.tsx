import type { ComponentChildren } from 'preact';
import type { ApiKey } from '../api/types.js';
import type { Access } from '../form/draft.js';
import { moment } from '../lib/words.js';
import { Section, Time, Words } from '../parts/basics.js';

type Fact = readonly [name: string, value: ComponentChildren];

/** Everything that has been said about a key. What has not is not listed, but for what then holds. */
export function Facts({ apiKey, now }: { readonly apiKey: ApiKey; readonly now: number }) {
  const when = (at: string | undefined): ComponentChildren => at !== undefined && <><Time at={at} now={now} /> <span class="quiet">({moment(at)})</span></>;
  const facts: Fact[] = [
    ['Id', <Words text={apiKey.id} mono />],
    ['Environment', apiKey.environment],
    ['Tenant', apiKey.tenantId !== undefined && <Words text={apiKey.tenantId} />],
    ['Owner', apiKey.owner !== undefined && <>{apiKey.owner.type} <Words text={apiKey.owner.id} /></>],
    ['Slot', apiKey.slot],
    ['Scopes', <Tags tags={apiKey.scopes} nothing="none: it may do what asks for no scope" />],
    ['Endpoints', endpointText(apiKey.access ?? {})],
    ...accessFacts(apiKey.access ?? {}),
    ['Created', when(apiKey.createdAt)],
    ['Changed', apiKey.version > 1 && when(apiKey.updatedAt)],
    ['Works from', when(apiKey.notBefore)],
    ['Ends', when(apiKey.expiresAt) || 'never'],
    ['Grace period', apiKey.graceExpiresAt !== undefined && <>until {when(apiKey.graceExpiresAt)}</>],
    ['Disabled', when(apiKey.disabledAt)],
    ['Revoked', apiKey.revokedAt !== undefined && <>{when(apiKey.revokedAt)}{apiKey.revokedBy !== undefined && <> by <Words text={apiKey.revokedBy} /></>}{apiKey.revokedReason !== undefined && <>: <Words text={apiKey.revokedReason} /></>}</>],
    ['Last used', apiKey.lastUsedAt === undefined ? 'never' : <>{when(apiKey.lastUsedAt)}{apiKey.lastUsedIp !== undefined && <> from <Words text={apiKey.lastUsedIp} mono /></>}</>],
    ['Tags', apiKey.tags !== undefined && <Tags tags={apiKey.tags} nothing="none" />],
    ['Metadata', apiKey.metadata !== undefined && <pre tabIndex={0} aria-label="Metadata">{JSON.stringify(apiKey.metadata, null, 2)}</pre>],
  ];
  return (
    <Section title="Settings" id="facts">
      <dl class="facts">
        {facts.filter(([, value]) => value !== false && value !== undefined).map(([name, value]) => [<dt key={name}>{name}</dt>, <dd key={`${name} value`}>{value}</dd>])}
      </dl>
    </Section>
  );
}

const Tags = ({ tags, nothing }: { readonly tags: readonly string[]; readonly nothing: string }) =>
  tags.length === 0 ? <span class="quiet">{nothing}</span> : <span class="tags">{tags.map((tag) => <span class="tag" key={tag}><Words text={tag} /></span>)}</span>;

function endpointText({ endpoints = 'all' }: Access): ComponentChildren {
  if (typeof endpoints === 'string') return endpoints;
  return 'allow' in endpoints ? <Tags tags={endpoints.allow} nothing="none" /> : <>all but <Tags tags={endpoints.deny} nothing="none" /></>;
}

function accessFacts({ ips = {}, origins, realtime }: Access): Fact[] {
  return [
    ['Only from', ips.allow !== undefined && <Tags tags={ips.allow} nothing="nowhere" />],
    ['Never from', ips.deny !== undefined && <Tags tags={ips.deny} nothing="nowhere" />],
    ['Origins', origins !== undefined && (typeof origins === 'string' ? (origins === 'server-only' ? 'servers only' : origins) : <Tags tags={origins} nothing="none" />)],
    ['Realtime', realtime === false && 'no'],
  ];
}
