import { useCallback, useState } from 'preact/hooks';
import type { ApiKey } from '../api/types.js';
import { merge, type Merge } from '../form/conflict.js';
import { draftOf, type Draft } from '../form/draft.js';
import { ComplaintsContext } from '../form/errors.js';
import { KeyForm } from '../form/key-form.js';
import { Problems } from '../form/problems.js';
import { readChanges } from '../form/settings.js';
import { useKeyForm } from '../form/use-key-form.js';
import { useLeaveGuard } from '../lib/leaving.js';
import { useLoad } from '../lib/load.js';
import { goTo, hrefTo } from '../lib/router.js';
import { useSession } from '../lib/session.js';
import { useWork } from '../lib/work.js';
import { Button, LinkButton, Words } from '../parts/basics.js';
import { Heading } from '../parts/heading.js';
import { FailureNotice, Notice, Waiting } from '../parts/notices.js';

export function EditKey({ id }: { readonly id: string }) {
  const { value, failure, reload } = useLoad<ApiKey>(`/keys/${encodeURIComponent(id)}`);
  // The form begins with the key as it was first read; what is read later is for comparing.
  const [first, setFirst] = useState<ApiKey>();
  if (first === undefined && value !== undefined) setFirst(value);
  if (first !== undefined) return <Form apiKey={first} />;
  return failure === undefined ? <Waiting what="the key" /> : <FailureNotice failure={failure} onRetry={reload} />;
}

function Form({ apiKey }: { readonly apiKey: ApiKey }) {
  const { client, say } = useSession();
  // The version that the form is based on: a later one after somebody else's change has been looked at.
  const [base, setBase] = useState(apiKey);
  const [merged, setMerged] = useState<Merge>();
  const [isBusy, begin] = useWork();
  const [isSaved, setIsSaved] = useState(false);
  const path = `/keys/${encodeURIComponent(apiKey.id)}`;
  const toBody = useCallback((draft: Draft, now: number) => readChanges(draft, base, now), [base]);
  const form = useKeyForm(() => draftOf(apiKey), toBody, `${path}/check`);
  useLeaveGuard(form.isChanged && !isSaved ? 'Your changes have not been saved. Leave without them?' : undefined);

  const bringUpToDate = async (): Promise<void> => {
    const current = await client.ask<ApiKey>('GET', path);
    if (!current.ok) return;
    const next = merge(form.draft, base, current.value);
    form.setDraft(next.draft);
    setBase(current.value);
    setMerged(next);
  };
  const save = async (): Promise<void> => {
    form.markSent();
    if (!form.read.ok) return;
    const outcome = await client.ask<ApiKey>('PATCH', path, { body: form.read.body, version: base.version });
    if (!outcome.ok && outcome.code === 'version_conflict') await bringUpToDate();
    else form.setFailure(outcome.ok ? undefined : outcome);
    if (outcome.ok) {
      setIsSaved(true);
      say('Saved');
    }
  };
  // Once the guard knows that nothing is left to save.
  if (isSaved) queueMicrotask(() => { goTo(hrefTo('keys', apiKey.id)); });
  return (
    <form novalidate onSubmit={(event) => { event.preventDefault(); begin(save); }}>
      <Heading title={<>Edit <Words text={apiKey.name} /></>} text={`Edit ${apiKey.name}`} back={[hrefTo('keys', apiKey.id), 'Back to the key']} />
      <ComplaintsContext.Provider value={form.complaints}>
        <KeyForm draft={form.draft} edit={form.edit} isNew={false} />
        <Problems form={form} />
        {merged !== undefined && <Conflict merged={merged} theirs={draftOf(base)} />}
      </ComplaintsContext.Provider>
      <div class="actions">
        <Button type="submit" tone="main" busy={isBusy}>{merged === undefined ? 'Save' : 'Save all the same'}</Button>
        <LinkButton href={hrefTo('keys', apiKey.id)}>Cancel</LinkButton>
      </div>
    </form>
  );
}

/** What others have done meanwhile, and what saving would undo. */
const Conflict = ({ merged: { theirs, both }, theirs: current }: { readonly merged: Merge; readonly theirs: Draft }) => (
  <Notice tone="warn" title="Somebody else has changed this key meanwhile" urgent>
    <p>Nothing you have typed is lost. {theirs.length > both.length ? 'What they changed and you did not now stands in the form. ' : ''}{both.length > 0 ? 'Saving puts your words in the place of these:' : 'Look it over, then save.'}</p>
    {both.length > 0 && <ul>{both.map((name) => <li key={name}><p><strong>{name}</strong>: they wrote <Words text={textOf(current[name])} /></p></li>)}</ul>}
  </Notice>
);

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
