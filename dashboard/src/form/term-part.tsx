import { useSession } from '../lib/session.js';
import { DAY, moment, span } from '../lib/words.js';
import { Section } from '../parts/basics.js';
import { RadioField, TextField, type Choice } from './fields.js';
import type { PartProps } from './key-form.js';

const DAYS = [7, 30, 90, 365];

/** From when to when it works. */
export function TermPart({ draft, edit, isNew }: PartProps) {
  const { maxLifetimeMs } = useSession().settings.lifecycle;
  const presets = DAYS.filter((days) => maxLifetimeMs === undefined || days * DAY <= maxLifetimeMs).map((days): Choice => [String(days), days === 365 ? '1 year' : `${String(days)} days`]);
  const never: Choice[] = [['never', maxLifetimeMs === undefined ? 'Never' : `As late as allowed (${span(maxLifetimeMs)})`]];
  const hint = draft.expiry === 'never' ? (maxLifetimeMs === undefined ? 'A key without an end works until somebody revokes it, also after it has leaked.' : undefined) : DAYS.includes(Number(draft.expiry)) ? `Ends about ${moment(new Date(Date.now() + Number(draft.expiry) * DAY).toISOString())}.` : undefined;
  return (
    <Section title="How long it works" id="part-term">
      <RadioField at={draft.expiry === 'date' ? undefined : '/expiresAt'} label="It ends" value={draft.expiry} choices={[...(isNew ? presets : []), ['date', 'On a date'], ...never]} onValue={(expiry) => { edit({ expiry }, ...(expiry === 'date' ? [] : ['/expiresAt'])); }} hint={hint} />
      <div class="columns">
        {draft.expiry === 'date' && <TextField at="/expiresAt" type="datetime-local" label="Ends at" value={draft.expiresAt} onValue={(expiresAt) => { edit({ expiresAt }, '/expiresAt'); }} />}
        <TextField at="/notBefore" type="datetime-local" label="Works from" value={draft.notBefore} onValue={(notBefore) => { edit({ notBefore }, '/notBefore'); }} hint="Empty: at once." />
      </div>
    </Section>
  );
}
