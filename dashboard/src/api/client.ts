import type { FieldError } from './types.js';

/** Why a request came to nothing: what the server said, or that it said nothing. */
export interface Failure {
  readonly ok: false;
  /** 0 where nobody answered. */
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly errors: readonly FieldError[];
  /** Of the key that an earlier attempt has made. */
  readonly id: string | undefined;
}

export interface Success<T> {
  readonly ok: true;
  readonly value: T;
}

export type Outcome<T> = Success<T> | Failure;

/** What is sent along. */
export interface Sending {
  readonly body?: unknown;
  /** The version of the key that was looked at. */
  readonly version?: number;
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal;
}

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

/** Asks the management API, which stands beside the page; never rejects. */
export interface Client {
  ask<T>(method: Method, path: string, sending?: Sending): Promise<Outcome<T>>;
}

/** A browser takes these for steps in a path, however they are escaped: it would ask for something else than what is called so. */
const hasSteps = (path: string): boolean => /\/\.{1,2}(?:[/?]|$)/.test(path);

const UNREACHABLE: Failure = { ok: false, status: 404, code: 'not_found', detail: 'What is called "." or ".." has no address in a browser.', errors: [], id: undefined };

/** The address of the API, whatever path the host has mounted the page at. */
export const apiAddress = (path: string): string => new URL(`api${path}`, document.baseURI.split('#')[0]).href;

/** `onSignedOut` is called whenever the server no longer knows who is asking. */
export function createClient(onSignedOut: () => void): Client {
  return {
    async ask<T>(method: Method, path: string, sending: Sending = {}): Promise<Outcome<T>> {
      if (hasSteps(path)) return UNREACHABLE;
      try {
        const answer = await fetch(apiAddress(path), requestOf(method, sending));
        const text = await answer.text();
        if (answer.ok && isJson(answer)) return { ok: true, value: (text === '' ? undefined : JSON.parse(text)) as T };
        const failure = isLoginPage(answer) ? NOBODY : failureOf(answer.status, text);
        if (failure.status === 401) onSignedOut();
        return failure;
      } catch (error) {
        const isAborted = error instanceof DOMException && error.name === 'AbortError';
        return { ok: false, status: 0, code: isAborted ? 'aborted' : 'offline', detail: 'The server does not answer. Check your connection, then try again.', errors: [], id: undefined };
      }
    },
  };
}

/** A login before the API that sends whoever it does not know to its page, or answers with that page itself. */
const isLoginPage = (answer: Response): boolean => answer.type === 'opaqueredirect' || (answer.ok && !isJson(answer));

const isJson = ({ status, headers }: Response): boolean => status === 204 || /\bjson\b/.test(headers.get('content-type') ?? '');

const NOBODY: Failure = { ok: false, status: 401, code: 'not_signed_in', detail: 'Nobody is signed in.', errors: [], id: undefined };

function requestOf(method: Method, { body, version, idempotencyKey, signal }: Sending): RequestInit {
  return {
    method,
    // Where it leads to is a page for people, and no answer.
    redirect: 'manual',
    credentials: 'same-origin',
    cache: 'no-store',
    headers: {
      Accept: 'application/json',
      ...(body !== undefined && { 'Content-Type': 'application/json' }),
      ...(version !== undefined && { 'If-Match': `"${String(version)}"` }),
      ...(idempotencyKey !== undefined && { 'Idempotency-Key': idempotencyKey }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(signal !== undefined && { signal }),
  };
}

/** A proxy in between may answer something else than the API does. */
function failureOf(status: number, text: string): Failure {
  const said = readObject(text);
  return {
    ok: false,
    status,
    code: typeof said['code'] === 'string' ? said['code'] : `http_${String(status)}`,
    detail: typeof said['detail'] === 'string' ? said['detail'] : `The server answered with status ${String(status)}.`,
    errors: Array.isArray(said['errors']) ? (said['errors'] as FieldError[]) : [],
    id: typeof said['id'] === 'string' ? said['id'] : undefined,
  };
}

function readObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
