import { attempt, read, type Copy } from '../core/redaction/redacted-copy.js';

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

/**
 * The same object under the names that pino uses by itself, so that a log looks as before. Anything may have been put there: each
 * field is read by itself.
 */
export function createSerializers(copy: Copy): LogSerializers {
  const about = (show: (view: object) => unknown): LogSerializer => (value) => (typeof value === 'object' && value !== null ? show(originalOf(value)) : copy(value));
  return {
    req: about((req) => {
      const [socket, apiKey] = [read(req, 'socket'), read(req, 'apiKey')];
      const { id, method, query, params, headers } = fieldsOf(req, ['id', 'method', 'query', 'params', 'headers']);
      const { remoteAddress, remotePort } = fieldsOf(typeof socket === 'object' && socket !== null ? socket : {}, ['remoteAddress', 'remotePort']);
      // What a client may fill comes last: the rest of an overlong request is left out.
      const shown = copy({ id, method, url: read(req, 'originalUrl') ?? read(req, 'url'), remoteAddress, remotePort, headers, params, query });
      // By itself: under this name a copy would take it for the key.
      return apiKey === undefined ? shown : { ...(shown as object), apiKey: copy(labelOf(apiKey)) };
    }),
    res: about((res) => {
      const headers = typeof read(res, 'getHeaders') === 'function' ? attempt(() => (res as { getHeaders(): unknown }).getHeaders()) : read(res, 'headers');
      return copy({ statusCode: read(res, 'headersSent') === false ? null : read(res, 'statusCode'), headers });
    }),
    err: copy,
    apiKey: (value) => copy(labelOf(value)),
  };
}

/** pino-http hands out its own view, with the original in `raw`. */
function originalOf(view: object): object {
  const raw = read(view, 'raw');
  return typeof raw === 'object' && raw !== null ? raw : view;
}

const fieldsOf = <Name extends string>(from: object, names: readonly Name[]): Readonly<Record<Name, unknown>> =>
  Object.fromEntries(names.map((name) => [name, read(from, name)])) as Record<Name, unknown>;

const labelOf = (apiKey: unknown): object => (typeof apiKey === 'object' && apiKey !== null ? fieldsOf(apiKey, ['id', 'masked']) : { apiKey });
