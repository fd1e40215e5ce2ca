import { attempt, createCopy } from '../core/redaction/redacted-copy.js';
import type { Redact } from '../core/redaction/spans.js';

/** What pino calls with a field of a log line; its answer is written in the field's place. */
export type LogSerializer = (value: unknown) => unknown;

/** A type, not an interface: only a type fits pino's table of serializers under any name. */
export type LogSerializers = {
  /** A request, as pino shows it: id, method, address, query, params, headers, remote address; and the id of its key. */
  readonly req: LogSerializer;
  /** A response: status and headers. */
  readonly res: LogSerializer;
  /** An error, its cause and its fields, such as the request it was about. */
  readonly err: LogSerializer;
  /** A principal, or a key of the management API: the id, and the masked key where there is one. */
  readonly apiKey: LogSerializer;
};

/** What is read of a request or response: anything may have been put there. pino-http hands out its own view, with the original in `raw`. */
interface Logged {
  readonly raw?: Logged;
  readonly id?: unknown;
  readonly method?: unknown;
  readonly url?: unknown;
  readonly originalUrl?: unknown;
  readonly query?: unknown;
  readonly params?: unknown;
  readonly headers?: unknown;
  readonly socket?: { readonly remoteAddress?: unknown; readonly remotePort?: unknown };
  readonly apiKey?: unknown;
  readonly headersSent?: unknown;
  readonly statusCode?: unknown;
  getHeaders?(): unknown;
}

/** The same object under the names that pino uses by itself, so that a log looks as before. */
export function createSerializers(redact: Redact, isCredential: (name: string) => boolean): LogSerializers {
  const copy = createCopy(redact, isCredential);
  const about = (read: (view: Logged) => object): LogSerializer => (value) => copy(typeof value === 'object' && value !== null ? attempt(() => read((value as Logged).raw ?? value)) : value);
  return {
    req: about((req) => {
      const { id, method, query, params, headers, socket, apiKey } = req;
      const caller = apiKey === undefined ? {} : { apiKey: labelOf(apiKey) };
      // What a client may fill comes last: the rest of an overlong request is left out.
      return { id, method, url: req.originalUrl ?? req.url, remoteAddress: socket?.remoteAddress, remotePort: socket?.remotePort, ...caller, headers, params, query };
    }),
    res: about((res) => ({ statusCode: res.headersSent === false ? null : res.statusCode, headers: res.getHeaders?.() ?? res.headers })),
    err: copy,
    apiKey: (value) => copy(attempt(() => labelOf(value))),
  };
}

function labelOf(apiKey: unknown): unknown {
  if (typeof apiKey !== 'object' || apiKey === null) return { apiKey };
  const { id, masked } = apiKey as { readonly id?: unknown; readonly masked?: unknown };
  return { id, masked };
}
