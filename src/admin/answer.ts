import type { ServerResponse } from 'node:http';
import { isGone, releaseAtEnd } from '../http/release.js';
import type { HostRequest } from '../http/types.js';

/** What a request is answered with. */
export interface Answer {
  readonly status: number;
  /** Default: `application/json`. */
  readonly type?: string;
  /** Absent: no content. */
  readonly body?: unknown;
  /** A long text, a piece at a time, in the place of a body. */
  readonly pieces?: AsyncIterable<string>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Writes an answer, unless somebody has answered already or nobody waits. */
export function send({ status, type = 'application/json', body, headers = {} }: Answer, req: HostRequest, res: ServerResponse): void {
  if (!begin({ status, headers }, req, res)) return;
  const text = body === undefined ? '' : JSON.stringify(body);
  if (body !== undefined) {
    res.setHeader('Content-Type', type);
    res.setHeader('Content-Length', Buffer.byteLength(text));
  }
  // Node keeps the text back for HEAD.
  res.end(text);
}

/**
 * Writes a long answer no faster than it is read. Rejects when its first piece fails, with nothing written yet; a later failure cuts
 * the answer off, so that nobody takes a part for the whole. Whoever makes the pieces is told when no more are wanted.
 */
export async function sendPieces({ pieces, type = 'text/plain', ...answer }: Answer & { readonly pieces: AsyncIterable<string> }, req: HostRequest, res: ServerResponse, report: (error: unknown) => void): Promise<void> {
  const reader = pieces[Symbol.asyncIterator]();
  let next = await reader.next();
  try {
    if (!begin(answer, req, res)) return;
    res.setHeader('Content-Type', type);
    if (req.method === 'HEAD') next = { done: true, value: undefined };
    const drained = drainOf(req, res);
    while (next.done !== true && !isGone(req, res)) {
      if (!res.write(next.value)) await drained();
      if (!isGone(req, res)) next = await reader.next();
    }
    res.end();
  } catch (error) {
    report(error);
    res.destroy();
  } finally {
    await reader.return?.();
  }
}

/** Waits until what was written has been taken. A client that leaves takes nothing any more. */
function drainOf(req: HostRequest, res: ServerResponse): () => Promise<void> {
  let go = (): void => undefined;
  const wake = (): void => { go(); };
  res.on('drain', wake);
  releaseAtEnd(req, res, wake);
  return () =>
    new Promise((resolve) => {
      go = resolve;
      if (isGone(req, res)) resolve();
    });
}

/** The head of an answer; `false` when none is to be written. */
function begin({ status, headers = {} }: Pick<Answer, 'status' | 'headers'>, req: HostRequest, res: ServerResponse): boolean {
  if (res.headersSent || isGone(req, res)) return false;
  res.statusCode = status;
  // Plaintext keys, and lists that the next person on this machine must not find.
  res.setHeader('Cache-Control', 'no-store');
  // Names and metadata are other people's words: a browser must not take them for a page.
  res.setHeader('X-Content-Type-Options', 'nosniff');
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
  return true;
}
