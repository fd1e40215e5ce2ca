import { Section } from '../parts/basics.js';
import type { Draft } from './draft.js';
import { AreaField, CheckField, RadioField } from './fields.js';
import type { PartProps } from './key-form.js';

const ENDPOINTS = [['all', 'All'], ['none', 'None'], ['allow', 'Only these'], ['deny', 'All but these']] as const;
const ORIGINS = [['all', 'Anywhere'], ['only', 'Only pages of these'], ['server-only', 'Servers only']] as const;

/** Where and for what it may be used. */
export function AccessPart({ draft, edit }: PartProps) {
  const isListed = draft.endpointsBy === 'allow' || draft.endpointsBy === 'deny';
  return (
    <Section title="Where it may be used" id="part-access">
      <RadioField at={isListed ? undefined : '/access/endpoints'} label="Endpoints" value={draft.endpointsBy} choices={ENDPOINTS} onValue={(value) => { edit({ endpointsBy: value as Draft['endpointsBy'] }); }} hint={draft.endpointsBy === 'none' ? 'It can open WebSockets, if realtime is on, and nothing else.' : undefined} />
      {isListed && <AreaField at="/access/endpoints" label={draft.endpointsBy === 'allow' ? 'Only these endpoints' : 'All but these endpoints'} value={draft.endpoints} onValue={(endpoints) => { edit({ endpoints }, '/access/endpoints'); }} placeholder={'GET /orders/:id\n/reports/*rest'} hint="One a line: a method if you like, and a path. An empty list allows nothing or denies nothing." />}
      <div class="columns">
        <AreaField at="/access/ips/allow" label="Only from these addresses" value={draft.ipsAllow} onValue={(ipsAllow) => { edit({ ipsAllow }, '/access/ips/allow'); }} placeholder={'203.0.113.7\n2001:db8::/32'} hint="One a line, single or as a range. Empty: from anywhere." />
        <AreaField at="/access/ips/deny" label="Never from these addresses" value={draft.ipsDeny} onValue={(ipsDeny) => { edit({ ipsDeny }, '/access/ips/deny'); }} placeholder="198.51.100.0/24" hint="Goes before what is allowed." />
      </div>
      <RadioField at={draft.originsBy === 'only' ? undefined : '/access/origins'} label="Origins" value={draft.originsBy} choices={ORIGINS} onValue={(value) => { edit({ originsBy: value as Draft['originsBy'] }); }} hint={draft.originsBy === 'server-only' ? 'Whatever a browser sends is refused: for keys that must never be in a front end.' : undefined} />
      {draft.originsBy === 'only' && <AreaField at="/access/origins" label="Only pages of these origins" value={draft.origins} onValue={(origins) => { edit({ origins }, '/access/origins'); }} placeholder={'https://app.example.com\n*.example.com'} hint="One a line: an origin, a host, or *. for every subdomain." />}
      <CheckField label="Realtime" hint="It may open WebSockets and event streams." checked={draft.realtime} onChecked={(realtime) => { edit({ realtime }); }} />
    </Section>
  );
}
