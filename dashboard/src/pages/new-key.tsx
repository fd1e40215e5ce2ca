import { useMemo, useState } from 'preact/hooks';
import type { CreatedKey } from '../api/types.js';
import { emptyDraft } from '../form/draft.js';
import { ComplaintsContext } from '../form/errors.js';
import { KeyForm } from '../form/key-form.js';
import { Problems } from '../form/problems.js';
import { readNew } from '../form/settings.js';
import { useKeyForm } from '../form/use-key-form.js';
import { useLeaveGuard } from '../lib/leaving.js';
import { hrefTo } from '../lib/router.js';
import { useSession } from '../lib/session.js';
import { useWork } from '../lib/work.js';
import { Button, LinkButton } from '../parts/basics.js';
import { Heading } from '../parts/heading.js';
import { Notice } from '../parts/notices.js';
import { ShownOnce } from '../parts/shown-once.js';

/** Makes a key, and shows it this once. */
export function NewKey() {
  const { client, settings } = useSession();
  const form = useKeyForm(() => emptyDraft(settings), readNew, '/keys/check');
  const [made, setMade] = useState<CreatedKey>();
  const [lostId, setLostId] = useState<string>();
  const [isBusy, begin] = useWork();
  const text = JSON.stringify(form.draft);
  // A repeat of the same form after a lost answer must not make a second key.
  const idempotencyKey = useMemo(() => crypto.getRandomValues(new Uint32Array(4)).join('-'), [text]);
  useLeaveGuard(made === undefined && form.isChanged ? 'The key has not been created yet. Leave without it?' : undefined);

  const send = async (): Promise<void> => {
    form.markSent();
    if (!form.read.ok) return;
    const outcome = await client.ask<CreatedKey>('POST', '/keys', { body: form.read.body, idempotencyKey });
    form.setFailure(outcome.ok ? undefined : outcome);
    setLostId(!outcome.ok && outcome.code === 'idempotency_key_used' ? outcome.id : undefined);
    if (outcome.ok) setMade(outcome.value);
  };

  if (made !== undefined) return <ShownOnce created={made} title="The key is ready" />;
  return (
    <form novalidate onSubmit={(event) => { event.preventDefault(); begin(send); }}>
      <Heading title="Create a key" text="Create a key" back={['#/keys', 'Keys']} />
      <ComplaintsContext.Provider value={form.complaints}>
        <KeyForm draft={form.draft} edit={form.edit} isNew />
        {lostId === undefined ? <Problems form={form} /> : <Lost id={lostId} />}
      </ComplaintsContext.Provider>
      <div class="actions">
        <Button type="submit" tone="main" busy={isBusy}>Create key</Button>
        <LinkButton href="#/keys">Cancel</LinkButton>
      </div>
    </form>
  );
}

/** The connection broke between the making and the telling: the plaintext is gone, the key is not. */
const Lost = ({ id }: { readonly id: string }) => (
  <Notice tone="warn" title="The key was made, but its answer was lost" urgent>
    <p>A key is told once, and that telling did not arrive. Rotate the key to get one in its place, or revoke it.</p>
    <LinkButton href={hrefTo('keys', id)}>Look at the key</LinkButton>
  </Notice>
);
