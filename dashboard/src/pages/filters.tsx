import { useSession } from '../lib/session.js';
import { codeText } from '../lib/words.js';
import { Button } from '../parts/basics.js';
import { SelectField, TextField, type Choice } from '../form/fields.js';

/** What the list is asked for, named as the API names it; an empty text is no filter. */
export interface FilterValues {
  readonly search: string;
  readonly status: string;
  readonly environment: string;
  readonly tenantId: string;
  readonly tag: string;
  readonly sort: string;
}

export const NO_FILTERS: FilterValues = { search: '', status: '', environment: '', tenantId: '', tag: '', sort: '' };

/** To the API no status, but keys apart. */
export const DELETED = 'deleted';

const STATUSES: readonly Choice[] = [['', 'Any'], ...['active', 'scheduled', 'disabled', 'expired', 'revoked', DELETED].map((status): Choice => [status, codeText(status)])];
const SORTS: readonly Choice[] = [['', 'Newest first'], ['createdAt', 'Oldest first'], ['name', 'Name A–Z'], ['-name', 'Name Z–A'], ['-lastUsedAt', 'Last used'], ['lastUsedAt', 'Longest unused'], ['expiresAt', 'Ends first']];

export function Filters({ values, onChange }: { readonly values: FilterValues; readonly onChange: (changes: Partial<FilterValues>) => void }) {
  const { settings } = useSession();
  const isFiltered = Object.values(values).some((value) => value !== '');
  return (
    <form class="filters" role="search" aria-label="Filter the keys" onSubmit={(event) => { event.preventDefault(); }}>
      <TextField at="" type="search" label="Search" value={values.search} placeholder="Name, id, tenant or owner" onValue={(search) => { onChange({ search }); }} />
      <SelectField at="" label="Status" value={values.status} choices={STATUSES} onValue={(status) => { onChange({ status }); }} />
      <SelectField at="" label="Environment" value={values.environment} choices={[['', 'Any'], ...settings.environments.map((name): Choice => [name, codeText(name)])]} onValue={(environment) => { onChange({ environment }); }} />
      {settings.tenantId === undefined && <TextField at="" label="Tenant" value={values.tenantId} placeholder="Exact id" onValue={(tenantId) => { onChange({ tenantId }); }} />}
      <TextField at="" label="Tag" value={values.tag} placeholder="Exact tag" onValue={(tag) => { onChange({ tag }); }} />
      <SelectField at="" label="Sort" value={values.sort} choices={SORTS} onValue={(sort) => { onChange({ sort }); }} />
      {isFiltered && <Button onClick={() => { onChange(NO_FILTERS); }}>Clear</Button>}
    </form>
  );
}
