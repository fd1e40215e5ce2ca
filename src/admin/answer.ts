import type { ServerResponse } from 'node:http';
import { isGone } from '../http/release.js';
import type { HostRequest } from '../http/types.js';

/** What a request is answered with. */
export interface Answer {
  readonly status: number;
  /** Default: `application/json`. */
  readonly type?: string;
  /** Absent: no content. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Writes an answer, unless somebody has answered already or nobody waits. */
export function send({ status, type = 'application/json', body, headers = {} }: Answer, req: HostRequest, res: ServerResponse): void {
  if (res.headersSent || isGone(req, res)) return;
  const text = body === undefined ? '' : JSON.stringify(body);
  res.statusCode = status;
  // Plaintext keys, and lists that the next person on this machine must not find.
  res.setHeader('Cache-Control', 'no-store');
  // Names and metadata are other people's words: a browser must not take them for a page.
  res.setHeader('X-Content-Type-Options', 'nosniff');
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
  if (body !== undefined) {
    res.setHeader('Content-Type', type);
    res.setHeader('Content-Length', Buffer.byteLength(text));
  }
  // Node keeps the text back for HEAD.
  res.end(text);
}
