import { useEffect, useMemo, useState } from 'preact/hooks';
import type { KeyList as Page } from '../api/types.js';
import { useLoad, useSettled } from '../lib/load.js';
import { replaceQuery } from '../lib/router.js';
import { useMay } from '../lib/session.js';
import { useUnusual } from '../lib/unusual.js';
import { Button, Empty, LinkButton } from '../parts/basics.js';
import { Heading } from '../parts/heading.js';
import { KeyTable } from '../parts/key-table.js';
import { FailureNotice, Waiting } from '../parts/notices.js';
import { DELETED, Filters, NO_FILTERS, type FilterValues } from './filters.js';

const PAGE_SIZE = '50';
const TYPING_MS = 250;

/** All keys, a page at a time: the server searches, sorts and cuts, so a hundred thousand are no more work here than ten. */
export function KeyList({ query }: { readonly query: URLSearchParams }) {
  const [filters, setFilters] = useState<FilterValues>(() => Object.fromEntries(Object.entries(NO_FILTERS).map(([name, value]) => [name, query.get(name) ?? value])) as unknown as FilterValues);
  // Cursors of the pages before; the last one is that of the page in sight.
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const settled = useSettled(filters, TYPING_MS);
  const search = useMemo(() => new URLSearchParams(Object.entries(settled).filter(([, value]) => value !== '')), [settled]);
  useEffect(() => { replaceQuery(search); }, [search]);

  const cursor = cursors.at(-1);
  const { value, failure, isLoading, reload } = useLoad<Page>(`/keys?${askedFor(search, cursor).toString()}`);
  const unusual = useUnusual();
  const change = (changes: Partial<FilterValues>): void => {
    setFilters((before) => ({ ...before, ...changes }));
    setCursors([]);
  };
  const isFiltered = Object.entries(settled).some(([name, text]) => name !== 'sort' && text !== '');
  const may = useMay();
  return (
    <>
      <Heading title="Keys" text="Keys" aside={may('create') && <LinkButton href="#/new" tone="main">Create key</LinkButton>} />
      <Filters values={filters} onChange={change} />
      {failure !== undefined && <FailureNotice failure={failure} onRetry={reload} />}
      {isLoading && <Waiting what="keys" />}
      {value !== undefined && (value.keys.length === 0 ? <NoKeys isFiltered={isFiltered} onClear={() => { change(NO_FILTERS); }} /> : <KeyTable keys={value.keys} unusual={unusual} sort={filters.sort} onSort={(sort) => { change({ sort }); }} />)}
      {value !== undefined && (cursors.length > 0 || value.nextCursor !== undefined) && (
        <nav class="pager" aria-label="Pages of the list">
          <Button disabled={cursors.length === 0} onClick={() => { setCursors(cursors.slice(0, -1)); }}>← Previous</Button>
          <span class="quiet">Page {cursors.length + 1}</span>
          <Button disabled={value.nextCursor === undefined} onClick={() => { if (value.nextCursor !== undefined) setCursors([...cursors, value.nextCursor]); }}>Next →</Button>
        </nav>
      )}
    </>
  );
}

/** The filters as the API takes them, and the place in the list. */
function askedFor(search: URLSearchParams, cursor: string | undefined): URLSearchParams {
  const asked = new URLSearchParams([...search, ['limit', PAGE_SIZE], ...(cursor === undefined ? [] : [['cursor', cursor]])] as [string, string][]);
  if (asked.get('status') === DELETED) {
    asked.delete('status');
    asked.set('deleted', 'true');
  }
  return asked;
}

function NoKeys({ isFiltered, onClear }: { readonly isFiltered: boolean; readonly onClear: () => void }) {
  const may = useMay();
  if (isFiltered) {
    return (
      <Empty title="No key fits these filters">
        <p>Search looks for a part of the id, name, tenant or owner.</p>
        <Button onClick={onClear}>Clear the filters</Button>
      </Empty>
    );
  }
  return (
    <Empty title="No keys yet">
      <p>A key lets a program call this API in somebody’s name.</p>
      {may('create') ? <LinkButton href="#/new" tone="main">Create the first key</LinkButton> : <p>You may look at keys, not create them.</p>}
    </Empty>
  );
}
