import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { FieldError } from '../api/types.js';

/** What is wrong with a form, and where it may already be said: not in fields that nobody has come to yet. */
export interface Complaints {
  readonly errors: readonly FieldError[];
  /** Fields that have been typed into. */
  readonly touched: ReadonlySet<string>;
  /** Sending has been tried: everything may be said. */
  readonly isSent: boolean;
}

const NO_COMPLAINTS: Complaints = { errors: [], touched: new Set(), isSent: false };

export const ComplaintsContext = createContext<Complaints>(NO_COMPLAINTS);

/** Whether an error is about a field, or something inside it. `at` and `field` are JSON pointers into the body. */
const isAbout = (field: string, at: string): boolean => field === at || field.startsWith(`${at}/`);

/** What to say below a field, or `undefined`. */
export function useComplaint(at: string | undefined): string | undefined {
  const { errors, touched, isSent } = useContext(ComplaintsContext);
  if (at === undefined || (!isSent && !touched.has(at))) return undefined;
  return errors.filter(({ field }) => isAbout(field, at)).map(({ message, field }) => placed(message, field.slice(at.length)))[0];
}

/** Which line of a list is meant. */
function placed(message: string, inside: string): string {
  const line = /^(?:\/(?:allow|deny))?\/(\d+)/.exec(inside)?.[1];
  return line === undefined ? message : `Line ${String(Number(line) + 1)}: ${message}`;
}

/** Errors about none of the fields that the form shows. */
export const homeless = ({ errors }: Complaints, fields: readonly string[]): readonly FieldError[] => errors.filter(({ field }) => !fields.some((at) => isAbout(field, at)));
