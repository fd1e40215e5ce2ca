import { useSession } from '../lib/session.js';
import { ruleText } from '../lib/words.js';
import { Button, Section } from '../parts/basics.js';
import type { Draft, RuleDraft } from './draft.js';
import { useComplaint } from './errors.js';
import { RadioField, SelectField, TextField, type Choice } from './fields.js';
import type { PartProps } from './key-form.js';

const EACH: readonly Choice[] = [['1000', 'per second'], ['60000', 'per minute'], ['3600000', 'per hour'], ['86400000', 'per day'], ['at-once', 'at once']];
const PER: readonly Choice[] = [['key', 'this key'], ['tenant', 'the whole tenant'], ['owner', 'its owner'], ['ip', 'each address']];
const NEW_RULE: RuleDraft = { limit: '60', each: '60000', per: 'key' };

/** How much it may ask for: a plan, limits of its own, or the keyring's. */
export function LimitsPart({ draft, edit }: PartProps) {
  const { plans, defaultLimits } = useSession().settings;
  const shown = draft.limitsBy === 'plan' ? plans.find(({ name }) => name === draft.plan)?.limits : defaultLimits;
  const choices: Choice[] = [...(plans.length > 0 ? [['plan', 'A plan'] as const] : []), ['own', 'Limits of its own'], ['default', 'The usual limits']];
  return (
    <Section title="How much it may ask for" id="part-limits">
      <RadioField at={draft.limitsBy === 'plan' ? undefined : '/plan'} label="Limits" value={draft.limitsBy} choices={choices} onValue={(value) => { edit({ limitsBy: value as Draft['limitsBy'], ...(value === 'own' && draft.rules.length === 0 && { rules: [NEW_RULE] }) }, '/plan', '/limits'); }} />
      {draft.limitsBy === 'plan' && <SelectField at="/plan" label="Plan" value={draft.plan} onValue={(plan) => { edit({ plan }, '/plan'); }} choices={planChoices(plans.map(({ name }) => name), draft.plan)} />}
      {draft.limitsBy === 'own' ? <Rules draft={draft} edit={edit} /> : <p class="hint">{shown === undefined ? 'This plan is no longer declared: the key is refused until it has another one.' : shown.length === 0 ? 'No limit: it may send any number of requests.' : shown.map(ruleText).join(' · ')}</p>}
    </Section>
  );
}

/** A plan that has gone is still what the key has. */
const planChoices = (names: readonly string[], current: string): Choice[] => [...new Set([...names, current])].filter((name) => name !== '').map((name) => [name, name]);

function Rules({ draft: { rules }, edit }: Pick<PartProps, 'draft' | 'edit'>) {
  const complaint = useComplaint('/limits');
  const set = (next: readonly RuleDraft[]): void => { edit({ rules: next }, '/limits'); };
  const change = (index: number, changes: Partial<RuleDraft>): void => { set(rules.map((rule, at) => (at === index ? { ...rule, ...changes } : rule))); };
  return (
    <div class="rules">
      {rules.map((rule, index) => {
        // A window of a length that has no name here: it stays what it is.
        const each = EACH.some(([value]) => value === rule.each) ? EACH : [...EACH, [rule.each, `per ${String(Number(rule.each) / 1_000)} s`] as const];
        return (
          <fieldset class="rule" key={index}>
            <legend class="visually-hidden">Limit {index + 1}</legend>
            <TextField at={`/limits/${String(index)}/limit`} label="At most" value={rule.limit} onValue={(limit) => { change(index, { limit }); }} />
            <SelectField at={`/limits/${String(index)}/kind`} label="How often" value={rule.each} choices={each} onValue={(value) => { change(index, { each: value }); }} />
            <SelectField at={`/limits/${String(index)}/per`} label="Counted for" value={rule.per} choices={PER} onValue={(per) => { change(index, { per: per as RuleDraft['per'] }); }} />
            <Button aria-label={`Remove limit ${String(index + 1)}`} onClick={() => { set(rules.filter((_, at) => at !== index)); }}>Remove</Button>
          </fieldset>
        );
      })}
      {rules.length === 0 && <p class="hint">No limit: it may send any number of requests.</p>}
      {complaint !== undefined && <p class="complaint">{complaint}</p>}
      <Button onClick={() => { set([...rules, rules.some(({ each }) => each === NEW_RULE.each) ? { limit: '10000', each: '86400000', per: 'key' } : NEW_RULE]); }}>Add a limit</Button>
    </div>
  );
}
