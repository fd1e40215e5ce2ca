import type { ApiKey } from '../api/types.js';
import { endOf } from '../lib/risks.js';
import { hrefTo } from '../lib/router.js';
import { useSession } from '../lib/session.js';
import { UNUSUAL } from '../lib/unusual.js';
import { Badge, StatusBadge, Time, Words } from './basics.js';
import { Restore } from './restore.js';
import { Risks } from './risks.js';

const COLUMNS = [['name', 'Name'], [undefined, 'Status'], [undefined, 'Tenant'], ['-createdAt', 'Created'], ['-lastUsedAt', 'Last used'], ['expiresAt', 'Ends']] as const;

/** Which way a column is sorted; `''` is newest first. */
function sortOf(column: string | undefined, sort: string): 'ascending' | 'descending' | undefined {
  const current = sort === '' ? '-createdAt' : sort;
  if (column === undefined || current.replace('-', '') !== column.replace('-', '')) return undefined;
  return current.startsWith('-') ? 'descending' : 'ascending';
}

/** Turns a column round when it is sorted by it already. */
const turned = (column: string, sort: string): string => {
  const current = sort === '' ? '-createdAt' : sort;
  if (current !== column) return column;
  return column.startsWith('-') ? column.slice(1) : `-${column}`;
};

interface TableProps {
  readonly keys: readonly ApiKey[];
  /** What was unusual of late about the use of each. */
  readonly unusual: ReadonlyMap<string, readonly string[]>;
  readonly sort?: string;
  readonly onSort?: (sort: string) => void;
}

/** Keys in rows; on a phone each row is a card. */
export function KeyTable({ keys, unusual, sort = '', onSort }: TableProps) {
  const now = Date.now();
  return (
    <div class="table-frame">
      <table class="keys cards">
        <thead>
          <tr>
            {COLUMNS.map(([column, text]) => (
              <th key={text} scope="col" aria-sort={sortOf(column, sort)}>
                {column === undefined || onSort === undefined ? text : <button type="button" class="sorter" onClick={() => { onSort(turned(column, sort)); }}>{text}</button>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{keys.map((key) => <Row key={key.id} apiKey={key} unusual={unusual.get(key.id) ?? []} now={now} />)}</tbody>
      </table>
    </div>
  );
}

function Row({ apiKey, unusual, now }: { readonly apiKey: ApiKey; readonly unusual: readonly string[]; readonly now: number }) {
  const { settings } = useSession();
  const { id, name, masked, environment, status, tenantId, createdAt, lastUsedAt, deletedAt } = apiKey;
  const says = unusual.map((kind) => UNUSUAL.get(kind)?.text ?? kind).join(', ');
  return (
    <tr>
      <th scope="row">
        {deletedAt === undefined ? <a class="key-name" href={hrefTo('keys', id)}><Words text={name} /></a> : <span class="key-name"><Words text={name} /></span>}
        <span class="key-sub"><code>{masked}</code> <span class="quiet">{environment}</span></span>
        {deletedAt !== undefined && <Restore apiKey={apiKey} />}
      </th>
      <td data-label="Status">
        <span class="badges">
          {deletedAt === undefined ? <StatusBadge status={status} /> : <Badge tone="bad">Deleted <Time at={deletedAt} now={now} /></Badge>}
          {says !== '' && <Badge tone="bad" title={says}>Unusual use</Badge>}
          <Risks apiKey={apiKey} settings={settings} now={now} />
        </span>
      </td>
      <td data-label="Tenant">{tenantId === undefined ? <span class="quiet">none</span> : <Words text={tenantId} />}</td>
      <td data-label="Created"><Time at={createdAt} now={now} /></td>
      <td data-label="Last used"><Time at={lastUsedAt} now={now} /></td>
      <td data-label="Ends"><Time at={endOf(apiKey)} now={now} /></td>
    </tr>
  );
}
