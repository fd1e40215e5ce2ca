import { useState } from 'preact/hooks';
import type { Failure } from '../api/client.js';
import type { ApiKey } from '../api/types.js';
import { goTo, hrefTo } from '../lib/router.js';
import { useMay, useSession } from '../lib/session.js';
import { useWork } from '../lib/work.js';
import { Button, Words } from './basics.js';
import { FailureNotice } from './notices.js';

/** Brings a deleted key back, and leads to it. */
export function Restore({ apiKey: { id, name, version } }: { readonly apiKey: ApiKey }) {
  const { client, say } = useSession();
  const may = useMay();
  const [failure, setFailure] = useState<Failure>();
  const [isBusy, begin] = useWork();
  if (!may('undelete')) return null;
  const restore = async (): Promise<void> => {
    const outcome = await client.ask<ApiKey>('POST', `/keys/${encodeURIComponent(id)}/undelete`, { body: {}, version });
    setFailure(outcome.ok ? undefined : outcome);
    if (!outcome.ok) return;
    say('Restored');
    goTo(hrefTo('keys', id));
  };
  return (
    <>
      <p class="restore"><Button busy={isBusy} onClick={() => { begin(restore); }}>Restore<span class="visually-hidden"> <Words text={name} /></span></Button></p>
      {failure !== undefined && <FailureNotice failure={failure} />}
    </>
  );
}
