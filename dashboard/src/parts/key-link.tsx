import type { ApiKey } from '../api/types.js';
import { useLoad } from '../lib/load.js';
import { hrefTo } from '../lib/router.js';
import { Words } from './basics.js';

/** A key of which only the id is at hand: its name, once that is known. One that has been deleted keeps its id. */
export function KeyLink({ id }: { readonly id: string }) {
  const { value } = useLoad<ApiKey>(`/keys/${encodeURIComponent(id)}`);
  return <a href={hrefTo('keys', id)}><Words text={value?.name ?? id} mono={value === undefined} /></a>;
}
