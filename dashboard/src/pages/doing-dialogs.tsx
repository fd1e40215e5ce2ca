import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { Failure, Sending } from '../api/client.js';
import type { ApiKey } from '../api/types.js';
import { SelectField, TextField, type Choice } from '../form/fields.js';
import { useSession } from '../lib/session.js';
import { useWork } from '../lib/work.js';
import { DAY, span } from '../lib/words.js';
import { Button, Words } from '../parts/basics.js';
import { Dialog } from '../parts/dialog.js';
import { FailureNotice } from '../parts/notices.js';

export interface DialogProps {
  readonly apiKey: ApiKey;
  readonly onClose: () => void;
  readonly onDone: (value: unknown) => void;
}

interface Asking extends DialogProps {
  readonly title: string;
  readonly button: string;
  readonly method?: 'POST' | 'DELETE';
  readonly path: string;
  readonly sending: Sending;
  /** What has to be typed first. */
  readonly word?: string;
  readonly children: ComponentChildren;
}

/** A question before something that is not undone, with its answer. A failure leaves it open, with all that was typed. */
function Ask({ title, button, method = 'POST', path, sending, word, children, onClose, onDone }: Asking) {
  const { client } = useSession();
  const [typed, setTyped] = useState('');
  const [failure, setFailure] = useState<Failure>();
  const [isBusy, begin] = useWork();
  const isReady = word === undefined || typed.trim() === word;
  const send = async (): Promise<void> => {
    const outcome = await client.ask<unknown>(method, path, sending);
    if (outcome.ok) onDone(outcome.value);
    else setFailure(outcome);
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={(event) => { event.preventDefault(); if (isReady) begin(send); }}>
        {children}
        {word !== undefined && <TextField at="" label={`Type ${word} to go on`} value={typed} onValue={setTyped} mono />}
        {failure !== undefined && <FailureNotice failure={failure} />}
        <div class="actions">
          <Button type="submit" tone="bad" busy={isBusy} disabled={!isReady}>{button}</Button>
          <Button onClick={onClose}>Cancel</Button>
        </div>
      </form>
    </Dialog>
  );
}

const pathOf = ({ id }: ApiKey, rest = ''): string => `/keys/${encodeURIComponent(id)}${rest}`;

const GRACES: readonly number[] = [0, 3_600_000, DAY, 7 * DAY, 30 * DAY];

export function RotateDialog(props: DialogProps) {
  const { gracePeriodMs } = useSession().settings.lifecycle;
  const [grace, setGrace] = useState(String(gracePeriodMs));
  const choices = [...new Set([...GRACES, gracePeriodMs])].sort((a, b) => a - b).map((ms): Choice => [String(ms), ms === 0 ? 'No time: it ends at once' : span(ms)]);
  return (
    <Ask {...props} title="Rotate this key" button="Rotate" path={pathOf(props.apiKey, '/rotate')} sending={{ body: { gracePeriodSeconds: Number(grace) / 1_000 }, version: props.apiKey.version }}>
      <p>You get a new key with the settings of <Words text={props.apiKey.name} />, shown once.</p>
      <SelectField at="" label="The old key goes on working for" value={grace} onValue={setGrace} choices={choices} hint="Never longer than it would have worked anyway." />
    </Ask>
  );
}

export const RegenerateDialog = (props: DialogProps) => (
  <Ask {...props} title="Regenerate this slot" button="Regenerate" word={props.apiKey.slot ?? ''} path={`/tenants/${encodeURIComponent(props.apiKey.tenantId ?? '')}/slots/${props.apiKey.slot ?? ''}/regenerate`} sending={{ body: { environment: props.apiKey.environment } }}>
    <p>The key <Words text={props.apiKey.name} /> ends at once, and a new one takes its slot. Whoever still uses the old one is refused from then on.</p>
  </Ask>
);

export function RevokeDialog(props: DialogProps) {
  const [reason, setReason] = useState('');
  return (
    <Ask {...props} title="Revoke this key" button="Revoke for good" word="revoke" path={pathOf(props.apiKey, '/revoke')} sending={{ body: reason.trim() === '' ? {} : { reason: reason.trim() } }}>
      <p><Words text={props.apiKey.name} /> is refused from now on. This cannot be undone.</p>
      <TextField at="" label="Why" value={reason} onValue={setReason} hint="Kept with the key, for whoever asks later." />
    </Ask>
  );
}

export const DeleteDialog = (props: DialogProps) => (
  <Ask {...props} title="Delete this key" button="Delete" word="delete" method="DELETE" path={pathOf(props.apiKey)} sending={{}}>
    <p><Words text={props.apiKey.name} /> is refused from now on and leaves the list. For a while it can be restored: it stands in the list with the status Deleted.</p>
  </Ask>
);
