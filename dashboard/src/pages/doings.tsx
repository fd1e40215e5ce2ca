import { useState, useMemo } from 'preact/hooks';
import type { FunctionComponent } from 'preact';
import type { Outcome } from '../api/client.js';
import type { ApiKey, Settings, Succession } from '../api/types.js';
import { goTo } from '../lib/router.js';
import { useMay, useSession } from '../lib/session.js';
import { Button, Section } from '../parts/basics.js';
import { FailureNotice } from '../parts/notices.js';
import { DeleteDialog, RegenerateDialog, RevokeDialog, RotateDialog, type DialogProps } from './doing-dialogs.js';

interface Doing {
  readonly name: string;
  readonly action: Settings['may'][number];
  readonly text: string;
  readonly about: string;
  readonly tone?: 'bad';
  /** Asks first; without one it is done at once, since it can be undone. */
  readonly ask?: FunctionComponent<DialogProps>;
  isPossible(key: ApiKey): boolean;
}

const isOver = ({ status }: ApiKey): boolean => status === 'revoked' || status === 'expired';

const DOINGS: readonly Doing[] = [
  { name: 'rotate', action: 'rotate', text: 'Rotate', about: 'A new key with the same settings. This one goes on working for a while, so that nobody is cut off.', ask: RotateDialog, isPossible: (key) => !isOver(key) && key.replacedBy === undefined },
  { name: 'regenerate', action: 'regenerate', text: 'Regenerate the slot', about: 'A new key for this slot. This one ends at once.', tone: 'bad', ask: RegenerateDialog, isPossible: (key) => !isOver(key) && key.slot !== undefined && key.tenantId !== undefined },
  { name: 'disable', action: 'disable', text: 'Disable', about: 'It is refused until somebody enables it again.', isPossible: (key) => !isOver(key) && key.disabledAt === undefined },
  { name: 'enable', action: 'enable', text: 'Enable', about: 'It is refused at present. Enabled, it works as it did before.', isPossible: (key) => key.disabledAt !== undefined && key.revokedAt === undefined },
  { name: 'revoke', action: 'revoke', text: 'Revoke', about: 'It is refused from now on, for good.', tone: 'bad', ask: RevokeDialog, isPossible: (key) => key.revokedAt === undefined },
  { name: 'delete', action: 'delete', text: 'Delete', about: 'It is refused from now on and leaves the list; for a while it can be restored.', tone: 'bad', ask: DeleteDialog, isPossible: () => true },
];

/** Whatever can be done with the key as it is, by whoever looks at it. */
export function Doings({ apiKey, onChanged, onSuccession }: { readonly apiKey: ApiKey; readonly onChanged: () => void; readonly onSuccession: (succession: Succession) => void }) {
  const { client, say } = useSession();
  const may = useMay();
  const [asked, setAsked] = useState<Doing>();
  const [outcome, setOutcome] = useState<Outcome<unknown>>();
  const [busy, setBusy] = useState<string>();
  const possible = useMemo(() => DOINGS.filter((doing) => may(doing.action) && doing.isPossible(apiKey)), [apiKey, may]);
  if (possible.length === 0) return null;
  const Asked = asked?.ask;

  const doNow = async ({ name, text }: Doing): Promise<void> => {
    setBusy(name);
    const answer = await client.ask<ApiKey>('POST', `/keys/${encodeURIComponent(apiKey.id)}/${name}`, { body: {}, version: apiKey.version });
    setBusy(undefined);
    setOutcome(answer);
    if (answer.ok) say(`${text}d`);
    onChanged();
  };
  const onDone = (value: unknown): void => {
    const doing = asked?.name;
    setAsked(undefined);
    if (doing === 'rotate' || doing === 'regenerate') onSuccession(value as Succession);
    else if (doing === 'delete') goTo('#/keys');
    else onChanged();
  };
  return (
    <Section title="What can be done" id="doings">
      {outcome !== undefined && !outcome.ok && <FailureNotice failure={outcome} />}
      <ul class="danger">
        {possible.map((doing) => (
          <li key={doing.name}>
            <p><strong>{doing.text}</strong><br /><span class="quiet">{doing.about}</span></p>
            <Button tone={doing.tone ?? 'plain'} busy={busy === doing.name} onClick={() => { if (doing.ask === undefined) void doNow(doing); else setAsked(doing); }}>{doing.text}{doing.ask !== undefined && '…'}</Button>
          </li>
        ))}
      </ul>
      {Asked !== undefined && <Asked apiKey={apiKey} onClose={() => { setAsked(undefined); }} onDone={onDone} />}
    </Section>
  );
}
