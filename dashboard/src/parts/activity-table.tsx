import type { ActivityEntry } from '../api/types.js';
import { hrefTo } from '../lib/router.js';
import { codeText, second } from '../lib/words.js';
import { Badge, Empty, Words } from './basics.js';
import { UnusualBadge } from './unusual-badge.js';

/** Who has done what nobody has put their name to. */
const DOERS: ReadonlyMap<string, string> = new Map([['request', 'the key'], ['unusual', 'keystile']]);

export const NoActivity = () => (
  <Empty title="Activity is not written down here">
    <p>Whoever runs this server can have it written down: <code>createKeyring({'{ activity: … }'})</code>.</p>
  </Empty>
);

/** Who did what to which key, newest first. */
export function ActivityTable({ entries, withKeys }: { readonly entries: readonly ActivityEntry[]; readonly withKeys: boolean }) {
  if (entries.length === 0) return <Empty title="Nothing has happened yet"><p>Requests and changes stand here as soon as there are any.</p></Empty>;
  return (
    <div class="table-frame" tabIndex={0} role="region" aria-label="Activity">
      <table class="cards">
        <thead><tr><th scope="col">When</th><th scope="col">What</th><th scope="col">Result</th>{withKeys && <th scope="col">Key</th>}<th scope="col">By</th><th scope="col">From</th></tr></thead>
        <tbody>{entries.map((entry, index) => <Row key={`${entry.at} ${String(index)}`} entry={entry} withKeys={withKeys} />)}</tbody>
      </table>
    </div>
  );
}

const Row = ({ entry: { at, action, result, keyId, by, ip, method, path }, withKeys }: { readonly entry: ActivityEntry; readonly withKeys: boolean }) => (
  <tr>
    <td data-label="When"><time dateTime={at}>{second(at)}</time></td>
    <td data-label="What">{action === 'request' ? <Words text={`${method ?? ''} ${path ?? ''}`.trim() || 'Request'} mono /> : codeText(action)}</td>
    <td data-label="Result">{action === 'unusual' ? <UnusualBadge kind={result} /> : <Badge tone={result === 'ok' ? 'good' : 'bad'}>{result === 'ok' ? 'OK' : codeText(result)}</Badge>}</td>
    {withKeys && <td data-label="Key"><a href={hrefTo('keys', keyId)}><Words text={keyId} mono /></a></td>}
    <td data-label="By">{by === undefined ? <span class="quiet">{DOERS.get(action) ?? 'not said'}</span> : <Words text={by} />}</td>
    <td data-label="From">{ip === undefined ? <span class="quiet">unknown</span> : <Words text={ip} mono />}</td>
  </tr>
);
