import { useSession } from '../lib/session.js';
import { Empty, Section } from '../parts/basics.js';
import { useComplaint } from './errors.js';
import { CheckField } from './fields.js';
import type { PartProps } from './key-form.js';

/** What the key may do. What a chosen scope brings along is ticked with it, and says so. */
export function ScopesPart({ draft, edit }: PartProps) {
  const { scopes } = useSession().settings;
  const complaint = useComplaint('/scopes');
  const impliedBy = (name: string): readonly string[] => scopes.filter((scope) => draft.scopes.includes(scope.name) && scope.implies.includes(name)).map((scope) => scope.name);
  // Scopes that are no longer declared stay on the key until somebody takes them off.
  const gone = draft.scopes.filter((name) => !scopes.some((scope) => scope.name === name));
  const toggle = (name: string, isOn: boolean): void => { edit({ scopes: isOn ? [...draft.scopes, name] : draft.scopes.filter((other) => other !== name) }, '/scopes'); };
  return (
    <Section title="What it may do" id="part-scopes">
      {scopes.length === 0 && <Empty title="No scopes are declared"><p>Every key may do everything that its other rules allow. Scopes are declared where the keyring is made.</p></Empty>}
      <div class="checks" role="group" aria-labelledby="part-scopes">
        {scopes.map(({ name, implies }) => {
          const by = impliedBy(name);
          const hint = by.length > 0 ? `Comes with ${by.join(', ')}` : implies.length > 0 ? `Includes ${implies.join(', ')}` : undefined;
          return <CheckField key={name} label={<code>{name}</code>} {...(hint !== undefined && { hint })} checked={by.length > 0 || draft.scopes.includes(name)} disabled={by.length > 0} onChecked={(isOn) => { toggle(name, isOn); }} />;
        })}
        {gone.map((name) => <CheckField key={name} label={<code>{name}</code>} hint="No longer declared: it grants nothing." checked onChecked={(isOn) => { toggle(name, isOn); }} />)}
      </div>
      {complaint !== undefined && <p class="complaint">{complaint}</p>}
    </Section>
  );
}
