import { useSession } from '../lib/session.js';
import { codeText } from '../lib/words.js';
import { Section, Words } from '../parts/basics.js';
import { SelectField, TextField } from './fields.js';
import type { PartProps } from './key-form.js';

const OWNERS = [['', 'Nobody in particular'], ['user', 'A person'], ['org', 'An organisation'], ['service', 'A service']] as const;
const SLOTS = [['', 'No slot'], ['primary', 'Primary'], ['secondary', 'Secondary']] as const;

/** Whose key it is, and what it is called. */
export function IdentityPart({ draft, edit, isNew }: PartProps) {
  const { settings } = useSession();
  return (
    <Section title="Who uses it" id="part-identity">
      <TextField at="/name" label="Name" required value={draft.name} onValue={(name) => { edit({ name }, '/name'); }} placeholder="Warehouse sync – production" hint="What uses it, where, and who to ask. Nobody sees it but whoever manages keys." />
      <div class="columns">
        {isNew && <SelectField at="/environment" label="Environment" value={draft.environment} onValue={(environment) => { edit({ environment }, '/environment'); }} choices={settings.environments.map((name) => [name, codeText(name)] as const)} hint="Part of the key itself: it never changes." />}
        {isNew && settings.tenantId === undefined && (
          <TextField at="/tenantId" label="Tenant" value={draft.tenantId} onValue={(tenantId) => { edit({ tenantId }, '/tenantId', '/slot'); }} hint={settings.format.needsTenant ? 'Carried in the key, so it is needed.' : 'The customer, account or workspace it belongs to. It never changes.'} />
        )}
        {isNew && settings.tenantId !== undefined && <p class="field fixed"><span class="label">Tenant</span><Words text={settings.tenantId} /></p>}
        <SelectField at="/owner" label="Owner" value={draft.ownerType} onValue={(ownerType) => { edit({ ownerType }, '/owner'); }} choices={OWNERS} />
        {draft.ownerType !== '' && <TextField at="/owner/id" label="Owner’s id" required value={draft.ownerId} onValue={(ownerId) => { edit({ ownerId }, '/owner/id'); }} />}
        {isNew && draft.tenantId !== '' && <SelectField at="/slot" label="Slot" value={draft.slot} onValue={(slot) => { edit({ slot }, '/slot'); }} choices={SLOTS} hint="A tenant has one of each per environment, to exchange in turn." />}
      </div>
    </Section>
  );
}
