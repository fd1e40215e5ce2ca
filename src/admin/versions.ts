import { headerLines } from '../http/raw-request.js';
import type { HostRequest } from '../http/types.js';
import type { ApiKey } from '../core/record.js';
import { ManagementError } from './problems.js';

/** A key's version as a strong validator (RFC 9110 §8.8.3). */
export const etag = ({ version }: ApiKey): { readonly ETag: string } => ({ ETag: `"${String(version)}"` });

/**
 * The version that `If-Match` asks for (RFC 9110 §13.1.1), none for `*`. Weak and foreign tags match nothing; of a list only
 * one could match, and no client of this API has reason to send one.
 */
export function versionWanted(req: HostRequest, needed: boolean): { readonly version?: number } {
  const lines = headerLines(req, 'if-match');
  if (lines.length === 0) {
    if (needed) throw new ManagementError('precondition_required');
    return {};
  }
  const [line = ''] = lines;
  if (lines.length > 1 || line.length > 64) throw new ManagementError('invalid_header', { detail: 'If-Match must be one entity tag, or *.' });
  if (line === '*') return {};
  const digits = /^"([1-9]\d{0,14})"$/.exec(line)?.[1];
  if (digits !== undefined) return { version: Number(digits) };
  if (/^(?:W\/)?"[^"]*"$/.test(line)) return { version: NO_VERSION };
  throw new ManagementError('invalid_header', { detail: 'If-Match must be one entity tag, or *.' });
}

/** The version a change is bound to: the one that was looked at, if the request or its caller asks for one at all. */
export function boundTo({ version }: ApiKey, wanted: { readonly version?: number }, always: boolean): { readonly version?: number } {
  if (wanted.version !== undefined && wanted.version !== version) throw new ManagementError('version_conflict');
  return always || wanted.version !== undefined ? { version } : {};
}

/** No key has it. */
const NO_VERSION = -1;

/** The name of a repeatable request: 1 to 255 visible ASCII characters. */
export function idempotencyKeyOf(req: HostRequest): string | undefined {
  const lines = headerLines(req, 'idempotency-key');
  const [line] = lines;
  if (line === undefined || (lines.length === 1 && /^[\x21-\x7e]{1,255}$/.test(line))) return line;
  throw new ManagementError('invalid_header', { detail: 'Idempotency-Key must be 1 to 255 visible ASCII characters.' });
}
