import type { ApiKey } from '../api/types.js';
import { useLoad } from '../lib/load.js';
import { hrefTo } from '../lib/router.js';
import { Section, StatusBadge, Time, Words } from '../parts/basics.js';

/** The keys before and after it. */
export function Related({ apiKey: { rotatedFrom, replacedBy }, now }: { readonly apiKey: ApiKey; readonly now: number }) {
  if (rotatedFrom === undefined && replacedBy === undefined) return null;
  return (
    <Section title="Related keys" id="related">
      <ul class="list">
        {rotatedFrom !== undefined && <Relative id={rotatedFrom} relation="Took the place of" now={now} />}
        {replacedBy !== undefined && <Relative id={replacedBy} relation="Its place was taken by" now={now} />}
      </ul>
    </Section>
  );
}

function Relative({ id, relation, now }: { readonly id: string; readonly relation: string; readonly now: number }) {
  const { value } = useLoad<ApiKey>(`/keys/${encodeURIComponent(id)}`);
  return (
    <li>
      <span>{relation} <a href={hrefTo('keys', id)}><Words text={value?.masked ?? id} mono /></a></span>
      {value !== undefined && <span class="badges"><StatusBadge status={value.status} /> <span class="quiet">created <Time at={value.createdAt} now={now} /></span></span>}
    </li>
  );
}
