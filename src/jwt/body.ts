import { collectBody } from '../http/collect-body.js';
import type { HostRequest } from '../http/types.js';
import { isPlainObject } from '../core/options.js';

/** Fields of a request's body, each a text, a list of texts where it was repeated, or whatever JSON holds. */
export type BodyFields = Readonly<Record<string, unknown>>;

/** The fields, or what is wrong; `'gone'` when the client has left. */
export type Body = { readonly fields: BodyFields } | 'unreadable' | 'too_large' | 'unsupported' | 'gone';

const MAX_BYTES = 16_384;

type Parsed = HostRequest & { body?: unknown };

/** Reads a form or a JSON object, whether a body parser of the host has run before or not. */
export async function readBody(req: Parsed): Promise<Body> {
  const type = contentType(req);
  if (type === undefined) return 'unsupported';
  const { body } = req;
  // Express 4's parsers leave an empty object where they have not read anything.
  const parsed = body !== undefined && (req.readableDidRead || !isEmptyObject(body));
  if (parsed) return typeof body === 'string' || Buffer.isBuffer(body) ? parse(Buffer.from(body), type) : fieldsOf(body);
  if (req.readableDidRead || req.destroyed) return 'unreadable';
  const bytes = await collectBody(req, MAX_BYTES);
  return Buffer.isBuffer(bytes) ? parse(bytes, type) : bytes;
}

function contentType(req: Parsed): 'form' | 'json' | undefined {
  if ((req.headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity') return undefined;
  const [type = ''] = (req.headers['content-type'] ?? '').split(';', 1);
  const known: ReadonlyMap<string, 'form' | 'json'> = new Map([['application/x-www-form-urlencoded', 'form'], ['application/json', 'json']]);
  return known.get(type.trim().toLowerCase());
}

function parse(bytes: Buffer, type: 'form' | 'json'): Body {
  if (bytes.length > MAX_BYTES) return 'too_large';
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return type === 'json' ? fieldsOf(JSON.parse(text)) : { fields: formFields(text) };
  } catch {
    return 'unreadable';
  }
}

const fieldsOf = (value: unknown): Body => (isPlainObject(value) ? { fields: value } : 'unreadable');

function formFields(text: string): BodyFields {
  const form = new URLSearchParams(text);
  // Object.fromEntries defines, where an assignment to `__proto__` would do something else.
  return Object.fromEntries([...new Set(form.keys())].map((name) => [name, form.getAll(name).length === 1 ? form.get(name) : form.getAll(name)]));
}

const isEmptyObject = (body: unknown): boolean => isPlainObject(body) && Object.keys(body).length === 0;
