import { FailureNotice, Notice } from '../parts/notices.js';
import { homeless } from './errors.js';
import { FIELDS } from './key-form.js';
import type { KeyFormState } from './use-key-form.js';

/** What stands above the buttons: why it did not go through, and what is wrong beyond the fields in sight. */
export function Problems({ form: { failure, complaints } }: { readonly form: KeyFormState }) {
  const others = homeless(complaints, FIELDS);
  if (failure === undefined) return complaints.isSent && complaints.errors.length > 0 ? <Notice tone="bad" title="Some of this is not right yet"><p>The fields say what.</p></Notice> : null;
  return (
    <>
      <FailureNotice failure={failure} />
      {others.length > 0 && <ul class="complaints">{others.map(({ field, message }) => <li key={field}><code>{field}</code> {message}</li>)}</ul>}
    </>
  );
}
