import { isKeystileError } from '../core/errors.js';
import type { Answer } from './answer.js';
import { refusedByKeyring } from './input.js';
import { isProblem, ManagementError, problem, statusOfProblem } from './problems.js';

/** The error itself when it is a fault, of a store or of ours, and no expected "no". */
export function faultOf(error: unknown): { readonly error: unknown } | undefined {
  if (error instanceof ManagementError) return undefined;
  if (!isKeystileError(error)) return { error };
  if ('option' in error) return undefined;
  return isProblem(error.code) && statusOfProblem(error.code) < 500 ? undefined : { error };
}

/** The answer to whatever work on a request ends with. What a fault says goes to `report`, never to the client. */
export function answerTo(error: unknown, report: (error: unknown) => void): Answer {
  if (error instanceof ManagementError) return problem(error.code, error.about);
  if (faultOf(error) === undefined && isKeystileError(error)) {
    if ('option' in error) return answerTo(refusedByKeyring(error), report);
    if (isProblem(error.code)) return problem(error.code);
  }
  report(error);
  const known = isKeystileError(error) && isProblem(error.code) ? error.code : 'store_unavailable';
  return problem(statusOfProblem(known) < 500 ? 'store_unavailable' : known);
}
