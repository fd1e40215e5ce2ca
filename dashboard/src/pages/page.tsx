import type { Route } from '../lib/router.js';
import { Empty, LinkButton } from '../parts/basics.js';
import { Activity } from './activity.js';
import { EditKey } from './edit-key.js';
import { KeyDetail } from './key-detail.js';
import { KeyList } from './key-list.js';
import { NewKey } from './new-key.js';
import { Overview } from './overview.js';
import { Tester } from './tester.js';

/** The page that an address stands for. A key's pages are made anew for another key: nothing of the one before is left in them. */
export function Page({ route: { parts, query, visit } }: { readonly route: Route }) {
  const [place, id, action] = parts;
  if (place === undefined) return <Overview />;
  if (place === 'keys' && id === undefined) return <KeyList key={visit} query={query} />;
  if (place === 'new' && id === undefined) return <NewKey />;
  if (place === 'activity' && id === undefined) return <Activity key={visit} query={query} />;
  if (place === 'keys' && id !== undefined && action === undefined) return <KeyDetail key={id} id={id} />;
  if (place === 'keys' && id !== undefined && action === 'edit') return <EditKey key={id} id={id} />;
  if (place === 'keys' && id !== undefined && action === 'test') return <Tester key={id} id={id} />;
  return (
    <Empty title="There is no such page">
      <p>The address may be incomplete.</p>
      <LinkButton href="#/keys">All keys</LinkButton>
    </Empty>
  );
}
