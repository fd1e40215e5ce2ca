import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import { useComplaint } from './errors.js';

interface FieldProps {
  /** JSON pointer of what it becomes in the body. */
  readonly at: string;
  readonly label: string;
  readonly hint?: ComponentChildren;
}

interface Described {
  readonly id: string;
  readonly 'aria-describedby': string | undefined;
  readonly 'aria-invalid': boolean;
}

/** A control with its name above it, and below it what helps and what is wrong. */
function Labelled({ at, label, hint, children }: FieldProps & { readonly children: (described: Described) => ComponentChildren }) {
  const id = useId();
  const complaint = useComplaint(at);
  const describedBy = [hint !== undefined && `${id}-hint`, complaint !== undefined && `${id}-error`].filter(Boolean).join(' ');
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, 'aria-describedby': describedBy === '' ? undefined : describedBy, 'aria-invalid': complaint !== undefined })}
      {hint !== undefined && <p class="hint" id={`${id}-hint`}>{hint}</p>}
      {complaint !== undefined && <p class="complaint" id={`${id}-error`}>{complaint}</p>}
    </div>
  );
}

type TextProps = FieldProps & {
  readonly value: string;
  readonly onValue: (value: string) => void;
  readonly type?: 'text' | 'datetime-local' | 'date' | 'search';
  readonly placeholder?: string;
  readonly required?: boolean;
  readonly list?: string;
  readonly mono?: boolean;
};

export function TextField({ at, label, hint, value, onValue, type = 'text', mono = false, ...rest }: TextProps) {
  return (
    <Labelled at={at} label={label} hint={hint}>
      {(described) => <input {...described} {...rest} class={mono ? 'mono' : undefined} type={type} value={value} dir={type === 'text' ? 'auto' : undefined} autocomplete="off" spellcheck={false} onInput={(event) => { onValue(event.currentTarget.value); }} />}
    </Labelled>
  );
}

export function AreaField({ at, label, hint, value, onValue, placeholder, rows = 3 }: Omit<TextProps, 'type' | 'list'> & { readonly rows?: number }) {
  return (
    <Labelled at={at} label={label} hint={hint}>
      {(described) => <textarea {...described} class="mono" rows={rows} value={value} placeholder={placeholder} autocomplete="off" spellcheck={false} onInput={(event) => { onValue(event.currentTarget.value); }} />}
    </Labelled>
  );
}

export type Choice = readonly [value: string, text: string];

export function SelectField({ at, label, hint, value, onValue, choices }: FieldProps & { readonly value: string; readonly onValue: (value: string) => void; readonly choices: readonly Choice[] }) {
  return (
    <Labelled at={at} label={label} hint={hint}>
      {(described) => (
        <select {...described} value={value} onChange={(event) => { onValue(event.currentTarget.value); }}>
          {choices.map(([name, text]) => <option key={name} value={name} selected={name === value}>{text}</option>)}
        </select>
      )}
    </Labelled>
  );
}

/** One of a few, all in sight. Without `at`, what is wrong is said by the field that the choice has brought up. */
export function RadioField({ at, label, hint, value, onValue, choices }: Omit<FieldProps, 'at'> & { readonly at: string | undefined; readonly value: string; readonly onValue: (value: string) => void; readonly choices: readonly Choice[] }) {
  const id = useId();
  const complaint = useComplaint(at);
  return (
    <fieldset class="field" aria-describedby={complaint === undefined ? undefined : `${id}-error`}>
      <legend>{label}</legend>
      <div class="radios">
        {choices.map(([name, text]) => (
          <label key={name} class="radio">
            <input type="radio" name={id} value={name} checked={name === value} onChange={() => { onValue(name); }} />
            <span>{text}</span>
          </label>
        ))}
      </div>
      {hint !== undefined && <p class="hint">{hint}</p>}
      {complaint !== undefined && <p class="complaint" id={`${id}-error`}>{complaint}</p>}
    </fieldset>
  );
}

export function CheckField({ label, hint, checked, onChecked, disabled = false }: { readonly label: ComponentChildren; readonly hint?: ComponentChildren; readonly checked: boolean; readonly onChecked: (checked: boolean) => void; readonly disabled?: boolean }) {
  const id = useId();
  return (
    <div class="check">
      <input id={id} type="checkbox" checked={checked} disabled={disabled} aria-describedby={hint === undefined ? undefined : `${id}-hint`} onChange={(event) => { onChecked(event.currentTarget.checked); }} />
      <label for={id}>{label}</label>
      {hint !== undefined && <p class="hint" id={`${id}-hint`}>{hint}</p>}
    </div>
  );
}
