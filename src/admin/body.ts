import { isUtf8 } from 'node:buffer';
import { collectBody } from '../http/collect-body.js';
import { headerLines } from '../http/raw-request.js';
import type { HostRequest } from '../http/types.js';
import { checkPlain } from './plain-json.js';
import { ManagementError } from './problems.js';

/** 100 kB, the usual bound of body parsers. */
const MAX_BODY = 102_400;

type Parsed = HostRequest & { readonly body?: unknown };

/** Throws a 415 unless the body is said to be JSON in UTF-8. `types` are media types in lower case. */
export function checkMediaType(req: HostRequest, types: readonly string[]): void {
  const lines = headerLines(req, 'content-type');
  const [type = '', ...parameters] = (lines[0] ?? '').toLowerCase().split(';').map((part) => part.trim());
  const charset = parameters.find((parameter) => parameter.startsWith('charset='))?.slice('charset='.length).replaceAll('"', '');
  const encoding = req.headers['content-encoding'] ?? 'identity';
  if (lines.length === 1 && types.includes(type) && (charset ?? 'utf-8') === 'utf-8' && encoding.toLowerCase() === 'identity') return;
  throw new ManagementError('unsupported_media_type');
}

/**
 * The JSON value of a body, `{}` for an empty one; at most 100 kB and 32 levels deep. Also when a body parser of the host has read it
 * before. Never settles when the client leaves before the end: then there is nobody to answer.
 */
export async function readJson(req: HostRequest): Promise<unknown> {
  if (Number(req.headers['content-length'] ?? 0) > MAX_BODY) throw tooLarge();
  // An empty body that somebody else has waited for has ended without having been read.
  const isTaken = req.readableDidRead || req.readableEnded;
  const value = isTaken ? readBefore((req as Parsed).body, req.readableDidRead) : parse(await collect(req));
  checkPlain(value);
  return value;
}

/** Never settles when the client has left: there is nobody to answer. */
async function collect(req: HostRequest): Promise<Buffer> {
  const bytes = await collectBody(req, MAX_BODY);
  if (bytes === 'too_large') throw tooLarge();
  return bytes === 'gone' ? new Promise<never>(() => undefined) : bytes;
}

/** What a body parser has left: a value, or the text or bytes of one. */
function readBefore(body: unknown, hadContent: boolean): unknown {
  if (!hadContent) return {};
  if (typeof body === 'string') return parse(Buffer.from(body));
  if (body instanceof Uint8Array) return parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength));
  if (body === undefined) throw new ManagementError('malformed_json', { detail: 'The body has been read before it came here.' });
  return body;
}

function parse(bytes: Buffer): unknown {
  if (bytes.length > MAX_BODY) throw tooLarge();
  if (bytes.length === 0) return {};
  try {
    if (isUtf8(bytes)) return JSON.parse(bytes.toString('utf8').replace(/^\ufeff/, '')) as unknown;
  } catch {
    // The engine's message repeats the body.
  }
  throw new ManagementError('malformed_json');
}

const tooLarge = (): ManagementError => new ManagementError('body_too_large');
