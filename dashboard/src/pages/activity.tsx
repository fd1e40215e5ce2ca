import { useEffect, useMemo, useState } from 'preact/hooks';
import { apiAddress } from '../api/client.js';
import type { ActivityPage } from '../api/types.js';
import { SelectField, TextField, type Choice } from '../form/fields.js';
import { useLoad, useSettled } from '../lib/load.js';
import { replaceQuery } from '../lib/router.js';
import { useSession } from '../lib/session.js';
import { ifKept, isNotKept } from '../lib/usage.js';
import { codeText } from '../lib/words.js';
import { Button, Empty } from '../parts/basics.js';
import { ActivityTable, NoActivity } from '../parts/activity-table.js';
import { Heading } from '../parts/heading.js';
import { FailureNotice, Waiting } from '../parts/notices.js';

const NO_FILTERS = { keyId: '', tenantId: '', by: '', action: '', result: '', from: '', to: '' };
type Values = typeof NO_FILTERS;
const ACTIONS: readonly Choice[] = [
  ['', 'Everything'], ['request', 'Requests'], ['unusual', 'Unusual use'],
  ...['created', 'imported', 'updated', 'rotated', 'regenerated', 'replaced', 'disabled', 'enabled', 'revoked', 'deleted', 'undeleted', 'purged'].map((action): Choice => [action, codeText(action)]),
];

/** The filters as the API takes them: days are from their first moment to the next day's, in the person's time zone. */
function readFilters({ from, to, ...others }: Values): URLSearchParams {
  const day = (text: string, days: number): string => { const at = new Date(`${text}T00:00`); at.setDate(at.getDate() + days); return Number.isNaN(at.getTime()) ? '' : at.toISOString(); };
  const all = { ...others, from: from === '' ? '' : day(from, 0), to: to === '' ? '' : day(to, 1) };
  return new URLSearchParams(Object.entries(all).filter(([, value]) => value !== ''));
}

export function Activity({ query }: { readonly query: URLSearchParams }) {
  const { settings } = useSession();
  const [values, setValues] = useState<Values>(() => Object.fromEntries(Object.keys(NO_FILTERS).map((name) => [name, query.get(name) ?? ''])) as Values);
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const settled = useSettled(values, 250);
  const asked = useMemo(() => readFilters(settled), [settled]);
  useEffect(() => { replaceQuery(new URLSearchParams(Object.entries(settled).filter(([, value]) => value !== ''))); }, [settled]);
  const cursor = cursors.at(-1);
  const { value, failure, isLoading, reload } = useLoad<ActivityPage>(ifKept(settings, 'activity', `/activity?${new URLSearchParams([...asked, ['limit', '50'], ...(cursor === undefined ? [] : [['cursor', cursor]])] as [string, string][]).toString()}`));
  const isMissing = !settings.activity || (failure !== undefined && isNotKept(failure));
  const change = (changes: Partial<Values>): void => { setValues((before) => ({ ...before, ...changes })); setCursors([]); };
  const isFiltered = Object.values(settled).some((text) => text !== '');
  const clear = <Button onClick={() => { change(NO_FILTERS); }}>Clear the filters</Button>;
  const download = (format: string): string => apiAddress(`/activity/export?${new URLSearchParams([...asked, ['format', format]]).toString()}`);
  return (
    <>
      <Heading title="Activity" text="Activity" aside={!isMissing && <><a class="button plain" href={download('csv')} download>Export CSV</a><a class="button plain" href={download('ndjson')} download>Export NDJSON</a></>} />
      {isMissing && <NoActivity />}
      {!isMissing && (
        <form class="filters many" role="search" aria-label="Filter the activity" onSubmit={(event) => { event.preventDefault(); }}>
          <TextField at="" label="Key" value={values.keyId} placeholder="Exact id" onValue={(keyId) => { change({ keyId }); }} />
          {settings.tenantId === undefined && <TextField at="" label="Tenant" value={values.tenantId} placeholder="Exact id" onValue={(tenantId) => { change({ tenantId }); }} />}
          <SelectField at="" label="What" value={values.action} choices={ACTIONS} onValue={(action) => { change({ action }); }} />
          <TextField at="" label="Result" value={values.result} placeholder="ok, or a code" onValue={(result) => { change({ result }); }} />
          <TextField at="" label="By" value={values.by} placeholder="Who" onValue={(by) => { change({ by }); }} />
          <TextField at="" label="From" type="date" value={values.from} onValue={(from) => { change({ from }); }} />
          <TextField at="" label="To" type="date" value={values.to} onValue={(to) => { change({ to }); }} />
          {isFiltered && clear}
        </form>
      )}
      {!isMissing && failure !== undefined && <FailureNotice failure={failure} onRetry={reload} />}
      {isLoading && <Waiting what="activity" />}
      {value !== undefined && (value.entries.length === 0 && isFiltered ? <Empty title="Nothing fits these filters"><p>Keys, tenants and people are found by their whole names alone.</p></Empty> : <ActivityTable entries={value.entries} withKeys />)}
      {value !== undefined && (cursors.length > 0 || value.nextCursor !== undefined) && (
        <nav class="pager" aria-label="Pages of activity">
          <Button disabled={cursors.length === 0} onClick={() => { setCursors(cursors.slice(0, -1)); }}>← Newer</Button>
          <Button disabled={value.nextCursor === undefined} onClick={() => { if (value.nextCursor !== undefined) setCursors([...cursors, value.nextCursor]); }}>Older →</Button>
        </nav>
      )}
    </>
  );
}
