import type { OperationCode, RefusalCode } from '../core/errors.js';
import { DOCUMENTATION, PROBLEMS } from '../http/refusals.js';
import type { Answer } from './answer.js';

/** Why the management API says no, beside the codes of the keyring. Each has its section in docs/errors.md. */
export type ManagementCode =
  | 'not_signed_in'
  | 'forbidden'
  | 'rights_exceeded'
  | 'cross_site_request'
  | 'not_found'
  | 'not_configured'
  | 'method_not_allowed'
  | 'malformed_json'
  | 'invalid_header'
  | 'body_too_large'
  | 'unsupported_media_type'
  | 'invalid_input'
  | 'precondition_required'
  | 'idempotency_key_used'
  | 'idempotency_key_busy'
  | 'idempotency_key_mismatch'
  | 'idempotency_full';

/** What the keyring's operations on keys may say no with. */
type KeyCode = Extract<OperationCode, 'key_not_found' | 'key_exists' | 'key_not_active' | 'already_rotated' | 'slot_taken' | 'version_conflict' | 'keyring_closed'>;

export type ProblemCode = ManagementCode | RefusalCode | KeyCode;

/** One thing that is wrong with what was sent. */
export interface FieldError {
  /** JSON pointer (RFC 6901) into the body, or the name of a query parameter after a slash. Empty for the whole. */
  readonly field: string;
  readonly message: string;
  readonly code: string;
}

/** What a problem says beyond its code. */
export interface About {
  readonly detail?: string;
  readonly errors?: readonly FieldError[];
  /** Of the key that a repeated request has already made. */
  readonly id?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Problem {
  readonly status: number;
  readonly title: string;
  readonly detail: string;
}

const MANAGEMENT: Readonly<Record<ManagementCode | KeyCode, Problem>> = {
  not_signed_in: { status: 401, title: 'Not signed in', detail: 'Managing API keys needs a signed-in person.' },
  forbidden: { status: 403, title: 'Forbidden', detail: 'You may not do this.' },
  rights_exceeded: { status: 403, title: 'Rights exceeded', detail: 'A key can only give the rights that it has itself.' },
  cross_site_request: { status: 403, title: 'Cross-site request', detail: 'Changes are accepted from pages of the same origin only.' },
  not_found: { status: 404, title: 'Not found', detail: 'There is nothing here.' },
  not_configured: { status: 404, title: 'Not configured', detail: 'The server does not keep this.' },
  method_not_allowed: { status: 405, title: 'Method not allowed', detail: 'This address does not know the method; Allow has those it does.' },
  malformed_json: { status: 400, title: 'Malformed JSON', detail: 'The body is not JSON in UTF-8.' },
  invalid_header: { status: 400, title: 'Invalid header', detail: 'A header field cannot be read.' },
  body_too_large: { status: 413, title: 'Body too large', detail: 'The body is longer than 100 kB.' },
  unsupported_media_type: { status: 415, title: 'Unsupported media type', detail: 'Send the body as application/json in UTF-8, not compressed.' },
  invalid_input: { status: 422, title: 'Invalid input', detail: 'Some of the input is not valid; errors names each field.' },
  precondition_required: { status: 428, title: 'Precondition required', detail: 'Send If-Match with the ETag of the key as you have seen it.' },
  idempotency_key_used: { status: 409, title: 'Idempotency key used', detail: 'This request has been made before. Nothing was created, and the key is not shown again.' },
  idempotency_key_busy: { status: 409, title: 'Idempotency key busy', detail: 'The same request is being worked on.' },
  idempotency_key_mismatch: { status: 422, title: 'Idempotency key mismatch', detail: 'This idempotency key came with another body before.' },
  idempotency_full: { status: 503, title: 'Too many idempotency keys', detail: 'No more idempotency keys can be remembered at the moment.' },
  key_not_found: { status: 404, title: 'Key not found', detail: 'There is no key with this id.' },
  key_exists: { status: 409, title: 'Key exists', detail: 'This key is already there.' },
  key_not_active: { status: 409, title: 'Key not active', detail: 'The key has ended and cannot be rotated.' },
  already_rotated: { status: 409, title: 'Already rotated', detail: 'The key has been rotated already; replacedBy names its successor.' },
  slot_taken: { status: 409, title: 'Slot taken', detail: 'Another key of this tenant and environment has this slot.' },
  version_conflict: { status: 412, title: 'Version conflict', detail: 'The key has been changed in the meantime; read it again.' },
  keyring_closed: { status: 503, title: 'Keyring closed', detail: 'The service is being shut down.' },
};

const ALL: Readonly<Record<ProblemCode, Problem>> = { ...PROBLEMS, ...MANAGEMENT };

/** The known problem behind a code, or `undefined` for a code that no answer may show. */
export const isProblem = (code: string): code is ProblemCode => Object.hasOwn(ALL, code);

export const statusOfProblem = (code: ProblemCode): number => ALL[code].status;

/** RFC 9457 `application/problem+json`. */
export function problem(code: ProblemCode, { detail, errors, id, headers = {} }: About = {}): Answer {
  const { status, title, detail: usual } = ALL[code];
  return {
    status,
    type: 'application/problem+json',
    headers,
    body: { type: DOCUMENTATION + code, title, status, detail: detail ?? usual, code, ...(errors !== undefined && { errors }), ...(id !== undefined && { id }) },
  };
}

/** Ends the work on a request; the router answers it. Never leaves this folder. */
export class ManagementError extends Error {
  readonly code: ProblemCode;
  readonly about: About;

  constructor(code: ProblemCode, about: About = {}) {
    super(code);
    this.name = 'ManagementError';
    this.code = code;
    this.about = about;
  }
}

/** The 422 for fields that the schemas or the keyring refuse. */
export const invalidInput = (...errors: readonly FieldError[]): ManagementError => new ManagementError('invalid_input', { errors });
