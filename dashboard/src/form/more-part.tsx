import { Section } from '../parts/basics.js';
import { AreaField, TextField } from './fields.js';
import type { PartProps } from './key-form.js';

/** What keystile keeps for others to read. */
export const MorePart = ({ draft, edit }: PartProps) => (
  <Section title="Notes" id="part-more">
    <TextField at="/tags" label="Tags" value={draft.tags} onValue={(tags) => { edit({ tags }, '/tags'); }} placeholder="blue, billing" hint="For finding it again. With commas in between." />
    <AreaField at="/metadata" label="Metadata" value={draft.metadata} onValue={(metadata) => { edit({ metadata }, '/metadata'); }} placeholder={'{"team": "billing"}'} hint="JSON that your handlers see with every request. No secrets: everybody who manages keys reads it." rows={4} />
  </Section>
);
