import type { z } from 'zod';
import type { ConfigurationError } from '../core/errors.js';
import { pointerPart } from './plain-json.js';
import { invalidInput, type FieldError } from './problems.js';

type Issue = z.core.$ZodIssue;

const MAX_ERRORS = 100;

/** The value as the schema gives it, or a 422 that names every wrong field. */
export function readInput<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw invalidInput(...result.error.issues.flatMap((issue) => errorsOf(issue, [])).slice(0, MAX_ERRORS));
}

function errorsOf(issue: Issue, base: readonly PropertyKey[]): FieldError[] {
  const path = [...base, ...issue.path];
  if (issue.code === 'unrecognized_keys') return issue.keys.slice(0, MAX_ERRORS).map((name) => fieldError([...path, name], 'is not a field', issue.code));
  const meant = issue.code === 'invalid_union' ? nearestBranch(issue.errors) : undefined;
  if (meant !== undefined) return meant.flatMap((inner) => errorsOf(inner, path));
  return [fieldError(path, issue.message, issue.code)];
}

/** Of the branches that looked into the value, the one with the fewest complaints is what was meant. */
const nearestBranch = (branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined =>
  branches.filter((branch) => branch.some((inner) => inner.path.length > 0 || inner.code === 'unrecognized_keys')).sort((a, b) => a.length - b.length)[0];

const fieldError = (path: readonly PropertyKey[], message: string, code: string): FieldError => ({ field: path.map((part) => `/${pointerPart(part)}`).join(''), message, code });

/** The 422 for what the keyring itself refuses: an unknown plan, a wrong CIDR. Its options begin with the operation's name. */
export function refusedByKeyring(error: ConfigurationError): Error {
  const parts = error.option.replace(/\[(\d+)\]/g, '.$1').split('.');
  const own = OPERATIONS.has(parts[0] ?? '') ? parts.slice(1) : parts;
  return invalidInput(fieldError(own, error.message.slice(error.option.length + 2), error.code));
}

const OPERATIONS: ReadonlySet<string> = new Set(['create', 'update', 'rotate', 'regenerate', 'revoke', 'list', 'request', 'guard', 'activity', 'usage', 'topKeys']);
